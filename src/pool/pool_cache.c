/*
 * Shared pools: each thread has two magazines of blocks at hand, and the depot, under the pool's
 * lock, exchanges full for empty ones (Bonwick, Adams, "Magazines and Vmem", 2001). Two, so that a
 * thread that takes and frees around the edge of one does not visit the depot each time.
 *
 * Locks: life_lock, under which threads end and pools are destroyed, then the pool's.
 */
#include "os/checkers.h"
#include "os/meta.h"
#include "os/thread_end.h"
#include "pool/pool_state.h"

enum {
    BLOCKS = 64,         /* in a magazine */
    FULL_MAX = 64,       /* magazines in a depot; what is more goes back to the slabs */
    SHARED_POOLS = 4096, /* at one time */
    FIRST_CACHES = 8,
};

/* A block: its slab and its index. */
typedef uint64_t reference;
enum { INDEX_SHIFT = 48 };

struct mete__magazine {
    struct mete__magazine *next; /* in the depot */
    size_t count;
    reference blocks[BLOCKS];
};

struct mete__pool_cache {
    mete_pool *pool;               /* NULL: destroyed */
    struct mete__pool_cache *next; /* of the pool's, under its lock */
    struct mete__pool_cache *previous;
    struct mete__magazine *loaded;
    struct mete__magazine *other;
    uint64_t allocations; /* atomic, of this thread, as frees */
    uint64_t frees;
};

/* All of a thread's, by the pool's slot. */
struct thread_caches {
    struct mete__thread_end end;
    uint32_t capacity;
    struct mete__pool_cache *caches[];
};

static __thread struct thread_caches *mine;
static __thread char token; /* its address names the thread to the locks */
static struct mete__lock life_lock;
static uint64_t slots[SHARED_POOLS / 64]; /* a bit each; under life_lock */

static bool acquire(struct mete__lock *lock) {
    return mete__lock_acquire(lock, (uintptr_t)&token);
}

/* ---- references ---- */

static reference refer(const struct mete__slab *slab, uint32_t index) {
    return (uint64_t)index << INDEX_SHIFT | (uintptr_t)slab;
}

static struct mete__place place_of(reference block) {
    uintptr_t slab = (uintptr_t)(block & (((uint64_t)1 << INDEX_SHIFT) - 1));
    return (struct mete__place){.slab = (struct mete__slab *)slab,
                                .index = (uint32_t)(block >> INDEX_SHIFT)};
}

/* ---- under the pool's lock ---- */

static void put_on_slab(mete_pool *pool, const struct mete__place *place) {
    if (METE_UNLIKELY(pool->handles && mete__pool_life(place->slab, place->index) == UINT32_MAX)) {
        mete__slab_retire(pool, place->slab, place->index);
        return;
    }
    mete__slab_put(pool, place->slab, place->index);
}

static void unload_to_slabs(mete_pool *pool, struct mete__magazine *magazine) {
    while (magazine->count > 0) {
        struct mete__place place = place_of(magazine->blocks[--magazine->count]);
        put_on_slab(pool, &place);
    }
}

static struct mete__magazine *pop(struct mete__magazine **list) {
    struct mete__magazine *magazine = *list;
    if (magazine != NULL) *list = magazine->next;
    return magazine;
}

static void push(struct mete__magazine **list, struct mete__magazine *magazine) {
    magazine->next = *list;
    *list = magazine;
}

static int load_from_slabs(mete_pool *pool, struct mete__magazine *magazine) {
    struct mete__place place;
    int status = 0;

    while (magazine->count < BLOCKS / 2) {
        if (!mete__slab_take(pool, METE__LINK_HELD, &place)) {
            /* A new slab only where there is nothing else: the next visit may find some freed. */
            if (magazine->count > 0) return 0;
            status = mete__slab_add(pool);
            if (status < 0) return status;
            continue;
        }
        if (place.is_fresh && !mete__checkers_listen)
            mete__pool_fill_block(pool, mete__pool_block(pool, place.slab, place.index));
        magazine->blocks[magazine->count++] = refer(place.slab, place.index);
    }
    return 0;
}

