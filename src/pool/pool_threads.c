/*
 * Which cache of a shared pool is whose, and what becomes of them when threads and processes end
 * or begin.
 *
 * Locks: life_lock, under which threads end and shared pools begin and end, then a pool's. A fork
 * takes them all, so that the child finds every pool whole. It has the caches of the threads it
 * does not have, too; what was in them may be half changed, and is not looked at again but to be
 * forgotten.
 */
#include "os/meta.h"
#include "os/process.h"
#include "pool/pool_state.h"

enum {
    SHARED_POOLS = 4096, /* at one time */
    FIRST_CACHES = 8,
};

/* All of a thread's, by the pool's slot. */
struct thread_caches {
    struct mete__thread_end end;
    uint32_t capacity;
    struct mete__pool_cache *caches[];
};

/* Of no pool. */
static struct mete_pool_share nobodys = {
    .near = (const struct mete_pool_near *)(const void *)&mete__slab_none,
    .places = {&mete__pool_cache_no_place},
};
__thread struct mete_pool_share *mete__pool_threads_share = &nobodys;
static __thread struct thread_caches *mine;

static struct mete__lock life_lock;
static mete_pool *shared_pools;           /* under life_lock */
static uint64_t slots[SHARED_POOLS / 64]; /* a bit each; under life_lock */
static bool fork_holds_life;              /* the lock below; of the thread that forks */

static bool acquire_life(void) {
    return mete__lock_acquire(&life_lock, mete__lock_token());
}

/* ---- a thread's caches ---- */

static void end_cache(struct mete__pool_cache *cache) {
    if (cache->share.pool != NULL && mete__pool_lock(cache->share.pool)) {
        mete__pool_cache_leave(cache->share.pool, cache);
        mete__pool_unlock(cache->share.pool);
    }
    mete__meta_free(cache, sizeof *cache);
}

static size_t caches_bytes(uint32_t capacity) {
    return sizeof(struct thread_caches) + capacity * sizeof(struct mete__pool_cache *);
}

static void thread_ends(struct mete__thread_end *end) {
    struct thread_caches *caches = METE_CONTAINER_OF(end, struct thread_caches, end);

    mine = NULL;
    mete__pool_threads_share = &nobodys;
    if (!acquire_life()) return;
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

struct mete__pool_cache *mete__pool_threads_find(const mete_pool *pool) {
    if (mine == NULL || pool->slot >= mine->capacity) return NULL;
    struct mete__pool_cache *cache = mine->caches[pool->slot];
    return cache != NULL && mete__pool_is_share_of(&cache->share, pool) ? cache : NULL;
}

static struct mete__pool_cache *make_cache(mete_pool *pool) {
    if (!make_room(pool->slot)) return NULL;
    struct mete__pool_cache **own = &mine->caches[pool->slot];
    if (*own == NULL) *own = mete__meta_alloc(sizeof **own); /* else of a pool that had the slot */
    if (*own == NULL || !mete__pool_lock(pool)) return NULL;
    bool is_entered = mete__pool_cache_enter(pool, *own);
    mete__pool_unlock(pool);
    return is_entered ? *own : NULL;
}

struct mete__pool_cache *mete__pool_threads_look_up(mete_pool *pool) {
    struct mete__pool_cache *cache = mete__pool_threads_find(pool);

    if (cache == NULL) cache = make_cache(pool);
    if (cache != NULL) mete__pool_threads_share = &cache->share;
    return cache;
}

/* ---- fork ---- */

/* What the thread that forks holds already, in a signal handler, it goes on to hold. */
static void before_fork(void) {
    fork_holds_life = acquire_life();
    for (mete_pool *pool = shared_pools; pool != NULL; pool = pool->next)
        pool->is_held_by_fork = mete__pool_lock(pool);
}

static void after_fork_in_parent(void) {
    for (mete_pool *pool = shared_pools; pool != NULL; pool = pool->next)
        if (pool->is_held_by_fork) mete__pool_unlock(pool);
    if (fork_holds_life) mete__lock_release(&life_lock);
}

static void after_fork_in_child(void) {
    mete__meta_after_fork(); /* where the heap does not see to it: it need not have begun */
    mete__registry_after_fork();
    after_fork_in_parent();
}

/* Before those of the program that may use a pool: handlers of fork run last in, first out. */
__attribute__((constructor(102))) static void watch_forks(void) {
    mete__process_around_fork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* ---- shared pools begin and end ---- */

bool mete__pool_threads_begin(mete_pool *pool) {
    bool found = false;

    if (!acquire_life()) return false;
    for (uint32_t i = 0; i < METE_COUNT_OF(slots) && !found; i++) {
        if (slots[i] == UINT64_MAX) continue;
        unsigned bit = (unsigned)__builtin_ctzll(~slots[i]);
        slots[i] |= (uint64_t)1 << bit;
        pool->slot = i * 64 + bit;
        found = true;
    }
    if (found) {
        pool->next = shared_pools;
        if (shared_pools != NULL) shared_pools->previous = pool;
        shared_pools = pool;
    }
    mete__lock_release(&life_lock);
    return found;
}

void mete__pool_threads_end(mete_pool *pool) {
    if (!acquire_life()) return;
    mete__pool_cache_leave_all(pool);
    slots[pool->slot / 64] &= ~((uint64_t)1 << pool->slot % 64);
    if (pool->previous != NULL)
        pool->previous->next = pool->next;
    else
        shared_pools = pool->next;
    if (pool->next != NULL) pool->next->previous = pool->previous;
    mete__lock_release(&life_lock);
}
