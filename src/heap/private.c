/* heap/private.h */
#include "heap/private.h"

#include <errno.h>
#include <string.h>

#include "heap/alloc.h"
#include "heap/blocks.h"
#include "heap/checked.h"
#include "heap/large.h"
#include "heap/target.h"
#include "os/memory.h"
#include "os/meta.h"

void mete__private_begin(mete_heap *heap, size_t max_bytes) {
    heap->max_bytes = max_bytes;
    heap->metadata_bytes = sizeof *heap;
    heap->as_allocator.state = heap;
}

/* Who a checker is told it belongs to: the general heap's blocks are to it like those of malloc. */
static const void *told_holder(const mete_heap *heap) {
    return heap == mete__checked ? NULL : heap;
}

/* ---- the lock, for readers ---- */

/* A heap for one thread has no lock that others could wait for: they read what there is. */
bool mete__private_look(const mete_heap *heap) {
    struct mete__lock *lock = (struct mete__lock *)(uintptr_t)&heap->lock;
    if (heap->is_one_thread) return true;
    return mete__lock_acquire(lock, mete__lock_token());
}

void mete__private_look_away(const mete_heap *heap) {
    if (!heap->is_one_thread) mete__lock_release((struct mete__lock *)(uintptr_t)&heap->lock);
}

/* ---- lists of spans ---- */

static void push(struct mete__span **list, struct mete__span *span) {
    span->previous = NULL;
    span->next = *list;
    if (span->next != NULL) span->next->previous = span;
    *list = span;
}

static void unlink_span(struct mete__span **list, struct mete__span *span) {
    if (span->previous != NULL)
        span->previous->next = span->next;
    else
        *list = span->next;
    if (span->next != NULL) span->next->previous = span->previous;
    span->next = span->previous = NULL;
}

static void set_owner(struct mete__span *span, const mete_heap *heap, uintptr_t bits) {
    uintptr_t owner = heap == NULL ? 0 : (uintptr_t)heap | METE__OWNER_PRIVATE | bits;
    __atomic_store_n(&span->owner, owner, __ATOMIC_RELEASE);
}

/* Of the first span that serves the class: there is one. */
static void *pop(mete_heap *heap, unsigned size_class) {
    struct mete__span *span = heap->serving[size_class];
    void *block = mete__private_pop_from(heap, span);

    if (span->used < span->capacity) return block;
    unlink_span(&heap->serving[size_class], span);
    push(&heap->full, span);
    set_owner(span, heap, METE__OWNER_FULL);
    return block;
}

/* ---- spans come and go ---- */

static bool has_room(const mete_heap *heap, size_t bytes) {
    size_t taken = (size_t)(heap->span_bytes + heap->metadata_bytes), sum;
    return !mete__add_overflows(taken, bytes, &sum) && sum <= heap->max_bytes;
}

/* The marks of a span that is to have so many blocks, all of them free. */
static struct mete__marks *make_marks(size_t capacity) {
    struct mete__marks *marks = mete__meta_alloc(mete__private_marks_bytes(capacity));
    size_t words = mete__marks_words(capacity);

    if (marks == NULL) return NULL;
    for (size_t w = 0; w < words; w++) {
        marks->free[w] = UINT64_MAX;
        marks->open |= (uint64_t)1 << w;
    }
    if (capacity % 64 != 0) marks->free[words - 1] = ((uint64_t)1 << capacity % 64) - 1;
    if (mete__checkers_listen) marks->requested = (size_t *)&marks->free[words];
    return marks;
}

static void adopt(mete_heap *heap, struct mete__span *span, struct mete__marks *marks) {
    size_t bytes = (size_t)span->slices << METE__SLICE_SHIFT;
    char *memory = mete__slices_memory(span);

    mete__marks_place(marks, memory);
    span->marks = marks;
    heap->spans++;
    heap->span_bytes += bytes;
    heap->metadata_bytes += mete__private_marks_bytes(span->capacity);
    mete__checkers_close(memory, bytes);
}

/* An unlinked span goes back. The owner first: whoever looks an address up meanwhile must not meet
 * marks that are no more. */
