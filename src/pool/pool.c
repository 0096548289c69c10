/* mete/pool.h: blocks come and go. */
#include "pool/pool_state.h"

#include <string.h>

#include "os/checkers.h"
#include "pool/pool_fill.h"

void *mete__pool_fail(mete_pool *pool, int error) {
    __atomic_add_fetch(&pool->failures, 1, __ATOMIC_RELAXED);
    errno = error;
    return NULL;
}

/* ---- one block ---- */

static METE_COLD void tell_of_write(mete_pool *pool, const char *block) {
    long offset = mete__pool_fill_find(pool, block);
    mete__pool_fault(pool, METE_POOL_WRITE_AFTER_FREE, block + offset, block, (size_t)offset);
}

void mete__pool_begin_block(mete_pool *pool, const struct mete__pool_held *held) {
    if (pool->shared) mete__pool_set_place(held->place, METE__PLACE_LIVE);
    if (METE_UNLIKELY(mete__checkers_listen))
        mete__checkers_alloc(pool, held->block, pool->block_size);
    else if (METE_UNLIKELY(!mete__pool_fill_is_whole(pool, held->block)))
        tell_of_write(pool, held->block);
}

void mete__pool_end_block(mete_pool *pool, struct mete__slab *slab, size_t index) {
    char *block = mete__pool_block(pool, slab, index);

    if (METE_LIKELY(!mete__checkers_listen))
        mete__pool_fill_block(pool, block);
    else
        mete__checkers_free(pool, block, pool->block_size);
    if (!pool->handles) return;
    mete_pool_handle next = mete__pool_kept_handle(slab, index) + METE__POOL_LIFE;
    mete__pool_keep_handle(slab, index, next + pool->is_named);
}

/* ---- of a pool that is not shared ---- */

static struct mete__pool_held give_handle(const mete_pool *pool, mete_pool_handle next) {
    struct mete__slab *slab = mete__pool_slab_of(pool, next);
    uint32_t index = mete__pool_index_of(next);

    mete__pool_keep_handle(slab, index, next);
    return (struct mete__pool_held){.block = mete__pool_block(pool, slab, index)};
}

static int take_own(mete_pool *pool, struct mete__pool_held *out) {
    if (mete__pool_depth(pool) <= pool->floor) {
        int status = mete__pool_hand_reload(pool);
        if (status < 0) return status;
    }
    size_t top = mete__pool_depth(pool) - 1;
    if (pool->is_named) {
        *out = give_handle(pool, pool->front.next[top]);
    } else {
        *out = (struct mete__pool_held){.block = pool->front.hand[top]};
        pool->front.hand[top] = NULL;
    }
    mete__pool_add(&pool->front.count, -1);
    return 0;
}

/* Of a block that is no more the program's. */
static void put_own(mete_pool *pool, struct mete__slab *slab, size_t index) {
    struct mete__pool_held held = {mete__pool_block(pool, slab, index), &slab->places[index]};

    if (mete__pool_is_worn(pool, slab, index)) {
        *held.place = METE__PLACE_OUT;
        mete__slab_put(pool, &held, 1);
        mete__pool_add(&pool->front.count, 256);
        mete__pool_hand_set_floor(pool);
        return;
    }
    if (METE_UNLIKELY(mete__pool_depth(pool) == METE__HAND_BLOCKS)) mete__pool_hand_unload(pool);
    size_t depth = mete__pool_depth(pool);
    if (pool->is_named) {
        pool->front.next[depth] = mete__pool_handle_at(slab, index);
    } else {
        *held.place = (uint8_t)depth;
        pool->front.hand[depth] = held.block;
    }
    mete__pool_add(&pool->front.count, 257);
}

/* Of one whose calls have nothing to call. */
static METE_NOINLINE void free_own(mete_pool *pool, void *block) {
    struct mete__slab *slab = pool->near;
    uint64_t index = mete__pool_number(&pool->front, (uintptr_t)slab->memory, block);

    if (METE_UNLIKELY(index >= slab->limit)) {
        slab = mete__pool_hand_turn(pool, block);
        if (slab != NULL) index = mete__pool_number(&pool->front, (uintptr_t)slab->memory, block);
    }
    if (METE_UNLIKELY(slab == NULL || index >= slab->limit ||
                      !mete__pool_is_live(pool, slab, index))) {
        mete__pool_fault_of_free(pool, block);
        return;
    }
    if (pool->destruct != NULL) pool->destruct(pool->context, block);
    mete__pool_end_block(pool, slab, index);
    put_own(pool, slab, index);
}

/* ---- of a shared one ---- */

