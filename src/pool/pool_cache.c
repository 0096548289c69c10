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

struct mete__magazine {
    struct mete__magazine *next; /* in the depot */
    size_t count;                /* a loaded one's is known by the hand */
    struct mete__held blocks[BLOCKS];
};

__thread struct mete__thread_caches *mete__pool_cache_mine;
static struct mete__lock life_lock;
static uint64_t slots[SHARED_POOLS / 64]; /* a bit each; under life_lock */

static bool acquire(struct mete__lock *lock) {
    return mete__lock_acquire(lock, mete__lock_token());
}

/* ---- under the pool's lock ---- */

static void unload_to_slabs(mete_pool *pool, struct mete__magazine *magazine) {
    mete__slab_unload(pool, magazine->blocks, magazine->count);
    magazine->count = 0;
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

static void count(uint64_t *counter) {
    __atomic_store_n(counter, *counter + 1, __ATOMIC_RELEASE);
}

/* ---- the loaded magazine and the hand ---- */

static void lay_down(struct mete__pool_cache *cache) {
    cache->loaded->count = mete__hand_depth(&cache->hand);
}

static void pick_up(struct mete__pool_cache *cache, struct mete__magazine *magazine) {
    cache->loaded = magazine;
    cache->hand.floor = cache->hand.bottom = magazine->blocks;
    cache->hand.top = magazine->blocks + magazine->count;
    cache->hand.ceiling = magazine->blocks + BLOCKS;
}

static void swap_magazines(struct mete__pool_cache *cache) {
    struct mete__magazine *other = cache->other;
    lay_down(cache);
    cache->other = cache->loaded;
    pick_up(cache, other);
}

/* ---- a thread's caches ---- */

static void free_magazines(struct mete__pool_cache *cache) {
    mete__meta_free(cache->loaded, sizeof *cache->loaded);
    mete__meta_free(cache->other, sizeof *cache->other);
    cache->loaded = cache->other = NULL;
}

/* The cache's blocks and counts become the pool's. Under both locks. */
static void retire_cache(mete_pool *pool, struct mete__pool_cache *cache) {
    lay_down(cache);
    unload_to_slabs(pool, cache->loaded);
    unload_to_slabs(pool, cache->other);
    pool->allocations += cache->hand.allocations;
    pool->frees += cache->hand.frees;
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
    return sizeof(struct mete__thread_caches) + capacity * sizeof(struct mete__pool_cache *);
}

static void thread_ends(struct mete__thread_end *end) {
    struct mete__thread_caches *caches =
        (struct mete__thread_caches *)(void *)end; /* its first member */

    mete__pool_cache_mine = NULL;
    if (!acquire(&life_lock)) return;
    for (uint32_t i = 0; i < caches->capacity; i++)
        if (caches->caches[i] != NULL) end_cache(caches->caches[i]);
    mete__lock_release(&life_lock);
    mete__meta_free(caches, caches_bytes(caches->capacity));
}

/* The list of what a thread ends with knows the table by its address: so a larger one is entered
 * anew, and the old one stays in the list, empty. */
static bool make_room(uint32_t slot) {
    uint32_t capacity =
        mete__pool_cache_mine != NULL ? mete__pool_cache_mine->capacity : FIRST_CACHES;

    if (mete__pool_cache_mine != NULL && slot < capacity) return true;
    while (capacity <= slot) capacity *= 2;
    struct mete__thread_caches *larger = mete__meta_alloc(caches_bytes(capacity));
    if (larger == NULL) return false;
    larger->capacity = capacity;
    larger->end.run = thread_ends;
    if (!mete__thread_end_add(&larger->end)) {
        mete__meta_free(larger, caches_bytes(capacity));
        return false;
    }
    for (uint32_t i = 0; mete__pool_cache_mine != NULL && i < mete__pool_cache_mine->capacity;
         i++) {
        larger->caches[i] = mete__pool_cache_mine->caches[i];
        mete__pool_cache_mine->caches[i] = NULL;
    }
    mete__pool_cache_mine = larger;
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
    cache->hand.recent = &mete__slab_none;
    pick_up(cache, cache->loaded);
    cache->pool = pool;
    cache->next = pool->caches;
    if (pool->caches != NULL) pool->caches->previous = cache;
    pool->caches = cache;
    pool->metadata += sizeof *cache + 2 * sizeof *cache->loaded;
    mete__lock_release(&pool->lock);
    return cache;
}

struct mete__hand *mete__pool_cache_make(mete_pool *pool) {
    if (!make_room(pool->slot)) return NULL;
    struct mete__pool_cache **own = &mete__pool_cache_mine->caches[pool->slot];
    *own = new_cache(pool, *own); /* it may be of a pool that had the slot */
    return *own != NULL ? &(*own)->hand : NULL;
}

static struct mete__pool_cache *cache_of(struct mete__hand *hand) {
    return (struct mete__pool_cache *)(void *)hand; /* its first member */
}

/* ---- taking and putting ---- */

int mete__pool_cache_reload(mete_pool *pool, struct mete__hand *hand) {
    struct mete__pool_cache *cache = cache_of(hand);
    int status = 0;

    if (cache->other->count > 0) {
        swap_magazines(cache);
        return 0;
    }
    if (!acquire(&pool->lock)) return -EDEADLK;
    struct mete__magazine *full = pop(&pool->full);
    if (full != NULL) {
        pool->full_count--;
        lay_down(cache);
        push(&pool->empty, cache->loaded);
        pick_up(cache, full);
    } else {
        status = mete__slab_load(pool, hand, BLOCKS / 2);
    }
    mete__lock_release(&pool->lock);
    return status;
}

bool mete__pool_cache_unload(mete_pool *pool, struct mete__hand *hand) {
    struct mete__pool_cache *cache = cache_of(hand);

    if (cache->other->count < BLOCKS) {
        swap_magazines(cache);
        return true;
    }
    if (!acquire(&pool->lock)) return false;
    struct mete__magazine *empty = pool->full_count < FULL_MAX ? pop(&pool->empty) : NULL;
    if (empty == NULL && pool->full_count < FULL_MAX) {
        empty = mete__meta_alloc(sizeof *empty);
        if (empty != NULL) pool->metadata += sizeof *empty;
    }
    lay_down(cache);
    if (empty != NULL) {
        push(&pool->full, cache->loaded);
        pool->full_count++;
        pick_up(cache, empty);
    } else {
        unload_to_slabs(pool, cache->loaded);
        pick_up(cache, cache->loaded);
    }
    mete__lock_release(&pool->lock);
    return true;
}

/* Without a hand of its own, a thread goes to the slabs each time. */
METE_COLD int mete__pool_cache_take(mete_pool *pool, struct mete__held *out) {
    struct mete__hand hand = {.top = out, .bottom = out};

    if (!acquire(&pool->lock)) return -EDEADLK;
    int status = mete__slab_load(pool, &hand, 1);
    if (status == 0) count(&pool->allocations);
    mete__lock_release(&pool->lock);
    return status;
}

METE_COLD void mete__pool_cache_put(mete_pool *pool, char *block, uint16_t *link) {
    const struct mete__held held = {block, link};

    if (!acquire(&pool->lock)) return;
    struct mete__slab *slab = mete__pool_slab(pool, block);
    uint32_t index = (uint32_t)(link - slab->links);
    if (pool->handles && mete__pool_life(slab, index) == UINT32_MAX)
        mete__slab_retire(pool, slab, index);
    else
        mete__slab_unload(pool, &held, 1);
    count(&pool->frees);
    mete__lock_release(&pool->lock);
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
    const struct mete__hand *own = mete__pool_cache_find(pool);

    if (!acquire(&pool->lock)) return;
    while ((magazine = pop(&pool->full)) != NULL) {
        if (forget) magazine->count = 0;
        unload_to_slabs(pool, magazine);
        push(&pool->empty, magazine);
    }
    pool->full_count = 0;
    for (struct mete__pool_cache *cache = pool->caches; cache != NULL; cache = cache->next) {
        if (!forget && &cache->hand != own) continue;
        lay_down(cache);
        if (forget) cache->loaded->count = cache->other->count = 0;
        unload_to_slabs(pool, cache->loaded);
        unload_to_slabs(pool, cache->other);
        pick_up(cache, cache->loaded);
    }
    mete__lock_release(&pool->lock);
}

void mete__pool_cache_sum(mete_pool *pool, uint64_t *allocations, uint64_t *frees) {
    *allocations = *frees = 0;
    if (!pool->shared || !acquire(&pool->lock)) return;
    *frees =
        pool->frees; /* all frees before any allocation: no block is freed that was not allocated */
    for (const struct mete__pool_cache *cache = pool->caches; cache != NULL; cache = cache->next)
        *frees += __atomic_load_n(&cache->hand.frees, __ATOMIC_ACQUIRE);
    *allocations = pool->allocations;
    for (const struct mete__pool_cache *cache = pool->caches; cache != NULL; cache = cache->next)
        *allocations += __atomic_load_n(&cache->hand.allocations, __ATOMIC_RELAXED);
    mete__lock_release(&pool->lock);
}