/* ---- a thread's caches ---- */

static void free_magazines(struct mete__pool_cache *cache) {
    mete__meta_free(cache->loaded, sizeof *cache->loaded);
    mete__meta_free(cache->other, sizeof *cache->other);
    cache->loaded = cache->other = NULL;
}

/* The cache's blocks and counts become the pool's. Under both locks. */
static void retire_cache(mete_pool *pool, struct mete__pool_cache *cache) {
    unload_to_slabs(pool, cache->loaded);
    unload_to_slabs(pool, cache->other);
    pool->allocations += cache->allocations;
    pool->frees += cache->frees;
    if (cache->previous != NULL)
        cache->previous->next = cache->next;
    else
        pool->caches = cache->next;
    if (cache->next != NULL) cache->next->previous = cache->previous;
    pool->metadata -= sizeof *cache + 2 * sizeof *cache->loaded;
}

static void end_cache(struct mete__pool_cache *cache) {
    if (cache->pool != NULL && acquire(&cache->pool->lock)) {
        retire_cache(cache->pool, cache);
        mete__lock_release(&cache->pool->lock);
        free_magazines(cache);
    }
    mete__meta_free(cache, sizeof *cache);
}

static size_t caches_bytes(uint32_t capacity) {
    return sizeof(struct thread_caches) + capacity * sizeof(struct mete__pool_cache *);
}

static void thread_ends(struct mete__thread_end *end) {
    struct thread_caches *caches = (struct thread_caches *)(void *)end; /* its first member */

    mine = NULL;
    if (!acquire(&life_lock)) return;
    for (uint32_t i = 0; i < caches->capacity; i++)
        if (caches->caches[i] != NULL) end_cache(caches->caches[i]);
    mete__lock_release(&life_lock);
    mete__meta_free(caches, caches_bytes(caches->capacity));
}

/* The list of what a thread ends with knows the table by its address: so a larger one is entered
 * anew, and the old one stays in the list, empty. */
static bool make_room(uint32_t slot) {
    uint32_t capacity = mine != NULL ? mine->capacity : FIRST_CACHES;

    if (mine != NULL && slot < capacity) return true;
    while (capacity <= slot) capacity *= 2;
    struct thread_caches *larger = mete__meta_alloc(caches_bytes(capacity));
    if (larger == NULL) return false;
    larger->capacity = capacity;
    larger->end.run = thread_ends;
    if (!mete__thread_end_add(&larger->end)) {
        mete__meta_free(larger, caches_bytes(capacity));
        return false;
    }
    for (uint32_t i = 0; mine != NULL && i < mine->capacity; i++) {
        larger->caches[i] = mine->caches[i];
        mine->caches[i] = NULL;
    }
    mine = larger;
    return true;
}

static struct mete__pool_cache *new_cache(mete_pool *pool, struct mete__pool_cache *cache) {
    if (cache == NULL) cache = mete__meta_alloc(sizeof *cache);
    if (cache == NULL) return NULL;
    *cache = (struct mete__pool_cache){.loaded = mete__meta_alloc(sizeof *cache->loaded),
                                       .other = mete__meta_alloc(sizeof *cache->other)};
    if (cache->loaded == NULL || cache->other == NULL || !acquire(&pool->lock)) {
        free_magazines(cache);
        mete__meta_free(cache, sizeof *cache);
        return NULL;
    }
    cache->pool = pool;
    cache->next = pool->caches;
    if (pool->caches != NULL) pool->caches->previous = cache;
    pool->caches = cache;
    pool->metadata += sizeof *cache + 2 * sizeof *cache->loaded;
    mete__lock_release(&pool->lock);
    return cache;
}

/* NULL where there is no memory for one. */
static METE_NOINLINE struct mete__pool_cache *make_cache(mete_pool *pool) {
    if (!make_room(pool->slot)) return NULL;
    struct mete__pool_cache *stale = mine->caches[pool->slot]; /* of a pool that had the slot */
    return mine->caches[pool->slot] = new_cache(pool, stale);
}

