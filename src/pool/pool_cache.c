/*
 * Shared pools: each thread has two magazines of blocks at hand, and the depot, under the pool's
 * lock, exchanges full for empty ones (Bonwick, Adams, "Magazines and Vmem", 2001). Two, so that a
 * thread that takes and frees around the edge of one does not visit the depot each time.
 *
 * The most blocks that were live are known from the slabs: whenever they give blocks the depot is
 * empty, so all they ever gave is live, or in a thread's hands, or gathered for a request that may
 * yet fail. Those are left out, and when such a request fails its blocks go to the slabs: in the
 * depot they would hide that as many may be live later.
 */
#include "os/meta.h"
#include "pool/pool_state.h"

enum {
    BLOCKS = 64,   /* in a magazine */
    FULL_MAX = 64, /* magazines in a depot; what is more goes back to the slabs */
};

struct mete__magazine {
    struct mete__magazine *next; /* in the depot */
    size_t count;                /* a loaded one's is known by the cache */
    struct mete_pool_held blocks[BLOCKS] METE_ALIGNED(16);
};

static struct mete__magazine *pop(struct mete__magazine **list) {
    struct mete__magazine *magazine = *list;
    if (magazine != NULL) *list = magazine->next;
    return magazine;
}

static void push(struct mete__magazine **list, struct mete__magazine *magazine) {
    magazine->next = *list;
    *list = magazine;
}

static void unload_to_slabs(mete_pool *pool, struct mete__magazine *magazine) {
    mete__slab_put(pool, magazine->blocks, magazine->count);
    magazine->count = 0;
}

static void note_peak(mete_pool *pool) {
    uint64_t used = pool->used - pool->gathered;
    if (used > pool->peak) pool->peak = used;
}

static void add(uint64_t *counter, uint64_t count) {
    __atomic_store_n(counter, *counter + count, __ATOMIC_RELEASE);
}

/* ---- the loaded magazine ---- */

static size_t depth_of(const struct mete__pool_cache *cache) {
    return (size_t)(cache->share.top - cache->share.bottom);
}

static void lay_down(struct mete__pool_cache *cache) {
    cache->loaded->count = depth_of(cache);
}

static void pick_up(struct mete__pool_cache *cache, struct mete__magazine *magazine) {
    cache->loaded = magazine;
    cache->share.bottom = magazine->blocks;
    cache->share.top = magazine->blocks + magazine->count;
    cache->share.ceiling = magazine->blocks + BLOCKS;
}

static void swap_magazines(struct mete__pool_cache *cache) {
    struct mete__magazine *other = cache->other;
    lay_down(cache);
    cache->other = cache->loaded;
    pick_up(cache, other);
}

int mete__pool_cache_reload(mete_pool *pool, struct mete__pool_cache *cache) {
    if (cache->other->count > 0) {
        swap_magazines(cache);
        return 0;
    }
    if (!mete__pool_lock(pool)) return -EDEADLK;
    long taken = 0;
    struct mete__magazine *full = pop(&pool->full);
    if (full != NULL) {
        pool->full_count--;
        lay_down(cache);
        push(&pool->empty, cache->loaded);
        pick_up(cache, full);
    } else {
        taken = mete__slab_take(pool, cache->share.top, BLOCKS);
        if (taken > 0) cache->share.top += taken;
        note_peak(pool);
    }
    mete__pool_unlock(pool);
    return taken < 0 ? (int)taken : 0;
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
    if (cache->other->count < BLOCKS) {
        swap_magazines(cache);
        return true;
    }
    if (!mete__pool_lock(pool)) return false;
    struct mete__magazine *empty = empty_magazine(pool);
    lay_down(cache);
    if (empty != NULL) {
        push(&pool->full, cache->loaded);
        pool->full_count++;
        pick_up(cache, empty);
    } else {
        unload_to_slabs(pool, cache->loaded);
        pick_up(cache, cache->loaded);
    }
    mete__pool_unlock(pool);
    return true;
}

/* ---- a thread's cache comes and goes ---- */

enum { CACHE_BYTES = sizeof(struct mete__pool_cache) + 2 * sizeof(struct mete__magazine) };

/* In a child of fork, one of a thread that was just exchanging the two may have one twice. */
static void free_magazines(struct mete__pool_cache *cache) {
    mete__meta_free(cache->loaded, sizeof *cache->loaded);
    if (cache->other != cache->loaded) mete__meta_free(cache->other, sizeof *cache->other);
    cache->loaded = cache->other = NULL;
}

bool mete__pool_cache_enter(mete_pool *pool, struct mete__pool_cache *cache) {
    if (!mete__slab_may_reserve(pool, CACHE_BYTES)) return false;
    *cache = (struct mete__pool_cache){.loaded = mete__meta_alloc(sizeof *cache->loaded),
                                       .other = mete__meta_alloc(sizeof *cache->other),
                                       .share.near = mete__slab_near(&mete__slab_none)};
    if (cache->loaded == NULL || cache->other == NULL) {
        free_magazines(cache);
        return false;
    }
    pick_up(cache, cache->loaded);
    cache->share.pool = pool;
    cache->share.open = pool->is_inline_shared ? pool : NULL;
    cache->next = pool->caches;
    if (pool->caches != NULL) pool->caches->previous = cache;
    pool->caches = cache;
    pool->metadata += CACHE_BYTES;
    return true;
}

