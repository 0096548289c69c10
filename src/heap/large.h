/*
 * heap/large.h - blocks above 64 KiB, or aligned to more: one span each, whole slices.
 *
 * They belong to no cache, so any thread frees them at once. Thread-safe.
 */
#ifndef METE_HEAP_LARGE_H
#define METE_HEAP_LARGE_H

#include "heap/span.h"

/* A block of at least `size` bytes at a multiple of `align` (a power of two). With `record` not
 * NULL it is watched, and *record is its empty side record. *zeroed as in mete__slices_take. NULL
 * where memory ran out. */
METE_HIDDEN void *mete__large_take(size_t size, size_t align, struct mete__record **record,
                                   bool *zeroed);

/* The span for such a block, whose owner is still 0, and which does not count as used yet; or NULL.
 */
METE_HIDDEN struct mete__span *mete__large_span(size_t size, size_t align, bool *zeroed);
METE_HIDDEN void mete__large_return(struct mete__span *span);

/* Makes room for `size` bytes: where the block stands, or by moving its pages elsewhere; the
 * block's new address, or NULL where that is impossible or pointless (it would be a copy); then
 * nothing has changed. The record moves along. */
METE_HIDDEN void *mete__large_resize(struct mete__span *span, char *memory, size_t size);

/* The same, but never moves: whether the block has room for `size` bytes where it stands now. */
METE_HIDDEN METE_MUST_USE bool mete__large_resize_here(struct mete__span *span, char *memory,
                                                       size_t size);

#endif
