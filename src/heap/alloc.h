/*
 * heap/alloc.h - handing out and taking back: the fast paths, and the slow ones they fall into.
 *
 * The fast paths are inline and ask nothing: not whether anything is tracked, not whether the heap
 * is initialised, not whose block it is beyond one compare. What they cannot do they leave to the
 * slow path by a tail call, so that the slow path's caller is the program (see METE__CALLER).
 *
 * For errors and guarantees see heap.h.
 */
#ifndef METE_HEAP_ALLOC_H
#define METE_HEAP_ALLOC_H

#include "heap/cache.h"
#include "heap/heap.h"

/* The slow paths, for a caller that takes itself to be the outermost of mete's functions. */
METE_HIDDEN void *mete__alloc_slow(size_t size);
METE_HIDDEN void mete__alloc_free_slow(void *block);
METE_HIDDEN void mete__alloc_free_sized_slow(void *block, size_t size);

/* After the fast path's free of a span's last block; `block` is what was freed. */
METE_HIDDEN void mete__alloc_emptied(struct mete__span *span, void *block);

/* The same and the rest of the family, with the program's call said outright. */
METE_HIDDEN void *mete__alloc_for(size_t size, const struct mete__caller *caller);
/* align is a power of two; at most METE__SIZE_LIMIT + 1. */
METE_HIDDEN void *mete__alloc_aligned_for(size_t size, size_t align,
                                          const struct mete__caller *caller);
METE_HIDDEN void *mete__alloc_zeroed_for(size_t size, const struct mete__caller *caller);
/* As mete__alloc_zeroed, the program's call said outright. */
METE_HIDDEN void *mete__alloc_zeroed_at(size_t size, const struct mete__caller *caller);
/* calloc, aligned_alloc and realloc, called by the program itself. */
METE_HIDDEN void *mete__alloc_zeroed(size_t size);
METE_HIDDEN void *mete__alloc_aligned(size_t size, size_t align);
METE_HIDDEN void *mete__alloc_resize(void *block, size_t size);
/* As realloc of glibc: NULL allocates; size 0 frees and returns NULL. */
METE_HIDDEN void *mete__alloc_resize_for(void *block, size_t size,
                                         const struct mete__caller *caller);
/* Gives the block another size (not 0) where it is: 0; -ENOMEM where it would have to move. */
METE_HIDDEN int mete__alloc_resize_in_place_for(void *block, size_t size,
                                                const struct mete__caller *caller);
METE_HIDDEN void mete__alloc_free_for(void *block, const struct mete__caller *caller);

/* Makes the first `size` bytes of a fresh block zero. */
METE_HIDDEN void mete__alloc_zero(void *block, size_t size);

/* Bytes the program may use of a block; 0 for NULL. A pointer that is no block is a fatal error. */
METE_HIDDEN size_t mete__alloc_usable(const void *block, const struct mete__caller *caller);

/* The first free block of the span, or NULL. */
METE_INLINE struct mete__block *mete__alloc_pop(struct mete__span *span) {
    struct mete__block *block = span->free;
    if (METE_UNLIKELY(block == NULL)) return NULL;
    span->free = block->next;
    span->used++;
    return block;
}

/* A block of any size that can be had without the slow path, or NULL. */
METE_INLINE struct mete__block *mete__alloc_listed(size_t size) {
    if (METE_LIKELY(size <= METE__DIRECT_MAX))
        return mete__alloc_pop(mete__cache_self->direct[(size + 15) / 16]);
    if (METE_UNLIKELY(size > METE__MEDIUM_MAX)) return NULL;
    return mete__alloc_pop(mete__cache_self->serving[mete__size_class_of(size)]);
}

/* Requests above METE__DIRECT_MAX: by size class while that is no more than a look-up, too. */
METE_HIDDEN void *mete__alloc_classed(size_t size);

METE_INLINE void *mete__alloc(size_t size) {
    if (METE_UNLIKELY(size > METE__DIRECT_MAX)) return mete__alloc_classed(size);
    struct mete__block *block = mete__alloc_pop(mete__cache_self->direct[(size + 15) / 16]);
    return METE_LIKELY(block != NULL) ? block : mete__alloc_slow(size);
}

/* The owner's free of a block of its own span. */
METE_INLINE void mete__alloc_push(struct mete__span *span, void *pointer) {
    struct mete__block *block = pointer;
    block->next = span->local_free;
    span->local_free = block;
    if (METE_UNLIKELY((int32_t)--span->used <= 0)) mete__alloc_emptied(span, pointer);
}

/* Frees a block of the thread's own that nobody watches. False: left as it was. */
METE_INLINE bool mete__alloc_free_own(void *block) {
    struct mete__span *span = mete__span_home(block);
    if (METE_UNLIKELY(span == NULL) ||
        METE_UNLIKELY(mete__span_owner(span) != (uintptr_t)mete__cache_self))
        return false;
    mete__alloc_push(span, block);
    return true;
}

METE_INLINE void mete__alloc_free(void *block) {
    if (METE_UNLIKELY(!mete__alloc_free_own(block))) mete__alloc_free_slow(block);
}

/* `size` is what the program says that the block was asked for with. */
METE_INLINE void mete__alloc_free_sized(void *block, size_t size) {
    if (METE_UNLIKELY(!mete__alloc_free_own(block))) mete__alloc_free_sized_slow(block, size);
}

/* Whether a block should stay where it is: the request fits, and no more than half would be unused.
 */
METE_INLINE bool mete__alloc_stays(size_t usable, size_t size) {
    return size <= usable && (size >= usable / 2 || usable <= 64);
}

#endif
