/*
 * shim/mete_malloc.c - mete/malloc.h on the heap.
 */
#include <errno.h>
#include <mete/malloc.h>

#include "base/bits.h"
#include "heap/alloc.h"
#include "heap/cache.h"

void *mete_malloc(size_t size) {
    return mete__alloc(size);
}

void mete_free(void *block) {
    mete__alloc_free(block);
}

void *mete_calloc(size_t count, size_t size) {
    size_t total;

    if (METE_UNLIKELY(mete__mul_overflows(count, size, &total))) total = SIZE_MAX;
    return mete__alloc_zeroed(total);
}

void *mete_calloc_at(size_t count, size_t size, const struct mete_site *site) {
    struct mete__caller caller = METE__CALLER;
    size_t total;

    caller.site = site;
    if (METE_UNLIKELY(mete__mul_overflows(count, size, &total))) total = SIZE_MAX;
    return mete__alloc_zeroed_at(total, &caller);
}

void *mete_realloc(void *block, size_t size) {
    return mete__alloc_resize(block, size);
}

void *mete_aligned_alloc(size_t align, size_t size) {
    if (!mete__is_power_of_two(align)) {
        errno = EINVAL;
        return NULL;
    }
    return mete__alloc_aligned(size, align);
}

void mete_free_sized(void *block, size_t size) {
    mete__alloc_free_sized(block, size);
}

size_t mete_usable_size(const void *block) {
    struct mete__caller caller = METE__CALLER;
    return mete__alloc_usable(block, &caller);
}
