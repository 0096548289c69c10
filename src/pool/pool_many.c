/* mete/pool.h: many blocks at once, memory ahead, and all of it back. */
#include <string.h>

#include "base/bits.h"
#include "os/meta.h"
#include "pool/pool_state.h"

enum { MANY_AT_HAND = 64 }; /* blocks that are gathered on the stack */

/* ---- many ---- */

/* Takes back what was handed out of a request that failed: it never was. */
static void undo_own(mete_pool *pool, void *const *blocks, size_t count, uint64_t peak) {
    mete_pool_free_many(pool, blocks, count);
    __atomic_store_n(&pool->front.count, pool->front.count - ((uint64_t)count << 8),
                     __ATOMIC_RELAXED);
    pool->peak = peak;
    mete__pool_hand_set_floor(pool);
}

static int provide_own(mete_pool *pool, size_t count) {
    size_t depth = mete__pool_depth(pool);

    if (count > pool->max_blocks || mete__pool_live(pool) > pool->max_blocks - count)
        return -ENOBUFS;
    return count <= depth ? 0 : mete__slab_provide(pool, count - depth);
}

static int take_many_own(mete_pool *pool, void **blocks, size_t count) {
    int status = provide_own(pool, count);
    uint64_t peak = pool->peak;

    for (size_t i = 0; i < count && status == 0; i++) {
        blocks[i] = mete_pool_alloc(pool);
        if (blocks[i] != NULL) continue;
        status = -errno; /* what construct said */
        pool->failures--;
        undo_own(pool, blocks, i, peak);
    }
    return status;
}

/* All of them, or none and why. */
static int construct_many(mete_pool *pool, const struct mete__pool_held *held, size_t count) {
    for (size_t i = 0; i < count; i++) {
        int error = pool->construct(pool->context, held[i].block);
        if (error == 0) continue;
        for (; pool->destruct != NULL && i > 0; i--)
            pool->destruct(pool->context, held[i - 1].block);
        return -error;
    }
    return 0;
}

/* From the program, as if they had never been its. */
static void unbegin_many(mete_pool *pool, const struct mete__pool_held *held, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct mete__slab *slab = mete__pool_slab(pool, held[i].block);
        mete__pool_end_block(pool, slab, (size_t)(held[i].place - slab->places));
        mete__pool_set_place(held[i].place, METE__PLACE_OUT);
    }
}

static int take_held(mete_pool *pool, struct mete__pool_held *held, size_t count) {
    int status = mete__pool_cache_take(pool, mete__pool_threads_cache(pool), held, count);

    if (status < 0) return status;
    for (size_t i = 0; i < count; i++) mete__pool_begin_block(pool, &held[i]);
    if (pool->construct != NULL) status = construct_many(pool, held, count);
    if (status < 0) unbegin_many(pool, held, count);
    mete__pool_cache_settle(pool, held, count, status == 0);
    return status;
}

static int count_live(mete_pool *pool, size_t count) {
    uint64_t live = __atomic_load_n(&pool->live, __ATOMIC_RELAXED);

    do {
        if (count > pool->max_blocks || live > pool->max_blocks - count) return -ENOBUFS;
    } while (!__atomic_compare_exchange_n(&pool->live, &live, live + count, true, __ATOMIC_ACQUIRE,
                                          __ATOMIC_RELAXED));
    return 0;
}

static int take_many_shared(mete_pool *pool, void **blocks, size_t count) {
    struct mete__pool_held at_hand[MANY_AT_HAND], *held = at_hand;
    size_t bytes;
    int status = pool->is_limited ? count_live(pool, count) : 0;

    if (status < 0) return status;
    status = -ENOMEM;
    if (mete__mul_overflows(count, sizeof *held, &bytes)) goto done;
    if (count > MANY_AT_HAND) held = mete__meta_alloc(bytes);
    if (held == NULL) goto done;
    status = take_held(pool, held, count);
    for (size_t i = 0; i < count && status == 0; i++) blocks[i] = held[i].block;
    if (held != at_hand) mete__meta_free(held, bytes);
done:
    if (status < 0 && pool->is_limited) __atomic_sub_fetch(&pool->live, count, __ATOMIC_RELAXED);
    return status;
}

/* The blocks are gathered elsewhere, so that the caller's array is untouched where one fails. */
static int gather_own(mete_pool *pool, void **blocks, size_t count) {
    void *at_hand[MANY_AT_HAND], **gathered = at_hand;
    size_t bytes;

    if (mete__mul_overflows(count, sizeof *gathered, &bytes)) return -ENOMEM;
    if (count > MANY_AT_HAND) gathered = mete__meta_alloc(bytes);
    if (gathered == NULL) return -ENOMEM;
    int status = take_many_own(pool, gathered, count);
    if (status == 0) memcpy(blocks, gathered, bytes);
    if (gathered != at_hand) mete__meta_free(gathered, bytes);
    return status;
}

int mete_pool_alloc_many(mete_pool *pool, void **blocks, size_t count) {
    int saved = errno, status = 0;

    if (count > pool->max_blocks)
        status = -ENOBUFS;
    else if (count > 0)
        status =
            pool->shared ? take_many_shared(pool, blocks, count) : gather_own(pool, blocks, count);
    if (status < 0) (void)mete__pool_fail(pool, -status);
    errno = saved;
    return status;
}

/* ---- memory ahead, and back ---- */

int mete_pool_reserve(mete_pool *pool, size_t count) {
    if (!pool->shared) return provide_own(pool, count);
    uint64_t live = pool->is_limited ? __atomic_load_n(&pool->live, __ATOMIC_RELAXED) : 0;
    if (count > pool->max_blocks || live > pool->max_blocks - count) return -ENOBUFS;
    return mete__pool_cache_provide(pool, mete__pool_threads_find(pool), count);
}

size_t mete_pool_trim(mete_pool *pool) {
    if (!pool->shared) {
        mete__pool_hand_drain(pool);
        return mete__slab_drop_unused(pool);
    }
    mete__pool_cache_drain(pool, mete__pool_threads_find(pool));
    if (!mete__pool_lock(pool)) return 0;
    size_t bytes = mete__slab_drop_unused(pool);
    mete__pool_unlock(pool);
    return bytes;
}

static bool destruct(void *context, void *block) {
    const mete_pool *pool = context;
    pool->destruct(pool->context, block);
    return true;
}

void mete_pool_reset(mete_pool *pool) {
    uint64_t allocations, frees;

    mete__pool_audit_writes(pool);
    if (pool->destruct != NULL) (void)mete_pool_foreach(pool, destruct, pool);
    if (!pool->shared) {
        pool->front.count += mete__pool_live(pool) << 8;
        mete__slab_reset_all(pool);
        mete__pool_hand_forget(pool);
        return;
    }
    if (!mete__pool_lock(pool)) return;
    mete__pool_cache_sum(pool, &allocations, &frees);
    mete__slab_reset_all(pool);
    mete__pool_cache_forget(pool);
    pool->frees += allocations - frees;
    __atomic_store_n(&pool->live, 0, __ATOMIC_RELAXED);
    mete__pool_unlock(pool);
}