static METE_COLD int take_without_cache(mete_pool *pool, struct mete__pool_held *out) {
    int status = mete__pool_cache_take(pool, NULL, out, 1);
    if (status == 0) mete__pool_cache_settle(pool, out, 1, true);
    return status;
}

static int take_shared(mete_pool *pool, struct mete__pool_held *out) {
    struct mete__pool_cache *cache = mete__pool_threads_cache(pool);

    if (METE_UNLIKELY(cache == NULL)) return take_without_cache(pool, out);
    for (;;) {
        struct mete_pool_share *share = &cache->share;
        if (mete__pool_share_depth(share) == 0) {
            int status = mete__pool_cache_reload(pool, cache);
            if (status < 0) return status;
        }
        size_t depth = mete__pool_share_depth(share);
        *out = (struct mete__pool_held){share->blocks[depth], share->places[depth]};
        mete__pool_add(&share->count, -1);
        if (METE_LIKELY(mete__pool_place(out->place) == METE__PLACE_OUT)) return 0;
        /* Two threads freed it at one instant, and it lives again already by the other's hand. */
        mete__pool_fault(pool, METE_POOL_DOUBLE_FREE, out->block, out->block, 0);
    }
}

/* Shared pools with a limit count what is live; others know it without. */
static int take_within_limit(mete_pool *pool, struct mete__pool_held *out) {
    if (!pool->is_limited) return take_shared(pool, out);
    if (__atomic_add_fetch(&pool->live, 1, __ATOMIC_ACQUIRE) > pool->max_blocks) {
        __atomic_sub_fetch(&pool->live, 1, __ATOMIC_RELAXED);
        return -ENOBUFS;
    }
    int status = take_shared(pool, out);
    if (status < 0) __atomic_sub_fetch(&pool->live, 1, __ATOMIC_RELAXED);
    return status;
}

/* But for the count. */
METE_INLINE void put_in_hand(struct mete_pool_share *share, void *block, uint8_t *place) {
    size_t at = mete__pool_share_depth(share) + 1;

    share->blocks[at] = block;
    share->places[at] = place;
}

/* `counts`: as a free. */
static void return_shared(mete_pool *pool, struct mete__pool_cache *cache, struct mete__slab *slab,
                          size_t index, bool counts) {
    struct mete__pool_held held = {mete__pool_block(pool, slab, index), &slab->places[index]};

    mete__pool_set_place(held.place, METE__PLACE_OUT);
    bool has_room = cache != NULL && !mete__pool_is_worn(pool, slab, index) &&
                    (mete__pool_share_depth(&cache->share) < METE__POOL_IN_HAND ||
                     mete__pool_cache_unload(pool, cache));
    if (!has_room) {
        mete__pool_cache_put(pool, held, counts);
        return;
    }
    put_in_hand(&cache->share, held.block, held.place);
    if (counts)
        mete__pool_add(&cache->share.count, 257);
    else
        mete__pool_add(&cache->share.count, 1);
}

/* Another block may live only when this one is known not to: statistics keep the limit, too. */
static void put_shared(mete_pool *pool, struct mete__pool_cache *cache, struct mete__slab *slab,
                       size_t index, bool counts) {
    return_shared(pool, cache, slab, index, counts);
    if (pool->is_limited) __atomic_sub_fetch(&pool->live, 1, __ATOMIC_RELEASE);
}

static METE_NOINLINE void free_shared(mete_pool *pool, void *block) {
    struct mete__pool_cache *cache = mete__pool_threads_cache(pool);
    struct mete__slab *slab = mete__pool_slab(pool, block);
    uint64_t index = 0;

    if (slab != NULL) index = mete__pool_number(&pool->front, (uintptr_t)slab->memory, block);
    if (slab == NULL || index >= slab->limit ||
        mete__pool_place(&slab->places[index]) == METE__PLACE_OUT) {
        mete__pool_fault_of_free(pool, block);
        return;
    }
    if (cache != NULL) cache->share.near = mete__slab_near(slab);
    if (pool->destruct != NULL) pool->destruct(pool->context, block);
    mete__pool_end_block(pool, slab, index);
    put_shared(pool, cache, slab, index, true);
}

/* ---- of any ---- */

/* A block that could not be constructed was never whole: it is not destructed. And it was never the
 * program's: nothing has been allocated, and `peak`, where not shared, is what it was. */