static void release(mete_heap *heap, struct mete__span *span) {
    struct mete__marks *marks = span->marks;
    size_t bytes = mete__private_marks_bytes(span->capacity);

    heap->spans--;
    heap->span_bytes -= (size_t)span->slices << METE__SLICE_SHIFT;
    heap->metadata_bytes -= bytes;
    span->used = 0;
    set_owner(span, NULL, 0);
    __atomic_store_n(&span->marks, NULL, __ATOMIC_RELEASE);
    if (span->kind == METE__SPAN_LARGE)
        mete__large_return(span);
    else
        mete__slices_give(span);
    mete__meta_free(marks, bytes);
}

static bool add_span(mete_heap *heap, unsigned size_class) {
    size_t bytes = mete__size_class_slices(size_class) << METE__SLICE_SHIFT;
    size_t capacity = bytes / mete__size_class_bytes(size_class);

    if (!has_room(heap, bytes + mete__private_marks_bytes(capacity))) {
        errno = ENOBUFS;
        return false;
    }
    errno = ENOMEM;
    struct mete__marks *marks = make_marks(capacity);
    if (marks == NULL) return false;
    struct mete__span *span = mete__blocks_span(size_class);
    if (span == NULL) {
        mete__meta_free(marks, mete__private_marks_bytes(capacity));
        return false;
    }
    adopt(heap, span, marks);
    push(&heap->serving[size_class], span);
    set_owner(span, heap, 0);
    return true;
}

static void release_list(mete_heap *heap, struct mete__span **list) {
    struct mete__span *span;
    while ((span = *list) != NULL) {
        unlink_span(list, span);
        release(heap, span);
    }
}

void mete__private_clear(mete_heap *heap) {
    for (unsigned c = 0; c < METE__CLASSES; c++) release_list(heap, &heap->serving[c]);
    release_list(heap, &heap->full);
    release_list(heap, &heap->large);
    heap->live_bytes = 0;
    heap->frees = heap->allocations;
}

/* ---- allocation ---- */

static void *take_large(mete_heap *heap, size_t size, size_t align, bool *zeroed) {
    size_t slices = mete__round_up(size == 0 ? 1 : size, METE__SLICE_SIZE);

    if (!has_room(heap, slices + mete__private_marks_bytes(1))) {
        errno = ENOBUFS;
        return NULL;
    }
    errno = ENOMEM;
    struct mete__marks *marks = make_marks(1);
    if (marks == NULL) return NULL;
    struct mete__span *span = mete__large_span(size, align, zeroed);
    if (span == NULL) {
        mete__meta_free(marks, mete__private_marks_bytes(1));
        return NULL;
    }
    marks->open = marks->free[0] = 0;
    adopt(heap, span, marks);
    push(&heap->large, span);
    set_owner(span, heap, METE__OWNER_LARGE | METE__OWNER_FULL);
    span->used = 1;
    mete__private_count_in(heap, span->block_bytes);
    return mete__slices_memory(span);
}

static METE_COLD void tell_begin(mete_heap *heap, void *block, size_t size) {
    char *memory;
    const struct mete__span *span = mete__slices_find_head(block, &memory);
    size_t index = (size_t)((char *)block - memory) / span->block_bytes;

    span->marks->requested[index] = size;
    heap->told_bytes += span->block_bytes;
    mete__checkers_alloc(told_holder(heap), block, size);
}

/* With the lock. */
static void *take(mete_heap *heap, size_t size, size_t align, bool *zeroed) {
    int saved = errno;
    void *block = NULL;

    *zeroed = false;
    if (size > METE__SIZE_LIMIT || align > METE__SIZE_LIMIT - size) {
        errno = heap->max_bytes != SIZE_MAX ? ENOBUFS : ENOMEM;
    } else {
        unsigned size_class = mete__size_class_for(size, align);
        if (size_class == METE__CLASSES)
            block = take_large(heap, size, align, zeroed);
        else if (heap->serving[size_class] != NULL || add_span(heap, size_class))
            block = pop(heap, size_class);
    }
    if (block == NULL) {
        heap->failures++;
        return NULL;
    }
    errno = saved;
    if (METE_UNLIKELY(mete__checkers_listen)) {
        tell_begin(heap, block, size);
        *zeroed = false; /* as far as the checker knows */
    }
    return block;
}

void *mete__private_alloc(mete_heap *heap, size_t size, size_t align, bool *zeroed) {
    bool is_zeroed;

    enum mete__private_entry entry = mete__private_enter(heap);
    if (METE_UNLIKELY(entry == METE__PRIVATE_REFUSED)) {
        errno = ENOMEM;
        return NULL;
    }
    void *block = take(heap, size, align, &is_zeroed);
    mete__private_leave(heap, entry);
    if (zeroed != NULL) *zeroed = is_zeroed;
    return block;
}

