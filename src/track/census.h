/*
 * track/census.h - statistics mode: the heap's own totals, put into the profile now and then.
 *
 * No block is watched in this mode; the heap knows its totals anyway, in block sizes
 * (heap/stats.h). They go into the profile as counters of the unknown stack, from the slow paths of
 * allocation, so that a program that is killed leaves them too. They are then at most as old as
 * METE__CENSUS_APART and 8 ms more for each GiB in spans, which takes some 0.1 ms to count, and
 * lack what each thread has allocated and freed since it last came by: 32 refills of its lists.
 */
#ifndef METE_TRACK_CENSUS_H
#define METE_TRACK_CENSUS_H

#include <stdint.h>

#include "base/compiler.h"
#include "track/shard.h"

#define METE__CENSUS_APART 20000000 /* ns: at least so long from one to the next */

/* Takes the totals now. Where another thread is doing so, it is left to that. */
METE_HIDDEN void mete__census_take(void);
/* Looks at the clock, and takes them if that is due. */
METE_HIDDEN void mete__census_tick(void);
/* In the child of a fork: the next is due, and no vanished thread is taking one. */
METE_HIDDEN void mete__census_after_fork(void);

/* As they were taken last; the rest is 0. */
METE_HIDDEN struct mete__shard_totals mete__census_last(void);

#endif