static METE_COLD void *fail_construct(mete_pool *pool, char *block, uint64_t peak, int error) {
    struct mete__slab *slab = mete__pool_slab(pool, block);
    size_t index = mete__pool_index(pool, slab, block);

    mete__pool_end_block(pool, slab, index);
    if (pool->shared) {
        struct mete__pool_cache *cache = mete__pool_threads_cache(pool);
        put_shared(pool, cache, slab, index, cache == NULL);
    } else {
        put_own(pool, slab, index);
        mete__pool_add(&pool->front.count, -256);
        pool->peak = peak;
        mete__pool_hand_set_floor(pool);
    }
    return mete__pool_fail(pool, error);
}

static METE_NOINLINE void *alloc_any(mete_pool *pool) {
    struct mete__pool_held held;
    uint64_t peak = pool->shared ? 0 : pool->peak;
    int status = pool->shared ? take_within_limit(pool, &held) : take_own(pool, &held);

    if (METE_UNLIKELY(status < 0)) return mete__pool_fail(pool, -status);
    mete__pool_begin_block(pool, &held);
    if (pool->construct == NULL) return held.block;
    int error = pool->construct(pool->context, held.block);
    return error == 0 ? held.block : fail_construct(pool, held.block, peak, error);
}

/* ---- the fast paths: of pools without anything to call for a block ---- */

/* Each tries all it has to before it changes anything, so that the long way can begin anew; and
 * goes there by a call in last place, so that it needs no frame itself. */

METE_INLINE bool is_whole(const mete_pool *pool, const char *block, uint8_t kind) {
    if (kind == METE__POOL_PIECES) return mete__pool_fill_are_pieces_whole(pool, block);
    if (kind == METE__POOL_REST) return mete__pool_fill_is_whole(pool, block);
    return mete__pool_fill_are_lines_whole(pool, block);
}

METE_INLINE void fill(const mete_pool *pool, char *block, uint8_t kind) {
    if (kind == METE__POOL_PIECES)
        mete__pool_fill_pieces(pool, block);
    else if (kind == METE__POOL_REST)
        mete__pool_fill_block(pool, block);
    else
        mete__pool_fill_lines(pool, block);
}

METE_INLINE void *alloc_own_fast(mete_pool *pool, uint8_t kind) {
    size_t depth = (uint8_t)pool->front.count;

    if (METE_UNLIKELY(depth <= pool->floor)) return alloc_any(pool);
    char *block = pool->front.hand[depth - 1];
    if (METE_UNLIKELY(!is_whole(pool, block, kind))) return alloc_any(pool);
    pool->front.hand[depth - 1] = NULL;
    mete__pool_add(&pool->front.count, -1);
    return block;
}

METE_INLINE void free_own_fast(mete_pool *pool, void *block, uint8_t kind) {
    const struct mete_pool_front *front = &pool->front;
    uint64_t index = mete__pool_number(front, front->near_memory, block);
    size_t depth = (uint8_t)front->count;

    if (METE_UNLIKELY(index >= pool->near_limit)) goto any;
    uint8_t *place = &front->near_places[index];
    if (METE_UNLIKELY(*place == METE__PLACE_OUT) || METE_UNLIKELY(front->hand[*place] == block) ||
        METE_UNLIKELY(depth == METE__HAND_BLOCKS))
        goto any;
    *place = (uint8_t)depth;
    pool->front.hand[depth] = block;
    mete__pool_add(&pool->front.count, 257);
    fill(pool, block, kind);
    return;
any:
    free_own(pool, block);
}

METE_INLINE void *alloc_shared_fast(mete_pool *pool, uint8_t kind) {
    struct mete_pool_share *share = mete__pool_threads_share;
    size_t depth = mete__pool_share_depth(share);
    uint8_t *place = share->places[depth];
    char *block = share->blocks[depth];

    if (METE_UNLIKELY(!mete__pool_is_share_of(share, pool)) ||
        METE_UNLIKELY(!mete__pool_is_out(place)) || METE_UNLIKELY(!is_whole(pool, block, kind)))
        return alloc_any(pool);
    mete__pool_set_place(place, METE__PLACE_LIVE);
    mete__pool_add(&share->count, -1);
    return block;
}