/* ---- free ---- */

/* A live block of this heap; with its lock, or on behalf of whoever owns the block. */
METE_INLINE struct mete__target aim(const mete_heap *heap, const void *block,
                                    const struct mete__caller *caller) {
    struct mete__target target = mete__target_aim(block, caller);

    if (METE_UNLIKELY(mete__target_heap(&target) != heap)) {
        struct mete__found found = mete__target_found(target.span, target.memory, block);
        mete__misuse_stray(heap->holder.name, block, &found, caller);
    }
    return target;
}

/* With the lock. */
static void give(mete_heap *heap, const struct mete__target *target) {
    struct mete__span *span = target->span;
    size_t bytes = span->block_bytes;

    mete__private_count_out(heap, bytes);
    if (METE_UNLIKELY(mete__checkers_listen))
        mete__checkers_free(told_holder(heap), target->memory + target->index * bytes, bytes);
    if (span->kind == METE__SPAN_LARGE) {
        unlink_span(&heap->large, span);
        release(heap, span);
        return;
    }
    struct mete__span **list = &heap->serving[span->size_class];
    mete__marks_give(span->marks, target->index);
    span->used--;
    if ((mete__span_owner(span) & METE__OWNER_FULL) != 0) {
        unlink_span(&heap->full, span);
        push(list, span);
        set_owner(span, heap, 0);
    }
    /* The only span of its class stays: the next allocation would ask for it again. */
    if (span->used == 0 && (span->next != NULL || span->previous != NULL)) {
        unlink_span(list, span);
        release(heap, span);
    }
}

void mete__private_free(mete_heap *heap, void *block, const struct mete__caller *caller) {
    enum mete__private_entry entry = mete__private_enter(heap);
    if (METE_UNLIKELY(entry == METE__PRIVATE_REFUSED)) return;
    struct mete__target target = aim(heap, block, caller);
    give(heap, &target);
    mete__private_leave(heap, entry);
}

size_t mete__private_usable(const mete_heap *heap, const void *block,
                            const struct mete__caller *caller) {
    struct mete__target target = aim(heap, block, caller);
    return mete__target_usable(&target);
}

/* ---- realloc ---- */

/* The sums follow a large block's span, which has got another size or place. */
static void follow_large(mete_heap *heap, struct mete__span *span, size_t before) {
    size_t now = span->block_bytes;

    heap->span_bytes += now - before;
    heap->live_bytes += now - before;
    if (heap->live_bytes > heap->peak_bytes) heap->peak_bytes = heap->live_bytes;
}

/* Moves the pages where that is allowed; the block's address, or NULL: nothing has changed. */
static void *resize_large(mete_heap *heap, const struct mete__target *target, size_t size,
                          bool may_move) {
    struct mete__span *span = target->span;
    size_t before = span->block_bytes, slices = mete__round_up(size, METE__SLICE_SIZE);
    char *memory = target->memory;

    if (size > METE__SIZE_LIMIT) return NULL;
    if (slices > before) {
        if (!has_room(heap, slices - before)) return NULL;
        may_move = may_move && has_room(heap, slices + slices / 8); /* see grow in large.c */
    }
    if (!may_move) {
        if (!mete__large_resize_here(span, memory, size)) return NULL;
        follow_large(heap, span, before);
        return memory;
    }
    unlink_span(&heap->large, span);
    struct mete__marks *marks = span->marks;
    void *moved = mete__large_resize(span, memory, size);
    if (moved != NULL) {
        span = mete__slices_find_head(moved, &memory);
        mete__marks_place(marks, memory);
        follow_large(heap, span, before);
    }
    push(&heap->large, span);
    return moved;
}

/* With the lock: the same block with another size; NULL where it takes a copy. Under a checker it
 * always does: whoever still uses the old one is found out. */
static void *resize_in_place(mete_heap *heap, const struct mete__target *target, size_t size) {
    size_t usable = target->span->block_bytes;

    if (METE_UNLIKELY(mete__checkers_listen)) return NULL;
    if (target->span->kind == METE__SPAN_LARGE) {
        if (size <= METE__MEDIUM_MAX) return NULL;
        return resize_large(heap, target, size, true);
    }
    if (!mete__alloc_stays(usable, size)) return NULL;
    return target->memory + target->index * usable;
}