void mete__pool_cache_leave(mete_pool *pool, struct mete__pool_cache *cache) {
    lay_down(cache);
    unload_to_slabs(pool, cache->loaded);
    unload_to_slabs(pool, cache->other);
    pool->allocations += cache->share.allocations;
    pool->frees += cache->share.frees;
    if (cache->previous != NULL)
        cache->previous->next = cache->next;
    else
        pool->caches = cache->next;
    if (cache->next != NULL) cache->next->previous = cache->previous;
    pool->metadata -= CACHE_BYTES;
    free_magazines(cache);
}

static void free_depot(struct mete__magazine *list) {
    for (struct mete__magazine *next; list != NULL; list = next) {
        next = list->next;
        mete__meta_free(list, sizeof *list);
    }
}

void mete__pool_cache_leave_all(mete_pool *pool) {
    for (struct mete__pool_cache *cache = pool->caches, *next; cache != NULL; cache = next) {
        next = cache->next;
        free_magazines(cache);
        cache->share.open = NULL;
        cache->share.pool = NULL; /* the thread frees it, or its next pool has it */
    }
    free_depot(pool->full);
    free_depot(pool->empty);
}

/* ---- many at once, and without a cache ---- */

/* Blocks that neither come from the slabs nor are another thread's. Under the lock. */
static size_t at_hand(const mete_pool *pool, const struct mete__pool_cache *cache) {
    size_t depot = (size_t)pool->full_count * BLOCKS;
    return cache == NULL ? depot : depot + depth_of(cache) + cache->other->count;
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

/* But for those that two threads have freed at one instant, and that live again already. */
static size_t take_from(struct mete__magazine *magazine, struct mete_pool_held *out, size_t count) {
    size_t taken = 0;

    while (taken < count && magazine->count > 0) {
        struct mete_pool_held held = magazine->blocks[--magazine->count];
        if (METE_UNLIKELY(mete__pool_place(held.place) != METE__PLACE_OUT)) continue;
        mete__pool_set_place(held.place, METE__PLACE_LIVE);
        out[taken++] = held;
    }
    return taken;
}

/* A magazine of the depot that is not used up goes to the slabs: all there are full. */
static size_t take_from_depot(mete_pool *pool, struct mete_pool_held *out, size_t count) {
    struct mete__magazine *magazine;
    size_t taken = 0;

    while (taken < count && (magazine = pop(&pool->full)) != NULL) {
        pool->full_count--;
        taken += take_from(magazine, out + taken, count - taken);
        unload_to_slabs(pool, magazine);
        push(&pool->empty, magazine);
    }
    return taken;
}

static void put_back(mete_pool *pool, const struct mete_pool_held *blocks, size_t count) {
    for (size_t i = 0; i < count; i++) mete__pool_set_place(blocks[i].place, METE__PLACE_OUT);
    mete__slab_put(pool, blocks, count);
}

/* What was provided cannot fail, unless a block at hand was none. */
static int gather(mete_pool *pool, struct mete__pool_cache *cache, struct mete_pool_held *out,
                  size_t count) {
    size_t taken = 0;

    if (cache != NULL) {
        lay_down(cache);
        taken = take_from(cache->loaded, out, count);
        taken += take_from(cache->other, out + taken, count - taken);
        pick_up(cache, cache->loaded);
    }
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
                          struct mete_pool_held *out, size_t count) {
    if (!mete__pool_lock(pool)) return -EDEADLK;
    int status = provide(pool, cache, count);
    if (status == 0) status = gather(pool, cache, out, count);
    mete__pool_unlock(pool);
    return status;
}

void mete__pool_cache_settle(mete_pool *pool, const struct mete_pool_held *blocks, size_t count,
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

METE_COLD void mete__pool_cache_put(mete_pool *pool, struct mete_pool_held held, bool counts) {
    if (!mete__pool_lock(pool)) return;
    mete__slab_put(pool, &held, 1);
    if (counts) add(&pool->frees, 1);
    mete__pool_unlock(pool);
}

/* ---- all of them ---- */

void mete__pool_cache_drain(mete_pool *pool, struct mete__pool_cache *cache) {
    struct mete__magazine *magazine;

    if (!mete__pool_lock(pool)) return;
    while ((magazine = pop(&pool->full)) != NULL) {
        unload_to_slabs(pool, magazine);
        push(&pool->empty, magazine);
    }
    pool->full_count = 0;
    if (cache != NULL) {
        lay_down(cache);
        unload_to_slabs(pool, cache->loaded);
        unload_to_slabs(pool, cache->other);
        pick_up(cache, cache->loaded);
    }
    mete__pool_unlock(pool);
}

void mete__pool_cache_forget(mete_pool *pool) {
    struct mete__magazine *magazine;

    while ((magazine = pop(&pool->full)) != NULL) {
        magazine->count = 0;
        push(&pool->empty, magazine);
    }
    pool->full_count = 0;
    for (struct mete__pool_cache *cache = pool->caches; cache != NULL; cache = cache->next) {
        cache->loaded->count = cache->other->count = 0;
        pick_up(cache, cache->loaded);
    }
}

/* All frees before any allocation: no block is freed that was not allocated. */
void mete__pool_cache_sum(mete_pool *pool, uint64_t *allocations, uint64_t *frees) {
    *allocations = *frees = 0;
    if (!pool->shared || !mete__pool_lock(pool)) return;
    *frees = pool->frees;
    for (const struct mete__pool_cache *cache = pool->caches; cache != NULL; cache = cache->next)
        *frees += __atomic_load_n(&cache->share.frees, __ATOMIC_ACQUIRE);
    *allocations = pool->allocations;
    for (const struct mete__pool_cache *cache = pool->caches; cache != NULL; cache = cache->next)
        *allocations += __atomic_load_n(&cache->share.allocations, __ATOMIC_RELAXED);
    mete__pool_unlock(pool);
}
