/* mete's heap as an allocator. The layout of a free is not needed: the heap knows its blocks. */
#include <mete/allocator.h>

#include "allocator/heap_take.h"
#include "allocator/move.h"
#include "base/bits.h"
#include "base/caller.h"
#include "heap/alloc.h"

enum { ALWAYS_ALIGNED = 16 };

/* Whether every block of that size is aligned so; false also for what is no layout. */
static bool is_plain(mete_layout layout) {
    return layout.align <= ALWAYS_ALIGNED && mete__is_power_of_two(layout.align) &&
           layout.size <= METE_SIZE_MAX - ALWAYS_ALIGNED;
}

/* As mete__alloc_slow; and whoever watches hears of the type. */
static METE_NOINLINE void *take_slow(size_t size, const mete_site *site) {
    struct mete__caller caller = METE__CALLER;
    caller.site = site;
    return mete__alloc_for(size, &caller);
}

void *mete__allocator_heap_take(void *state, mete_layout layout, const mete_site *site) {
    (void)state;
    if (METE_LIKELY(is_plain(layout))) {
        void *block = mete__alloc_listed(layout.size);
        return METE_LIKELY(block != NULL) ? block : take_slow(layout.size, site);
    }
    struct mete__caller caller = METE__CALLER;
    caller.site = site;
    if (!mete_layout_is_valid(layout)) {
        errno = EINVAL;
        return NULL;
    }
    return mete__alloc_aligned_for(layout.size, layout.align, &caller);
}

static void give(void *state, void *block, mete_layout layout) {
    (void)state, (void)layout;
    mete__alloc_free(block);
}

static int resize(void *state, void *block, mete_layout layout, size_t new_size) {
    struct mete__caller caller = METE__CALLER;
    (void)state, (void)layout;
    return mete__alloc_resize_in_place_for(block, new_size, &caller);
}

/* realloc keeps no more than the alignment every block has. */
static void *remap(void *state, void *block, mete_layout layout, size_t new_size) {
    if (METE_LIKELY(layout.align <= ALWAYS_ALIGNED)) return mete__alloc_resize(block, new_size);
    if (resize(state, block, layout, new_size) == 0) return block;
    return mete__allocator_move(mete_allocator_heap(), block, layout, new_size, NULL);
}

static size_t usable(void *state, const void *block, mete_layout layout) {
    struct mete__caller caller = METE__CALLER;
    (void)state, (void)layout;
    return mete__alloc_usable(block, &caller);
}

static const mete_allocator_methods methods = {
    .name = "heap",
    .capabilities = METE_ALLOCATOR_THREAD_SAFE | METE_ALLOCATOR_FREES | METE_ALLOCATOR_KNOWS_SIZE,
    .alloc = mete__allocator_heap_take,
    .free = give,
    .resize = resize,
    .remap = remap,
    .usable = usable,
};
static const mete_allocator heap = {&methods, NULL};

const mete_allocator *mete_allocator_heap(void) {
    return &heap;
}
