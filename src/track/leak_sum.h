/*
 * track/leak_sum.h - the leak check's results, summed by stack and kind.
 *
 * A hash table in mappings of its own, for as many blocks as there are and as few stacks as they
 * come from.
 */
#ifndef METE_TRACK_LEAK_SUM_H
#define METE_TRACK_LEAK_SUM_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "profile/format.h"

struct mete__leak_sums {
    struct mete_profile_leak *table; /* kind 0: a free place */
    size_t capacity;                 /* a power of two */
    size_t count;
};

/* -ENOMEM. */
METE_HIDDEN int mete__leak_sum_begin(struct mete__leak_sums *sums);
METE_HIDDEN void mete__leak_sum_end(struct mete__leak_sums *sums);

/* Counts a block. -ENOMEM; then it is not counted. */
METE_HIDDEN int mete__leak_sum_add(struct mete__leak_sums *sums, uint32_t stack,
                                   enum mete_profile_leak_kind kind, uint64_t bytes);

#endif
