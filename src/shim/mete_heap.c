/*
 * shim/mete_heap.c - mete/heap.h: private heaps as the program, the registry and allocators see
 * them.
 */
#include <errno.h>
#include <mete/heap.h>
#include <string.h>

#include "base/bits.h"
#include "base/caller.h"
#include "heap/alloc.h"
#include "heap/private.h"
#include "heap/private_walk.h"
#include "heap/slices.h"
#include "os/meta.h"

/* ---- what the registry asks ---- */

static bool find(const struct mete__holder *holder, const void *address,
                 struct mete__holder_block *out) {
    const mete_heap *heap = METE_CONTAINER_OF(holder, const mete_heap, holder);
    struct mete__found found;
    char *memory;
    const struct mete__span *span = mete__slices_find(address, &memory);

    if (span == NULL || mete__span_private(mete__span_owner(span)) != heap) return false;
    *out = (struct mete__holder_block){.block = NULL};
    if (!mete__heap_find(address, &found)) return true; /* never handed out */
    *out = (struct mete__holder_block){
        .block = found.block, .size = found.block_bytes, .live = found.live};
    return true;
}

static METE_RACY void read(const struct mete__holder *holder, struct mete__holder_stats *out) {
    const mete_heap *heap = METE_CONTAINER_OF(holder, const mete_heap, holder);
    bool looks = mete__private_look(heap);

    *out = (struct mete__holder_stats){
        .reserved_bytes = heap->span_bytes + heap->metadata_bytes,
        .live_bytes = heap->live_bytes,
        .peak_bytes = heap->peak_bytes,
        .live_blocks = heap->allocations - heap->frees,
        .allocations = heap->allocations,
        .frees = heap->frees,
    };
    if (looks) mete__private_look_away(heap);
}

/* What is live is what the leak check looks into: see mete__private_walk_span. */
static void each_range(const struct mete__holder *holder,
                       void (*visit)(void *context, uintptr_t start, size_t size), void *context) {
    (void)holder, (void)visit, (void)context;
}

static const struct mete__holder_methods holder_methods = {
    .kind = METE__HOLDER_HEAP, .find = find, .read = read, .each_range = each_range};

/* ---- its life ---- */

