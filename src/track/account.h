/*
 * track/account.h - the own peak of a stack that several shards have sites of.
 *
 * Each shard knows only what its own thread allocated and freed: where one thread allocates and
 * another frees, the first would seem to hold ever more. Such shards keep a common account per
 * stack, to which each tells its live bytes when they have moved by METE__ACCOUNT_STEP since it
 * last did. A stack's own peak is therefore exact with one shard, and within shards x
 * METE__ACCOUNT_STEP with more.
 *
 * Lock-free; any thread.
 */
#ifndef METE_TRACK_ACCOUNT_H
#define METE_TRACK_ACCOUNT_H

#include <stdint.h>

#include "base/compiler.h"
#include "track/site.h"

#define METE__ACCOUNT_STEP 4096 /* bytes */

/* Enters a new site. Where another shard has one of the same stack, both are shared from now on. */
METE_HIDDEN void mete__account_join(struct mete__site *site, uint32_t stack);

/* What a shared site does after each change, in place of keeping a peak of its own. */
METE_HIDDEN void mete__account_tell(const struct mete__site_table *table, struct mete__site *site,
                                    uint32_t stack);

#endif
