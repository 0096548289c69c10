/*
 * Shared pools: each thread has blocks in hand, as many as two magazines hold, and the depot, under
 * the pool's lock, fills an empty hand with a magazine, and takes one from a full hand (Bonwick,
 * Adams, "Magazines and Vmem", 2001). Two, so that a thread that takes and frees around the edge of
 * one does not visit the depot each time.
 *
 * What a thread has allocated is what it drew from the pool and has no more in hand, and what it
 * has freed itself. So one word, the hand's count, tells both, and the fast paths keep no other.
 *
 * The most blocks that were live are known from the slabs: whenever they give blocks the depot is
 * empty, so all they ever gave is live, or in a thread's hands, or gathered for a request that may
 * yet fail. Those are left out, and when such a request fails its blocks go to the slabs: in the
 * depot they would hide that as many may be live later.
 */
#include <string.h>

#include "os/meta.h"
#include "pool/pool_state.h"

enum {
    BLOCKS = METE__POOL_IN_HAND / 2, /* in a magazine */
    FULL_MAX = 64,                   /* magazines in a depot; what is more goes back to the slabs */
};

struct mete__magazine {
    struct mete__magazine *next; /* in the depot */
    void *blocks[BLOCKS];
    uint8_t *places[BLOCKS];
};

uint8_t mete__pool_cache_no_place = METE__PLACE_LIVE;

static struct mete__magazine *pop(struct mete__magazine **list) {
    struct mete__magazine *magazine = *list;
    if (magazine != NULL) *list = magazine->next;
    return magazine;
}

static void push(struct mete__magazine **list, struct mete__magazine *magazine) {
    magazine->next = *list;
    *list = magazine;
}

static void note_peak(mete_pool *pool) {
    uint64_t used = pool->used - pool->gathered;
    if (used > pool->peak) pool->peak = used;
}

static void add(uint64_t *counter, uint64_t count) {
    __atomic_store_n(counter, *counter + count, __ATOMIC_RELEASE);
}

/* ---- the hand: under the lock, so that `drawn` and the count change as one ---- */

static size_t depth_of(const struct mete__pool_cache *cache) {
    return mete__pool_share_depth(&cache->share);
}

/* By so many blocks from the pool, or back into it. */
static void draw(struct mete__pool_cache *cache, int count) {
    add(&cache->share.count, (uint64_t)(int64_t)count);
    cache->drawn += (uint64_t)(int64_t)count;
}

static struct mete__pool_held top_of(const struct mete__pool_cache *cache) {
    size_t depth = depth_of(cache);
    return (struct mete__pool_held){cache->share.blocks[depth], cache->share.places[depth]};
}

static void unload_to_slabs(mete_pool *pool, struct mete__pool_cache *cache, size_t count) {
    struct mete__pool_held held[METE__POOL_IN_HAND];

    for (size_t i = 0; i < count; i++) {
        held[i] = top_of(cache);
        draw(cache, -1);
    }
    mete__slab_put(pool, held, count);
}

static int load_from_slabs(mete_pool *pool, struct mete__pool_cache *cache) {
    struct mete__pool_held held[BLOCKS];
    long taken = mete__slab_take(pool, held, BLOCKS);

    for (long i = 0; i < taken; i++) {
        cache->share.blocks[1 + i] = held[i].block;
        cache->share.places[1 + i] = held[i].place;
    }
    if (taken > 0) draw(cache, (int)taken);
    note_peak(pool);
    return taken < 0 ? (int)taken : 0;
}

int mete__pool_cache_reload(mete_pool *pool, struct mete__pool_cache *cache) {
    int status = 0;

    if (!mete__pool_lock(pool)) return -EDEADLK;
    struct mete__magazine *full = pop(&pool->full);
    if (full != NULL) {
        pool->full_count--;
        memcpy(cache->share.blocks + 1, full->blocks, sizeof full->blocks);
        memcpy(cache->share.places + 1, full->places, sizeof full->places);
        draw(cache, BLOCKS);
        push(&pool->empty, full);
    } else {
        status = load_from_slabs(pool, cache);
    }
    mete__pool_unlock(pool);
    return status;
}

static struct mete__magazine *empty_magazine(mete_pool *pool) {
    if (pool->full_count == FULL_MAX) return NULL;
    struct mete__magazine *empty = pop(&pool->empty);
    if (empty != NULL || !mete__slab_may_reserve(pool, sizeof *empty)) return empty;
    empty = mete__meta_alloc(sizeof *empty);
    if (empty != NULL) pool->metadata += sizeof *empty;
    return empty;
}

