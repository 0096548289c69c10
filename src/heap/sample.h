/*
 * heap/sample.h - when the next block is sampled.
 *
 * In sampled mode each size class of each thread is watched by a process of its own: of its blocks,
 * one in N is sampled, where N is the mean distance in bytes divided by the block size, at least 1.
 * The number of blocks from one sample to the next is geometric, so that every block has the same
 * chance whatever came before, and no rhythm of the program can hide from it. (Sampled this way by
 * tcmalloc and jemalloc, there in bytes and for the whole thread; here per class, so that the
 * distance is the length of a free list.)
 *
 * In guard mode N is given, and the same for all sizes. Either way N is an integer, so a sample
 * stands for exactly N blocks and the estimates need no fractions.
 */
#ifndef METE_HEAP_SAMPLE_H
#define METE_HEAP_SAMPLE_H

#include "heap/cache.h"

/* N for blocks of `bytes` bytes; 1 where the mode is not METE__WATCH_SAMPLED. */
METE_HIDDEN uint64_t mete__sample_interval(size_t bytes);

/* How many blocks of `bytes` bytes go unsampled before the next sample. */
METE_HIDDEN uint64_t mete__sample_distance(struct mete__cache *cache, size_t bytes);

/* Whether this one large block of `bytes` bytes is sampled. */
METE_HIDDEN bool mete__sample_now(struct mete__cache *cache, size_t bytes);

#endif