mete_heap *mete_heap_create(const mete_heap_options *options) {
    static const mete_heap_options defaults;
    struct mete__caller caller = METE__CALLER;

    if (options == NULL) options = &defaults;
    if (options->max_bytes != 0 && options->max_bytes < sizeof(mete_heap)) {
        errno = ENOBUFS;
        return NULL;
    }
    /* So that the heap has begun, and hears of forks. */
    struct mete__cache *cache = mete__cache_enter();
    if (cache != NULL) mete__cache_leave(cache);
    mete_heap *heap = mete__meta_alloc(sizeof *heap);
    if (heap == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    heap->is_one_thread = options->is_one_thread;
    heap->holder.is_no_root = options->is_no_root;
    mete__private_begin(heap, options->max_bytes != 0 ? options->max_bytes : SIZE_MAX);
    mete__checkers_create(heap, 0, false);
    mete__registry_claim(&heap->territory, &heap->holder, heap, sizeof *heap);
    mete__registry_enter(&heap->holder, &holder_methods, options->name, &caller);
    return heap;
}

void mete_heap_destroy(mete_heap *heap) {
    if (heap == NULL) return;
    mete__registry_leave(&heap->holder);
    mete__registry_disclaim(&heap->territory);
    heap->as_allocator.state = NULL;
    mete__checkers_destroy(heap);
    mete__private_clear(heap);
    mete__meta_free(heap, sizeof *heap);
}

void mete_heap_reset(mete_heap *heap) {
    enum mete__private_entry entry = mete__private_enter(heap);
    if (entry == METE__PRIVATE_REFUSED) return;
    mete__checkers_destroy(heap);
    mete__private_clear(heap);
    mete__checkers_create(heap, 0, false);
    mete__private_leave(heap, entry);
}

/* ---- blocks ---- */

/* Each in three parts: what is most often all of it stands alone, and calls nothing, so that it
 * saves no registers; the same with the lock; and the rest. */

static METE_NOINLINE void *alloc_slow(mete_heap *heap, size_t size) {
    return mete__private_alloc(heap, size, 1, NULL);
}

static METE_NOINLINE void *alloc_locked(mete_heap *heap, size_t size) {
    if (METE_UNLIKELY(!mete__lock_acquire(&heap->lock, mete__lock_token())))
        return alloc_slow(heap, size);
    void *block = mete__private_pop(heap, mete__size_class_of(size));
    mete__lock_release(&heap->lock);
    return METE_LIKELY(block != NULL) ? block : alloc_slow(heap, size);
}

void *mete_heap_alloc(mete_heap *heap, size_t size) {
    if (METE_UNLIKELY(size > METE__MEDIUM_MAX || mete__checkers_listen))
        return alloc_slow(heap, size);
    if (METE_UNLIKELY(!mete__private_is_alone(heap))) return alloc_locked(heap, size);
    if (METE_UNLIKELY(!mete__lock_acquire_alone(&heap->lock, mete__lock_token())))
        return alloc_slow(heap, size);
    void *block = mete__private_pop(heap, mete__size_class_of(size));
    mete__lock_release_alone(&heap->lock);
    return METE_LIKELY(block != NULL) ? block : alloc_slow(heap, size);
}

static METE_NOINLINE void free_slow(mete_heap *heap, void *block) {
    struct mete__caller caller = METE__CALLER;
    if (block != NULL) mete__private_free(heap, block, &caller);
}

static METE_NOINLINE void free_locked(mete_heap *heap, void *block) {
    if (METE_UNLIKELY(!mete__lock_acquire(&heap->lock, mete__lock_token()))) return;
    bool done = mete__private_push(heap, block);
    mete__lock_release(&heap->lock);
    if (METE_UNLIKELY(!done)) free_slow(heap, block);
}

void mete_heap_free(mete_heap *heap, void *block) {
    if (METE_UNLIKELY(!mete__private_is_alone(heap))) {
        free_locked(heap, block);
        return;
    }
    if (METE_UNLIKELY(!mete__lock_acquire_alone(&heap->lock, mete__lock_token()))) return;
    bool done = mete__private_push(heap, block);
    mete__lock_release_alone(&heap->lock);
    if (METE_UNLIKELY(!done)) free_slow(heap, block);
}

void *mete_heap_calloc(mete_heap *heap, size_t count, size_t size) {
    size_t total;
    bool zeroed;

    if (METE_UNLIKELY(mete__mul_overflows(count, size, &total))) total = SIZE_MAX;
    void *block = mete__private_alloc(heap, total, 1, &zeroed);
    if (block == NULL) return NULL;
    if (!zeroed) mete__alloc_zero(block, total);
    return block;
}

void *mete_heap_realloc(mete_heap *heap, void *block, size_t size) {
    struct mete__caller caller = METE__CALLER;

    if (block == NULL) return mete_heap_alloc(heap, size);
    if (size != 0) return mete__private_resize(heap, block, size, &caller);
    mete__private_free(heap, block, &caller);
    return NULL;
}

void *mete_heap_aligned_alloc(mete_heap *heap, size_t align, size_t size) {
    if (!mete__is_power_of_two(align)) {
        errno = EINVAL;
        return NULL;
    }
    return mete__private_alloc(heap, size, align, NULL);
}

size_t mete_heap_usable_size(const mete_heap *heap, const void *block) {
    struct mete__caller caller = METE__CALLER;
    return block == NULL ? 0 : mete__private_usable(heap, block, &caller);
}

/* ---- the heap as a whole ---- */

bool mete_heap_contains(const mete_heap *heap, const void *address) {
    struct mete__holder_block block;
    return find(&heap->holder, address, &block) && block.block != NULL && block.live;
}

bool mete_heap_foreach(mete_heap *heap, bool (*visit)(void *context, void *block, size_t size),
                       void *context) {
    return mete__private_walk_blocks(heap, visit, context);
}

int mete_heap_verify(const mete_heap *heap) {
    return mete__private_walk_verify(heap) ? 0 : -EUCLEAN;
}

METE_RACY int mete_heap_stats_read(const mete_heap *heap, mete_heap_stats *out) {
    if (heap == NULL || out == NULL) return -EINVAL;
    bool looks = mete__private_look(heap);
    *out = (mete_heap_stats){
        .reserved_bytes = heap->span_bytes + heap->metadata_bytes,
        .live_bytes = heap->live_bytes,
        .free_bytes = heap->span_bytes - heap->live_bytes,
        .metadata_bytes = heap->metadata_bytes,
        .peak_bytes = heap->peak_bytes,
        .live_blocks = heap->allocations - heap->frees,
        .allocations = heap->allocations,
        .frees = heap->frees,
        .failures = heap->failures,
        .spans = heap->spans,
    };
    if (looks) mete__private_look_away(heap);
    return 0;
}

/* ---- the heap as an allocator ---- */

enum { ALWAYS_ALIGNED = 16 };

static void *take(void *state, mete_layout layout, const mete_site *site) {
    (void)site;
    if (METE_UNLIKELY(!mete_layout_is_valid(layout))) {
        errno = EINVAL;
        return NULL;
    }
    if (METE_LIKELY(layout.align <= ALWAYS_ALIGNED)) return mete_heap_alloc(state, layout.size);
    return mete_heap_aligned_alloc(state, layout.align, layout.size);
}

static void give(void *state, void *block, mete_layout layout) {
    (void)layout;
    mete_heap_free(state, block);
}

static int resize(void *state, void *block, mete_layout layout, size_t new_size) {
    struct mete__caller caller = METE__CALLER;
    (void)layout;
    return mete__private_resize_here(state, block, new_size, &caller) ? 0 : -ENOMEM;
}

static size_t usable(void *state, const void *block, mete_layout layout) {
    (void)layout;
    return mete_heap_usable_size(state, block);
}

#define METHODS(more)                                                                             \
    {                                                                                             \
        .name = "private heap",                                                                   \
        .capabilities =                                                                           \
            METE_ALLOCATOR_FREES | METE_ALLOCATOR_FREES_ALL | METE_ALLOCATOR_KNOWS_SIZE | (more), \
        .alloc = take, .free = give, .resize = resize, .usable = usable,                          \
    }
static const mete_allocator_methods one_thread_methods = METHODS(0);
static const mete_allocator_methods methods = METHODS(METE_ALLOCATOR_THREAD_SAFE);
#undef METHODS

const mete_allocator *mete_heap_allocator(mete_heap *heap) {
    heap->as_allocator.methods = heap->is_one_thread ? &one_thread_methods : &methods;
    return &heap->as_allocator;
}
