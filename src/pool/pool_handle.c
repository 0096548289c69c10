/* Handles: a block's life, its slab's number and its index in it. */
#include "pool/pool_state.h"

enum { LIFE_SHIFT = 32, NUMBER_SHIFT = 16, INDEX_MASK = 0xffff };

mete_pool_handle mete_pool_handle_of(const mete_pool *pool, const void *block) {
    const struct mete__slab *slab = mete__pool_slab(pool, block);

    if (slab == NULL || !pool->handles) return 0;
    size_t offset = (size_t)((const char *)block - slab->memory);
    uint32_t index = mete__pool_index(pool, offset);
    if (index >= pool->slab_blocks || index * pool->distance != offset ||
        mete__pool_link(slab, index) != METE__LINK_LIVE)
        return 0;
    return (uint64_t)mete__pool_life(slab, index) << LIFE_SHIFT | slab->number << NUMBER_SHIFT |
           index;
}

/* A life is odd while it lasts, and no block has the same one twice. */
void *mete_pool_get(const mete_pool *pool, mete_pool_handle handle) {
    uint32_t life = (uint32_t)(handle >> LIFE_SHIFT);
    uint32_t number = (uint32_t)handle >> NUMBER_SHIFT, index = (uint32_t)handle & INDEX_MASK;

    if (METE_UNLIKELY((life & 1) == 0 || life == UINT32_MAX || number >= pool->slab_count ||
                      index >= pool->slab_blocks || !pool->handles))
        return NULL;
    const struct mete__slab *slab = mete__pool_numbered(pool, number);
    if (METE_UNLIKELY(mete__pool_life(slab, index) != life)) return NULL;
    return mete__pool_block(pool, slab, index);
}