METE_INLINE struct mete__pool_cache *find_cache(const mete_pool *pool) {
    const struct thread_caches *caches = mine;

    if (METE_UNLIKELY(caches == NULL || pool->slot >= caches->capacity)) return NULL;
    struct mete__pool_cache *cache = caches->caches[pool->slot];
    return METE_LIKELY(cache != NULL && cache->pool == pool) ? cache : NULL;
}

METE_INLINE struct mete__pool_cache *my_cache(mete_pool *pool) {
    struct mete__pool_cache *cache = find_cache(pool);
    return METE_LIKELY(cache != NULL) ? cache : make_cache(pool);
}

static void count(uint64_t *counter) {
    __atomic_store_n(counter, *counter + 1, __ATOMIC_RELEASE);
}

/* ---- taking and putting ---- */

static void swap_magazines(struct mete__pool_cache *cache) {
    struct mete__magazine *loaded = cache->loaded;
    cache->loaded = cache->other;
    cache->other = loaded;
}

/* Makes cache->loaded have a block. */
static METE_NOINLINE int reload(mete_pool *pool, struct mete__pool_cache *cache) {
    int status = 0;

    if (cache->other->count > 0) {
        swap_magazines(cache);
        return 0;
    }
    if (!acquire(&pool->lock)) return -EDEADLK;
    struct mete__magazine *full = pop(&pool->full);
    if (full != NULL) {
        pool->full_count--;
        push(&pool->empty, cache->loaded);
        cache->loaded = full;
    } else {
        status = load_from_slabs(pool, cache->loaded);
    }
    mete__lock_release(&pool->lock);
    return status;
}

/* Makes cache->loaded have room for a block. */
static METE_NOINLINE void unload(mete_pool *pool, struct mete__pool_cache *cache) {
    if (cache->other->count < BLOCKS) {
        swap_magazines(cache);
        return;
    }
    if (!acquire(&pool->lock)) return;
    struct mete__magazine *empty = pool->full_count < FULL_MAX ? pop(&pool->empty) : NULL;
    if (empty == NULL && pool->full_count < FULL_MAX) {
        empty = mete__meta_alloc(sizeof *empty);
        if (empty != NULL) pool->metadata += sizeof *empty;
    }
    if (empty != NULL) {
        push(&pool->full, cache->loaded);
        pool->full_count++;
        cache->loaded = empty;
    } else {
        unload_to_slabs(pool, cache->loaded);
    }
    mete__lock_release(&pool->lock);
}

/* Without a cache of its own, a thread goes to the slabs each time. */
static METE_COLD int take_directly(mete_pool *pool, struct mete__place *out) {
    int status = 0;

    if (!acquire(&pool->lock)) return -EDEADLK;
    if (!mete__slab_take(pool, METE__LINK_LIVE, out)) {
        status = mete__slab_add(pool);
        if (status == 0) (void)mete__slab_take(pool, METE__LINK_LIVE, out);
    }
    if (status == 0) count(&pool->allocations);
    mete__lock_release(&pool->lock);
    return status;
}

static METE_COLD void put_directly(mete_pool *pool, const struct mete__place *place) {
    if (!acquire(&pool->lock)) return;
    put_on_slab(pool, place);
    count(&pool->frees);
    mete__lock_release(&pool->lock);
}

static int take(mete_pool *pool, struct mete__place *out) {
    struct mete__pool_cache *cache = my_cache(pool);

    if (METE_UNLIKELY(cache == NULL)) return take_directly(pool, out);
    if (METE_UNLIKELY(cache->loaded->count == 0)) {
        int status = reload(pool, cache);
        if (status < 0) return status;
    }
    *out = place_of(cache->loaded->blocks[--cache->loaded->count]);
    mete__pool_set_link(out->slab, out->index, METE__LINK_LIVE);
    count(&cache->allocations);
    return 0;
}

int mete__pool_cache_take(mete_pool *pool, struct mete__place *out) {
    if (METE_LIKELY(!pool->is_limited)) return take(pool, out);
    if (__atomic_add_fetch(&pool->live, 1, __ATOMIC_RELAXED) > pool->max_blocks) {
        __atomic_sub_fetch(&pool->live, 1, __ATOMIC_RELAXED);
        return -ENOBUFS;
    }
    int status = take(pool, out);
    if (status < 0) __atomic_sub_fetch(&pool->live, 1, __ATOMIC_RELAXED);
    return status;
}

