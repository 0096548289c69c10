/* Handles: a block's life, its slab's number and its index in it. */
#include "pool/pool_state.h"

enum { LIFE_SHIFT = 32, NUMBER_SHIFT = 16, INDEX_MASK = 0xffff };

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
    return (uint64_t)mete__pool_life(slab, index) << LIFE_SHIFT | slab->number << NUMBER_SHIFT |
           index;
}

/* No block has the same life twice; a new one begins where the last one ends. */
void *mete_pool_get(const mete_pool *pool, mete_pool_handle handle) {
    uint32_t life = (uint32_t)(handle >> LIFE_SHIFT);
    uint32_t number = (uint32_t)handle >> NUMBER_SHIFT, index = (uint32_t)handle & INDEX_MASK;

    if (METE_UNLIKELY(!pool->handles ||
                      number >= __atomic_load_n(&pool->slab_count, __ATOMIC_ACQUIRE)))
        return NULL;
    const struct mete__slab *slab = mete__pool_numbered(pool, number);
    if (METE_UNLIKELY(index >= __atomic_load_n(&slab->limit, __ATOMIC_RELAXED)) ||
        METE_UNLIKELY(mete__pool_life(slab, index) != life) ||
        METE_UNLIKELY(!mete__pool_is_live(pool, slab, index)))
        return NULL;
    return mete__pool_block(pool, slab, index);
}
