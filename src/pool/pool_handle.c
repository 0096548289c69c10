/* Handles: a block's life, its slab's number and its index in it. */
#include "pool/pool_state.h"

enum { LIFE_SHIFT = 32 };

mete_pool_handle mete_pool_handle_of(const mete_pool *pool, const void *block) {
    const struct mete__slab *slab = pool->near;
    uint64_t index = mete__pool_number(&pool->front, (uintptr_t)slab->memory, block);

    if (METE_UNLIKELY(index >= slab->limit)) {
        slab = mete__pool_slab(pool, block);
        if (slab == NULL) return 0;
        index = mete__pool_number(&pool->front, (uintptr_t)slab->memory, block);
    }
    if (METE_UNLIKELY(!pool->handles || index >= slab->limit ||
                      !mete__pool_is_live(pool, slab, index)))
        return 0;
    return (uint64_t)mete__pool_life(slab, index) << LIFE_SHIFT |
           slab->number << METE__NUMBER_SHIFT | index;
}

void *mete_pool_get(const mete_pool *pool, mete_pool_handle handle) {
    return mete__pool_front_get(&pool->front, handle);
}
