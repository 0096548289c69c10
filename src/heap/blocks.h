/*
 * heap/blocks.h - small and medium blocks: spans of equal blocks, one class each.
 *
 * A span has two lists, as in mimalloc (Leijen, Zorn, de Moura, "Mimalloc: Free List Sharding in
 * Action", 2019): malloc pops `free`, free pushes `local_free`, and the second becomes the first
 * when that is empty. So a free never lengthens the list that malloc pops, and whoever wants to see
 * the next allocation need only keep that list short. Untouched memory is carved a page at a time.
 *
 * All functions run on the slow path of the cache's owner (between mete__cache_enter and _leave, or
 * with the cache idle and the caches' lock held).
 */
#ifndef METE_HEAP_BLOCKS_H
#define METE_HEAP_BLOCKS_H

#include "heap/cache.h"

/* An empty span of the class whose owner is still 0, or NULL. Any thread. */
METE_HIDDEN struct mete__span *mete__blocks_span(unsigned size_class);

/* A block of the class, or NULL. */
METE_HIDDEN void *mete__blocks_take(struct mete__cache *cache, unsigned size_class);

/* A block of a watched span and its record, not yet filled; NULL where memory ran out. */
METE_HIDDEN void *mete__blocks_take_watched(struct mete__cache *cache, unsigned size_class,
                                            struct mete__record **record);

/* Takes back a block of one of the cache's own spans, watched or not, that the program has freed.
 */
METE_HIDDEN void mete__blocks_return(struct mete__cache *cache, struct mete__block *block);
METE_HIDDEN void mete__blocks_return_to(struct mete__cache *cache, struct mete__span *span,
                                        char *memory, struct mete__block *block);

/* The span's last block has come back through the fast path (or `used` has fallen below 0: then a
 * block of it was freed twice, and false says so). */
METE_HIDDEN bool mete__blocks_emptied(struct mete__cache *cache, struct mete__span *span);

/* Gives spans without a used block back, of every class. The bytes given. */
METE_HIDDEN size_t mete__blocks_trim(struct mete__cache *cache);

#endif