bool mete__pool_cache_unload(mete_pool *pool, struct mete__pool_cache *cache) {
    if (!mete__pool_lock(pool)) return false;
    struct mete__magazine *magazine = empty_magazine(pool);
    if (magazine != NULL) {
        size_t from = depth_of(cache) + 1 - BLOCKS;
        memcpy(magazine->blocks, cache->share.blocks + from, sizeof magazine->blocks);
        memcpy(magazine->places, cache->share.places + from, sizeof magazine->places);
        draw(cache, -BLOCKS);
        push(&pool->full, magazine);
        pool->full_count++;
    } else {
        unload_to_slabs(pool, cache, BLOCKS);
    }
    mete__pool_unlock(pool);
    return true;
}

/* ---- what a thread has counted ---- */

static uint64_t frees_of(const struct mete__pool_cache *cache) {
    return __atomic_load_n(&cache->share.count, __ATOMIC_ACQUIRE) >> 8;
}

static uint64_t allocations_of(const struct mete__pool_cache *cache) {
    uint64_t count = __atomic_load_n(&cache->share.count, __ATOMIC_RELAXED);
    return (count >> 8) + cache->drawn - (uint8_t)count;
}

/* ---- a thread's cache comes and goes ---- */

static void open_to_inline(struct mete_pool_share *share, const mete_pool *pool) {
    if (pool->fills)
        share->filled = pool;
    else
        share->bare = pool;
    if (pool->handles) return;
    share->filled_ending = share->filled;
    share->bare_ending = share->bare;
}

bool mete__pool_cache_enter(mete_pool *pool, struct mete__pool_cache *cache) {
    if (!mete__slab_may_reserve(pool, sizeof *cache)) return false;
    memset(cache, 0, sizeof *cache);
    cache->share.near = mete__slab_near(&mete__slab_none);
    cache->share.places[0] = &mete__pool_cache_no_place;
    cache->share.pool = pool;
    if (pool->is_inline_shared) open_to_inline(&cache->share, pool);
    cache->next = pool->caches;
    if (pool->caches != NULL) pool->caches->previous = cache;
    pool->caches = cache;
    pool->metadata += sizeof *cache;
    return true;
}

void mete__pool_cache_leave(mete_pool *pool, struct mete__pool_cache *cache) {
    pool->allocations += allocations_of(cache);
    pool->frees += frees_of(cache);
    unload_to_slabs(pool, cache, depth_of(cache));
    if (cache->previous != NULL)
        cache->previous->next = cache->next;
    else
        pool->caches = cache->next;
    if (cache->next != NULL) cache->next->previous = cache->previous;
    pool->metadata -= sizeof *cache;
}

static void free_depot(struct mete__magazine *list) {
    for (struct mete__magazine *next; list != NULL; list = next) {
        next = list->next;
        mete__meta_free(list, sizeof *list);
    }
}

void mete__pool_cache_leave_all(mete_pool *pool) {
    for (struct mete__pool_cache *cache = pool->caches; cache != NULL; cache = cache->next) {
        struct mete_pool_share *share = &cache->share;
        __atomic_store_n(&share->filled, NULL, __ATOMIC_RELAXED);
        __atomic_store_n(&share->bare, NULL, __ATOMIC_RELAXED);
        __atomic_store_n(&share->filled_ending, NULL, __ATOMIC_RELAXED);
        __atomic_store_n(&share->bare_ending, NULL, __ATOMIC_RELAXED);
        __atomic_store_n(&share->pool, NULL, __ATOMIC_RELAXED); /* the thread frees the cache, or
                                                                 * its next pool has it */
    }
    free_depot(pool->full);
    free_depot(pool->empty);
}

/* ---- the depot ---- */

static struct mete__pool_held held_in(const struct mete__magazine *magazine, size_t i) {
    return (struct mete__pool_held){magazine->blocks[i], magazine->places[i]};
}

/* The first `count` of a magazine that is in no list any more. */
static void empty_to_slabs(mete_pool *pool, struct mete__magazine *magazine, size_t count) {
    struct mete__pool_held held[BLOCKS];

    for (size_t i = 0; i < count; i++) held[i] = held_in(magazine, i);
    mete__slab_put(pool, held, count);
    push(&pool->empty, magazine);
}

/* ---- many at once, and without a cache ---- */

/* Blocks that neither come from the slabs nor are another thread's. Under the lock. */
static size_t at_hand(const mete_pool *pool, const struct mete__pool_cache *cache) {
    size_t depot = (size_t)pool->full_count * BLOCKS;
    return cache == NULL ? depot : depot + depth_of(cache);
}

static int provide(mete_pool *pool, const struct mete__pool_cache *cache, size_t count) {
    size_t there = at_hand(pool, cache);
    return count <= there ? 0 : mete__slab_provide(pool, count - there);
}

