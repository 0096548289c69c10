/*
 * heap/private.h - heaps of the program's own, each ended as a whole (mete/heap.h).
 *
 * A private heap takes spans of the general heap's size classes, from the same slices, with the
 * same descriptors: so the one look-up from an address leads to its blocks, too. It does not take a
 * cache: its blocks have a bit each (marks.h) in place of links inside, and one lock in place of a
 * thread. Every block, small or large, has its bit.
 *
 * Every span is in one of three lists: its class's while it has a free block, the full ones, the
 * large ones. The end of the heap is a walk over those.
 *
 * Fork: no lock is held across it. In the child every heap is made anew from the marks of its
 * spans, whose bits are true at any instant: what a vanished thread was just handed stays
 * allocated, all else is whole.
 *
 * Invariants (mete__private_walk_verify checks them, after those of marks.h):
 *   P1  A span's owner is the heap | METE__OWNER_PRIVATE, and | METE__OWNER_FULL exactly where no
 *       block is free, and | METE__OWNER_LARGE where its kind says so.
 *   P2  Each span is in the one list that P1 says, once.
 *   P3  span_bytes, spans, metadata_bytes, live_bytes and allocations - frees are the sums of the
 * spans'.
 */
#ifndef METE_HEAP_PRIVATE_H
#define METE_HEAP_PRIVATE_H

#include <mete/heap.h>

#include "heap/marks.h"
#include "heap/span.h"
#include "os/checkers.h"
#include "os/lock.h"
#include "registry/registry.h"

struct mete_heap {
    struct mete__span *serving[METE__CLASSES]; /* spans with a free block */
    struct mete__span *full;
    struct mete__span *large;
    struct mete__lock lock; /* of all that follows, and of the spans */
    bool is_one_thread;     /* fixed */
    size_t max_bytes;       /* fixed */
    uint64_t span_bytes;
    uint64_t spans;
    uint64_t metadata_bytes; /* this struct and the marks */
    uint64_t live_bytes;     /* whole blocks */
    uint64_t peak_bytes;
    uint64_t allocations;
    uint64_t frees;
    uint64_t failures;
    uint64_t told_bytes; /* where a checker listens: live_bytes ever added */
    struct mete__holder holder;
    struct mete__territory territory; /* this struct: its blocks are found by their spans */
    mete_allocator as_allocator;      /* state is the heap from its creation to its end */
};
static_assert(METE_CACHE_LINE > METE__OWNER_BITS, "tables are aligned so that owners have room");

/* How a call is in the heap: what mete__private_enter says, and mete__private_leave is told. */
enum mete__private_entry {
    METE__PRIVATE_REFUSED, /* the calling thread is in it already (a signal handler) */
    METE__PRIVATE_ALONE,   /* no other thread can be in it */
    METE__PRIVATE_LOCKED,
};

METE_INLINE bool mete__private_is_alone(const mete_heap *heap) {
    return heap->is_one_thread || !mete__process_may_have_threads();
}

METE_INLINE METE_MUST_USE enum mete__private_entry mete__private_enter(mete_heap *heap) {
    bool entered;

    if (METE_LIKELY(mete__private_is_alone(heap))) {
        entered = mete__lock_acquire_alone(&heap->lock, mete__lock_token());
        return METE_LIKELY(entered) ? METE__PRIVATE_ALONE : METE__PRIVATE_REFUSED;
    }
    entered = mete__lock_acquire(&heap->lock, mete__lock_token());
    return METE_LIKELY(entered) ? METE__PRIVATE_LOCKED : METE__PRIVATE_REFUSED;
}

METE_INLINE void mete__private_leave(mete_heap *heap, enum mete__private_entry entry) {
    if (METE_LIKELY(entry == METE__PRIVATE_ALONE))
        mete__lock_release_alone(&heap->lock);
    else
        mete__lock_release(&heap->lock);
}

/* The same for who only reads, from any thread, also while another one is in a heap of its own. */
METE_HIDDEN METE_MUST_USE bool mete__private_look(const mete_heap *heap);
METE_HIDDEN void mete__private_look_away(const mete_heap *heap);

/* An empty heap of zeroed memory, without a name. */
METE_HIDDEN void mete__private_begin(mete_heap *heap, size_t max_bytes);

