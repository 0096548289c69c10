/* Handles: a block's life, its slab's number and its index in it. */
#include "pool/pool_state.h"

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
    return mete__pool_handle_at(slab, index);
}

/* The slab of the number that the handle has; NULL: no handle of this pool has it. */
static struct mete__slab *find_slab(const mete_pool *pool, mete_pool_handle handle) {
    uint32_t number = (uint32_t)handle >> METE__NUMBER_SHIFT;

    if (!pool->handles || number >= __atomic_load_n(&pool->slab_count, __ATOMIC_ACQUIRE))
        return NULL;
    return mete__pool_index_of(handle) < pool->slab_blocks ? mete__pool_numbered(pool, number)
                                                           : NULL;
}

static METE_NOINLINE void *find(const mete_pool *pool, mete_pool_handle handle) {
    const struct mete__slab *slab = find_slab(pool, handle);
    uint32_t index = mete__pool_index_of(handle);

    if (slab == NULL) return NULL;
    char *memory = __atomic_load_n(&slab->memory, __ATOMIC_RELAXED);
    if (memory == NULL || mete__pool_kept_handle(slab, index) != handle ||
        !mete__pool_is_live(pool, slab, index))
        return NULL;
    return memory + index * pool->front.distance;
}

void *mete_pool_get(const mete_pool *pool, mete_pool_handle handle) {
    void *block;
    return mete__pool_front_get(&pool->front, handle, &block) ? block : find(pool, handle);
}

/* Near from now on: the next call may find it there. */
static void approach(mete_pool *pool, const void *block) {
    if (!pool->is_named) return;
    if (((uintptr_t)block & ~pool->slab_mask) != pool->front.near_memory)
        (void)mete__pool_hand_turn(pool, block);
}

void *mete_pool_alloc_handle(mete_pool *pool, mete_pool_handle *handle) {
    void *block;

    if (METE_LIKELY(mete__pool_front_alloc_handle(&pool->front, handle, &block))) return block;
    if (METE_UNLIKELY(!pool->handles)) return mete__pool_fail(pool, EINVAL);
    block = mete_pool_alloc(pool);
    if (METE_UNLIKELY(block == NULL)) return NULL;
    approach(pool, block);
    *handle = mete_pool_handle_of(pool, block);
    return block;
}

/* A life that was, and is no more, is told from one that never was. */
static METE_COLD void tell_of_handle(mete_pool *pool, mete_pool_handle handle) {
    const struct mete__slab *slab = find_slab(pool, handle);
    uint32_t index = mete__pool_index_of(handle);

    if (handle == 0) return;
    bool was =
        slab != NULL && handle >= METE__POOL_LIFE &&
        (mete__pool_is_worn(pool, slab, index) || handle < mete__pool_handle_at(slab, index));
    const char *block = was && slab->memory != NULL ? mete__pool_block(pool, slab, index) : NULL;
    mete__pool_fault_of_handle(pool, was ? METE_POOL_DOUBLE_FREE : METE_POOL_INVALID_FREE, handle,
                               block);
}

/* Of a shared pool: whether this thread is the one that ends it, so that another cannot free the
 * block's next life by it. The block's end counts a life more. The last one has no next. */
static bool end_handle(mete_pool *pool, mete_pool_handle handle) {
    struct mete__slab *slab = find_slab(pool, handle);
    mete_pool_handle next = handle + METE__POOL_LIFE;

    return next < METE__POOL_LIFE ||
           __atomic_compare_exchange_n(&slab->handles[mete__pool_index_of(handle)], &handle, next,
                                       false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

void mete_pool_free_handle(mete_pool *pool, mete_pool_handle handle) {
    if (METE_LIKELY(mete__pool_front_free_handle(&pool->front, handle))) return;
    void *block = find(pool, handle);
    if (METE_UNLIKELY(block == NULL) || (pool->shared && !end_handle(pool, handle))) {
        tell_of_handle(pool, handle);
        return;
    }
    approach(pool, block);
    mete_pool_free(pool, block);
    __asm__ volatile(""); /* stays on the stacks that Valgrind shows */
}
