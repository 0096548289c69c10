/* mete/allocator.h: what is the same for every allocator. */
#include <mete/allocator.h>

#include "allocator/move.h"

void *mete__allocator_move(const mete_allocator *allocator, void *block, mete_layout layout,
                           size_t new_size, const mete_site *site) {
    mete_layout wanted = {new_size, layout.align};
    void *moved = mete_allocator_alloc_at(allocator, wanted, site);

    if (moved == NULL) return NULL;
    memcpy(moved, block, layout.size < new_size ? layout.size : new_size);
    mete_allocator_free(allocator, block, layout);
    return moved;
}

void *mete_allocator_remap(const mete_allocator *allocator, void *block, mete_layout layout,
                           size_t new_size) {
    mete_layout wanted = {new_size, layout.align};

    if (METE_UNLIKELY(new_size == 0 || !mete_layout_is_valid(wanted))) {
        errno = EINVAL;
        return NULL;
    }
    if (allocator->methods->remap != NULL)
        return allocator->methods->remap(allocator->state, block, layout, new_size);
    if (mete_allocator_resize(allocator, block, layout, new_size) == 0) return block;
    return mete__allocator_move(allocator, block, layout, new_size, NULL);
}

int mete_allocator_stats_read(const mete_allocator *allocator, mete_allocator_stats *out) {
    if (allocator == NULL || out == NULL) return -EINVAL;
    if (allocator->methods->stats == NULL) return -ENOTSUP;
    allocator->methods->stats(allocator->state, out);
    return 0;
}

void mete_allocator_destroy(mete_allocator *allocator) {
    if (allocator != NULL && allocator->methods->destroy != NULL)
        allocator->methods->destroy(allocator->state);
}