void mete__pool_cache_put(mete_pool *pool, const struct mete__place *place) {
    struct mete__pool_cache *cache = my_cache(pool);

    if (METE_UNLIKELY(pool->is_limited)) __atomic_sub_fetch(&pool->live, 1, __ATOMIC_RELAXED);
    mete__pool_set_link(place->slab, place->index, METE__LINK_HELD);
    bool is_worn = pool->handles && mete__pool_life(place->slab, place->index) == UINT32_MAX;
    if (METE_UNLIKELY(cache == NULL || is_worn)) {
        put_directly(pool, place);
        return;
    }
    if (METE_UNLIKELY(cache->loaded->count == BLOCKS)) unload(pool, cache);
    if (METE_UNLIKELY(cache->loaded->count == BLOCKS)) {
        put_directly(pool, place);
        return;
    }
    cache->loaded->blocks[cache->loaded->count++] = refer(place->slab, place->index);
    count(&cache->frees);
}

/* ---- all of them ---- */

bool mete__pool_cache_begin(mete_pool *pool) {
    bool found = false;

    if (!acquire(&life_lock)) return false;
    for (uint32_t i = 0; i < METE_COUNT_OF(slots) && !found; i++) {
        if (slots[i] == UINT64_MAX) continue;
        unsigned bit = (unsigned)__builtin_ctzll(~slots[i]);
        slots[i] |= (uint64_t)1 << bit;
        pool->slot = i * 64 + bit;
        found = true;
    }
    mete__lock_release(&life_lock);
    return found;
}

static void free_depot(struct mete__magazine *list) {
    for (struct mete__magazine *next; list != NULL; list = next) {
        next = list->next;
        mete__meta_free(list, sizeof *list);
    }
}

void mete__pool_cache_end(mete_pool *pool) {
    if (!acquire(&life_lock)) return;
    for (struct mete__pool_cache *cache = pool->caches; cache != NULL; cache = cache->next) {
        cache->pool = NULL; /* the thread frees it, or its next pool has it */
        free_magazines(cache);
    }
    slots[pool->slot / 64] &= ~((uint64_t)1 << pool->slot % 64);
    mete__lock_release(&life_lock);
    free_depot(pool->full);
    free_depot(pool->empty);
}

void mete__pool_cache_drain(mete_pool *pool, bool forget) {
    struct mete__magazine *magazine;
    const struct mete__pool_cache *own = find_cache(pool);

    if (!acquire(&pool->lock)) return;
    while ((magazine = pop(&pool->full)) != NULL) {
        if (forget) magazine->count = 0;
        unload_to_slabs(pool, magazine);
        push(&pool->empty, magazine);
    }
    pool->full_count = 0;
    for (struct mete__pool_cache *cache = pool->caches; cache != NULL; cache = cache->next) {
        if (forget) cache->loaded->count = cache->other->count = 0;
        if (cache != own) continue;
        unload_to_slabs(pool, cache->loaded);
        unload_to_slabs(pool, cache->other);
    }
    mete__lock_release(&pool->lock);
}

void mete__pool_cache_sum(mete_pool *pool, uint64_t *allocations, uint64_t *frees) {
    *allocations = *frees = 0;
    if (!pool->shared || !acquire(&pool->lock)) return;
    *frees =
        pool->frees; /* all frees before any allocation: no block is freed that was not allocated */
    for (const struct mete__pool_cache *cache = pool->caches; cache != NULL; cache = cache->next)
        *frees += __atomic_load_n(&cache->frees, __ATOMIC_ACQUIRE);
    *allocations = pool->allocations;
    for (const struct mete__pool_cache *cache = pool->caches; cache != NULL; cache = cache->next)
        *allocations += __atomic_load_n(&cache->allocations, __ATOMIC_RELAXED);
    mete__lock_release(&pool->lock);
}