int mete__pool_cache_provide(mete_pool *pool, struct mete__pool_cache *cache, size_t count) {
    if (!mete__pool_lock(pool)) return -EDEADLK;
    int status = provide(pool, cache, count);
    mete__pool_unlock(pool);
    return status;
}

/* But for one that two threads have freed at one instant, and that lives again already. */
static size_t take_one(struct mete__pool_held held, struct mete__pool_held *out) {
    if (METE_UNLIKELY(mete__pool_place(held.place) != METE__PLACE_OUT)) return 0;
    mete__pool_set_place(held.place, METE__PLACE_LIVE);
    *out = held;
    return 1;
}

static size_t take_from_hand(struct mete__pool_cache *cache, struct mete__pool_held *out,
                             size_t count) {
    size_t taken = 0;

    while (taken < count && depth_of(cache) > 0) {
        taken += take_one(top_of(cache), out + taken);
        draw(cache, -1);
    }
    return taken;
}

/* A magazine of the depot that is not used up goes to the slabs: all there are full. */
static size_t take_from_depot(mete_pool *pool, struct mete__pool_held *out, size_t count) {
    struct mete__magazine *magazine;
    size_t taken = 0;

    while (taken < count && (magazine = pop(&pool->full)) != NULL) {
        size_t left = BLOCKS;
        pool->full_count--;
        for (; left > 0 && taken < count; left--)
            taken += take_one(held_in(magazine, left - 1), out + taken);
        empty_to_slabs(pool, magazine, left);
    }
    return taken;
}

static void put_back(mete_pool *pool, const struct mete__pool_held *blocks, size_t count) {
    for (size_t i = 0; i < count; i++) mete__pool_set_place(blocks[i].place, METE__PLACE_OUT);
    mete__slab_put(pool, blocks, count);
}

/* What was provided cannot fail, unless a block at hand was none. */
static int gather(mete_pool *pool, struct mete__pool_cache *cache, struct mete__pool_held *out,
                  size_t count) {
    size_t taken = 0;

    if (cache != NULL) taken = take_from_hand(cache, out, count);
    taken += take_from_depot(pool, out + taken, count - taken);
    while (taken < count) {
        long given = mete__slab_take(pool, out + taken, count - taken);
        if (given < 0) {
            put_back(pool, out, taken);
            return (int)given;
        }
        taken += (size_t)given;
    }
    pool->gathered += count;
    return 0;
}

int mete__pool_cache_take(mete_pool *pool, struct mete__pool_cache *cache,
                          struct mete__pool_held *out, size_t count) {
    if (!mete__pool_lock(pool)) return -EDEADLK;
    int status = provide(pool, cache, count);
    if (status == 0) status = gather(pool, cache, out, count);
    mete__pool_unlock(pool);
    return status;
}

void mete__pool_cache_settle(mete_pool *pool, const struct mete__pool_held *blocks, size_t count,
                             bool keeps) {
    if (!mete__pool_lock(pool)) return;
    pool->gathered -= count;
    if (keeps)
        add(&pool->allocations, count);
    else
        mete__slab_put(pool, blocks, count);
    note_peak(pool);
    mete__pool_unlock(pool);
}

METE_COLD void mete__pool_cache_put(mete_pool *pool, struct mete__pool_held held, bool counts) {
    if (!mete__pool_lock(pool)) return;
    mete__slab_put(pool, &held, 1);
    if (counts) add(&pool->frees, 1);
    mete__pool_unlock(pool);
}

/* ---- all of them ---- */

void mete__pool_cache_drain(mete_pool *pool, struct mete__pool_cache *cache) {
    struct mete__magazine *magazine;

    if (!mete__pool_lock(pool)) return;
    while ((magazine = pop(&pool->full)) != NULL) empty_to_slabs(pool, magazine, BLOCKS);
    pool->full_count = 0;
    if (cache != NULL) unload_to_slabs(pool, cache, depth_of(cache));
    mete__pool_unlock(pool);
}

void mete__pool_cache_forget(mete_pool *pool) {
    struct mete__magazine *magazine;

    while ((magazine = pop(&pool->full)) != NULL) push(&pool->empty, magazine);
    pool->full_count = 0;
    for (struct mete__pool_cache *cache = pool->caches; cache != NULL; cache = cache->next)
        draw(cache, -(int)depth_of(cache));
}

/* All frees before any allocation: no block is freed that was not allocated. */
void mete__pool_cache_sum(const mete_pool *pool, uint64_t *allocations, uint64_t *frees) {
    *frees = pool->frees;
    for (const struct mete__pool_cache *cache = pool->caches; cache != NULL; cache = cache->next)
        *frees += frees_of(cache);
    *allocations = pool->allocations;
    for (const struct mete__pool_cache *cache = pool->caches; cache != NULL; cache = cache->next)
        *allocations += allocations_of(cache);
}