static void *resize(mete_heap *heap, const struct mete__target *target, void *block, size_t size) {
    size_t usable = mete__target_usable(target);
    void *resized = resize_in_place(heap, target, size);
    bool zeroed;

    if (resized != NULL) return resized;
    int saved = errno;
    resized = take(heap, size, 1, &zeroed);
    if (resized != NULL) {
        memcpy(resized, block, usable < size ? usable : size);
        give(heap, target);
    } else if (size <= usable) {
        heap->failures--;
        errno = saved;
        return block; /* wasteful, but there */
    }
    return resized;
}

void *mete__private_resize(mete_heap *heap, void *block, size_t size,
                           const struct mete__caller *caller) {
    enum mete__private_entry entry = mete__private_enter(heap);
    if (METE_UNLIKELY(entry == METE__PRIVATE_REFUSED)) {
        errno = ENOMEM;
        return NULL;
    }
    struct mete__target target = aim(heap, block, caller);
    void *resized = resize(heap, &target, block, size);
    mete__private_leave(heap, entry);
    return resized;
}

bool mete__private_resize_here(mete_heap *heap, void *block, size_t size,
                               const struct mete__caller *caller) {
    enum mete__private_entry entry = mete__private_enter(heap);
    if (METE_UNLIKELY(entry == METE__PRIVATE_REFUSED)) return false;
    struct mete__target target = aim(heap, block, caller);
    bool stays = size <= mete__target_usable(&target);
    if (!mete__checkers_listen && target.span->kind == METE__SPAN_LARGE)
        stays = resize_large(heap, &target, size, false) != NULL;
    mete__private_leave(heap, entry);
    return stays;
}

/* ---- fork ---- */

static void forget(mete_heap *heap) {
    /* A handler that has interrupted the heap and forked: whoever it interrupted goes on. */
    if (mete__lock_is_own(&heap->lock, mete__lock_token())) return;
    mete__lock_reset(&heap->lock);
    memset(heap->serving, 0, sizeof heap->serving);
    heap->full = heap->large = NULL;
    heap->span_bytes = heap->spans = heap->live_bytes = 0;
    heap->frees = heap->allocations;
    heap->metadata_bytes = sizeof *heap;
}

static bool forget_holder(void *context, struct mete__holder *holder) {
    bool *are_some = context;
    if (holder->methods->kind != METE__HOLDER_HEAP) return true;
    forget(METE_CONTAINER_OF(holder, mete_heap, holder));
    *are_some = true;
    return true;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): a callback's type */
static bool recover(void *context, struct mete__span *span, char *memory) {
    mete_heap *heap = mete__span_private(mete__span_owner(span));
    (void)context;

    if (heap == NULL) return true;
    if (heap->as_allocator.state == heap && mete__lock_is_own(&heap->lock, mete__lock_token()))
        return true;
    /* Of a heap that was about to end, or of a block that was about to move, and has not. */
    if (heap->as_allocator.state != heap || mete__marks_memory(span->marks) != memory) {
        span->used = 0;
        set_owner(span, NULL, 0);
        return true;
    }
    struct mete__marks *marks = span->marks;
    uint32_t free = 0;
    marks->open = 0;
    for (size_t w = 0; w < mete__marks_words(span->capacity); w++) {
        if (marks->free[w] != 0) marks->open |= (uint64_t)1 << w;
        free += (uint32_t)__builtin_popcountll(marks->free[w]);
    }
    span->used = span->capacity - free;
    heap->spans++;
    heap->span_bytes += (size_t)span->slices << METE__SLICE_SHIFT;
    heap->metadata_bytes += mete__private_marks_bytes(span->capacity);
    heap->frees -= span->used;
    heap->live_bytes += span->used * span->block_bytes;
    if (span->kind == METE__SPAN_LARGE) {
        push(&heap->large, span);
    } else if (free == 0) {
        push(&heap->full, span);
        set_owner(span, heap, METE__OWNER_FULL);
    } else {
        push(&heap->serving[span->size_class], span);
        set_owner(span, heap, 0);
    }
    return true;
}

void mete__private_after_fork(void) {
    bool are_some = mete__checked != NULL;

    if (mete__checked != NULL) forget(mete__checked);
    (void)mete__registry_visit(forget_holder, &are_some);
    if (are_some) (void)mete__slices_each(recover, NULL);
}
