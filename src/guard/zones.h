/*
 * guard/zones.h - what is around a block and, once it is freed, in it: filled, and looked at.
 *
 * Whatever is found to be wrong is told, and mended, so that it is told once. Where an overflow ran
 * through the zone behind a block and into the one before its neighbour, it is the first block's.
 *
 * Not for two threads and one block at a time; neighbours' zones are read and mended meanwhile.
 */
#ifndef METE_GUARD_ZONES_H
#define METE_GUARD_ZONES_H

#include "heap/cushion.h"

/* Fills both zones. */
METE_HIDDEN void mete__zones_begin(const struct mete__cushion *cushion);

/* Looks at both zones of a live block: heap-underflow and heap-overflow. */
METE_HIDDEN void mete__zones_check(const struct mete__cushion *cushion,
                                   const struct mete__caller *caller);

/* Fills a held block, or where it is large drops its pages. */
METE_HIDDEN void mete__zones_bury(const struct mete__cushion *cushion);

/* Looks at a held block and its zones: write-after-free. Told without a caller: who finds it has
 * nothing to do with it. */
METE_HIDDEN void mete__zones_exhume(const struct mete__cushion *cushion);

#endif