METE_INLINE void free_shared_fast(mete_pool *pool, void *block, uint8_t kind) {
    struct mete_pool_share *share = mete__pool_threads_share;
    uint64_t index;

    if (METE_UNLIKELY(!mete__pool_is_share_of(share, pool)) ||
        METE_UNLIKELY(mete__pool_share_depth(share) == METE__POOL_IN_HAND))
        goto any;
    const struct mete_pool_near *near = share->near;
    if (METE_UNLIKELY(!mete__pool_is_near(&pool->front, near, block, &index))) goto any;
    uint8_t *place = &near->places[index];
    if (METE_UNLIKELY(mete__pool_is_out(place))) goto any;
    if (METE_UNLIKELY(pool->handles)) {
        struct mete__slab *slab = mete__slab_of_near(near);
        mete_pool_handle next = mete__pool_kept_handle(slab, index) + METE__POOL_LIFE;
        if (METE_UNLIKELY(next < METE__POOL_LIFE)) goto any;
        mete__pool_keep_handle(slab, index, next);
    }
    fill(pool, block, kind);
    mete__pool_set_place(place, METE__PLACE_OUT);
    put_in_hand(share, block, place);
    mete__pool_add(&share->count, 257);
    return;
any:
    free_shared(pool, block);
}

static METE_NOINLINE void *alloc_in_pieces(mete_pool *pool) {
    return pool->shared ? alloc_shared_fast(pool, METE__POOL_PIECES)
                        : alloc_own_fast(pool, METE__POOL_PIECES);
}

static METE_NOINLINE void free_in_pieces(mete_pool *pool, void *block) {
    if (pool->shared)
        free_shared_fast(pool, block, METE__POOL_PIECES);
    else
        free_own_fast(pool, block, METE__POOL_PIECES);
}

static METE_NOINLINE void *alloc_with_rest(mete_pool *pool) {
    return pool->shared ? alloc_shared_fast(pool, METE__POOL_REST)
                        : alloc_own_fast(pool, METE__POOL_REST);
}

static METE_NOINLINE void free_with_rest(mete_pool *pool, void *block) {
    if (pool->shared)
        free_shared_fast(pool, block, METE__POOL_REST);
    else
        free_own_fast(pool, block, METE__POOL_REST);
}

static METE_NOINLINE void *alloc_named(mete_pool *pool) {
    mete_pool_handle handle;
    void *block;
    if (METE_LIKELY(mete__pool_front_alloc_handle(&pool->front, &handle, &block))) return block;
    return alloc_any(pool);
}

static METE_NOINLINE void free_named(mete_pool *pool, void *block) {
    struct mete_pool_front *front = &pool->front;
    uint64_t index = mete__pool_number(front, front->near_memory, block);

    if (METE_LIKELY(index < pool->near->limit)) {
        mete_pool_handle handle = front->near_handles[index];
        if ((uint32_t)handle == (front->near_name | index) &&
            mete__pool_front_free_handle(front, handle))
            return;
    }
    free_own(pool, block);
}

/* No call in last place, which would take this function off the stacks that Valgrind shows. */
#define STAY_ON_STACK() __asm__ volatile("")

void *mete_pool_alloc(mete_pool *pool) {
    uint8_t kind = pool->kind;

    if (METE_LIKELY(kind == METE__POOL_SHARED)) return alloc_shared_fast(pool, METE__POOL_SHARED);
    if (METE_LIKELY(kind == METE__POOL_OWN)) return alloc_own_fast(pool, METE__POOL_OWN);
    if (METE_LIKELY(kind == METE__POOL_PIECES)) return alloc_in_pieces(pool);
    if (METE_LIKELY(kind == METE__POOL_NAMED)) return alloc_named(pool);
    if (kind == METE__POOL_REST) return alloc_with_rest(pool);
    void *block = alloc_any(pool);
    STAY_ON_STACK();
    return block;
}

void mete_pool_free(mete_pool *pool, void *block) {
    uint8_t kind = pool->kind;

    if (METE_LIKELY(kind == METE__POOL_SHARED)) {
        free_shared_fast(pool, block, METE__POOL_SHARED);
    } else if (METE_LIKELY(kind == METE__POOL_OWN)) {
        free_own_fast(pool, block, METE__POOL_OWN);
    } else if (METE_LIKELY(kind == METE__POOL_PIECES)) {
        free_in_pieces(pool, block);
    } else if (METE_LIKELY(kind == METE__POOL_NAMED)) {
        free_named(pool, block);
    } else if (kind == METE__POOL_REST) {
        free_with_rest(pool, block);
    } else {
        if (pool->shared)
            free_shared(pool, block);
        else
            free_own(pool, block);
        STAY_ON_STACK();
    }
}

void *mete_pool_zalloc(mete_pool *pool) {
    void *block = mete_pool_alloc(pool);
    if (METE_LIKELY(block != NULL)) memset(block, 0, pool->block_size);
    return block;
}

void mete_pool_free_many(mete_pool *pool, void *const *blocks, size_t count) {
    for (size_t i = 0; i < count; i++) mete_pool_free(pool, blocks[i]);
}
