/* The C library's malloc, whoever that is in this program. */
#include <mete/allocator.h>
#include <stdlib.h>

#include "allocator/move.h"
#include "base/bits.h"

/* Whether malloc aligns every block of that size so; false also for what is no layout. */
static bool is_plain(mete_layout layout) {
    return layout.align <= METE_ALIGN_OF(max_align_t) && mete__is_power_of_two(layout.align) &&
           layout.size <= METE_SIZE_MAX - METE_ALIGN_OF(max_align_t);
}

static void *take(void *state, mete_layout layout, const mete_site *site) {
    void *block = NULL;

    (void)state, (void)site;
    if (METE_LIKELY(is_plain(layout))) return malloc(layout.size);
    int error = EINVAL;
    if (mete_layout_is_valid(layout)) {
        size_t align = layout.align > sizeof(void *) ? layout.align : sizeof(void *);
        error = posix_memalign(&block, align, layout.size);
    }
    if (error == 0) return block;
    errno = error;
    return NULL;
}

/* Before POSIX.1-2024, free might change errno. */
static void give(void *state, void *block, mete_layout layout) {
    int saved = errno;
    (void)state, (void)layout;
    free(block);
    errno = saved;
}

static void *remap(void *state, void *block, mete_layout layout, size_t new_size) {
    (void)state;
    if (METE_LIKELY(layout.align <= METE_ALIGN_OF(max_align_t))) return realloc(block, new_size);
    return mete__allocator_move(mete_allocator_system(), block, layout, new_size, NULL);
}

static const mete_allocator_methods methods = {
    .name = "system",
    .capabilities = METE_ALLOCATOR_THREAD_SAFE | METE_ALLOCATOR_FREES,
    .alloc = take,
    .free = give,
    .remap = remap,
};
static const mete_allocator system_allocator = {&methods, NULL};

const mete_allocator *mete_allocator_system(void) {
    return &system_allocator;
}