/* A block; NULL with errno. align is a power of two. *zeroed, where zeroed is not NULL: whether the
 * block is known to hold only zeros. */
METE_HIDDEN void *mete__private_alloc(mete_heap *heap, size_t size, size_t align, bool *zeroed);

/* Takes back a block of the heap; anything else is the end. */
METE_HIDDEN void mete__private_free(mete_heap *heap, void *block,
                                    const struct mete__caller *caller);

/* As realloc; neither block nor size is 0. */
METE_HIDDEN void *mete__private_resize(mete_heap *heap, void *block, size_t size,
                                       const struct mete__caller *caller);
/* The same, but never moves: whether the block has room for `size` bytes now. */
METE_HIDDEN METE_MUST_USE bool mete__private_resize_here(mete_heap *heap, void *block, size_t size,
                                                         const struct mete__caller *caller);

/* A live block's usable bytes; anything else is the end. */
METE_HIDDEN size_t mete__private_usable(const mete_heap *heap, const void *block,
                                        const struct mete__caller *caller);

/* Gives every span back, with the heap's lock or at its end. */
METE_HIDDEN void mete__private_clear(mete_heap *heap);

/* Its name for messages; NULL: it is the general heap's (checked.h). */
METE_INLINE const char *mete__private_name(const mete_heap *heap) {
    return heap->holder.name[0] != '\0' ? heap->holder.name : NULL;
}

/* In the child of a fork, after the slices. */
METE_HIDDEN void mete__private_after_fork(void);

/* Bytes of marks for a span of so many blocks. */
METE_INLINE size_t mete__private_marks_bytes(size_t capacity) {
    size_t sizes = METE_UNLIKELY(mete__checkers_listen) ? capacity : 0;
    return sizeof(struct mete__marks) + (mete__marks_words(capacity) + sizes) * sizeof(uint64_t);
}

METE_INLINE void mete__private_count_in(mete_heap *heap, size_t bytes) {
    heap->allocations++;
    heap->live_bytes += bytes;
    if (heap->live_bytes > heap->peak_bytes) heap->peak_bytes = heap->live_bytes;
}

METE_INLINE void mete__private_count_out(mete_heap *heap, size_t bytes) {
    heap->frees++;
    heap->live_bytes -= bytes;
}

/* ---- what most calls come to, with the lock ---- */

/* A block of a span that has a free one, its checkers not yet told. */
METE_INLINE void *mete__private_pop_from(mete_heap *heap, struct mete__span *span) {
    size_t bytes = span->block_bytes, index = mete__marks_take(span->marks);

    if (METE_UNLIKELY(index >= span->carved)) mete__span_set_carved(span, index + 1);
    span->used++;
    mete__private_count_in(heap, bytes);
    return mete__marks_memory(span->marks) + index * bytes;
}

/* A block of a class where that is all there is to do; NULL where it takes a span, or is the last
 * of one. Calls nothing, so that its callers need not save their registers. */
METE_INLINE void *mete__private_pop(mete_heap *heap, unsigned size_class) {
    struct mete__span *span = heap->serving[size_class];

    if (METE_UNLIKELY(span == NULL) || METE_UNLIKELY(span->used + 1 >= span->capacity)) return NULL;
    return mete__private_pop_from(heap, span);
}

/* Takes back a live block where that is all there is to do. False: left as it was. */
METE_INLINE bool mete__private_push(mete_heap *heap, void *block) {
    struct mete__span *span = mete__span_home(block);

    if (METE_UNLIKELY(span == NULL || mete__checkers_listen) ||
        METE_UNLIKELY(mete__span_owner(span) != ((uintptr_t)heap | METE__OWNER_PRIVATE)))
        return false;
    size_t offset = (uintptr_t)block & (METE__SLICE_SIZE - 1), bytes = span->block_bytes;
    size_t index = mete__size_class_divide(offset, span->size_class);
    /* What is left behind the last block may begin where another one would, and has no mark. */
    if (METE_UNLIKELY(index * bytes != offset) || METE_UNLIKELY(index >= span->carved) ||
        METE_UNLIKELY(mete__marks_is_free(span->marks, index)) ||
        METE_UNLIKELY(span->used == 1 && (span->next != NULL || span->previous != NULL)))
        return false;
    mete__marks_give(span->marks, index);
    span->used--;
    mete__private_count_out(heap, bytes);
    return true;
}

#endif
