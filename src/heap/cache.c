/* heap/cache.h: birth, hand-over and death of caches; the inbox; fork. */
#include "heap/cache.h"

#include "heap/blocks.h"
#include "heap/checked.h"
#include "heap/cushion.h"
#include "heap/grave.h"
#include "heap/heap.h"
#include "heap/private.h"
#include "heap/sample.h"
#include "heap/slices.h"
#include "os/lock.h"
#include "os/memory.h"
#include "os/meta.h"
#include "registry/registry.h"

struct mete__span mete__cache_no_span;

#define EMPTY4 \
    &mete__cache_no_span, &mete__cache_no_span, &mete__cache_no_span, &mete__cache_no_span
#define EMPTY16 EMPTY4, EMPTY4, EMPTY4, EMPTY4
struct mete__cache mete__cache_empty = {
    .direct = {EMPTY16, EMPTY16, EMPTY16, EMPTY16, &mete__cache_no_span},
    .serving = {EMPTY16, EMPTY16, EMPTY16, EMPTY16, EMPTY16},
    .busy = 1,
};
static_assert(METE__DIRECT_SLOTS == 65 && METE__CLASSES == 80,
              "the initialiser above fills every slot");

__thread struct mete__cache *mete__cache_self = &mete__cache_empty;

static __thread bool is_late; /* nobody will call at the end of this thread */

static struct mete__lock caches_lock; /* idle list, all list, state changes */
static struct mete__cache *all_caches;
static struct mete__cache *idle_caches;
static struct mete__lock late_lock; /* taken before the caches' */
static struct mete__cache *late_cache;

static uint32_t never_forked = 1;
uint32_t *mete__cache_fork_word = &never_forked;

/* Atomic: BEFORE, STARTED, or STARTING * the id of the process whose thread does that. */
static uint32_t phase;
enum { BEFORE, STARTED, STARTING };
static uintptr_t starter; /* token of the thread that runs mete__heap_starting */

struct mete__cache *mete__cache_all(void) {
    return __atomic_load_n(&all_caches, __ATOMIC_ACQUIRE);
}

/* ---- the table malloc looks into ---- */

void mete__cache_point(struct mete__cache *cache, unsigned size_class) {
    struct mete__span *span = cache->bins[size_class].first;

    if (span == NULL || cache->watch_mode == METE__WATCH_ALL || mete__checked != NULL)
        span = &mete__cache_no_span;
    cache->serving[size_class] = span;
    size_t bytes = mete__size_class_bytes(size_class);
    if (bytes > METE__DIRECT_MAX) return;
    size_t below = size_class == 0 ? 0 : mete__size_class_bytes(size_class - 1) / 16 + 1;
    for (size_t slot = below; slot <= bytes / 16; slot++) cache->direct[slot] = span;
}

static void point_all(struct mete__cache *cache) {
    for (unsigned c = 0; c < METE__CLASSES; c++) mete__cache_point(cache, c);
}

static void follow_watch(struct mete__cache *cache) {
    cache->watch_generation = __atomic_load_n(&mete__watch.generation, __ATOMIC_ACQUIRE);
    cache->watch_mode = __atomic_load_n(&mete__watch.mode, __ATOMIC_RELAXED);
    cache->has_cushions = mete__cushion_is_set();
    for (unsigned c = 0; c < METE__CLASSES && cache->watch_mode == METE__WATCH_SAMPLED; c++)
        cache->bins[c].unsampled = mete__sample_distance(cache, mete__size_class_bytes(c));
    point_all(cache);
}

/* ---- the inbox ---- */

void mete__cache_take_in(struct mete__cache *cache) {
    struct mete__block *block = __atomic_exchange_n(&cache->inbox, NULL, __ATOMIC_ACQUIRE);
    while (block != NULL) {
        struct mete__block *next = block->next;
        mete__blocks_return(cache, block);
        block = next;
    }
}

/* Around what changes a cache outside of its owner's slow path: a child of fork, or a signal
 * handler, must know of it. */
static void begin_work(struct mete__cache *cache) {
    __atomic_store_n(&cache->busy, 1, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void end_work(struct mete__cache *cache) {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&cache->busy, 0, __ATOMIC_RELAXED);
}

/* An idle cache's, with the caches' lock held, or the late one's, with the late lock. */
static void take_in_for_nobody(struct mete__cache *cache) {
    begin_work(cache);
    mete__cache_take_in(cache);
    end_work(cache);
}

/* Where the lock is the caller's own already, the next sender or owner takes it in. */
static METE_COLD void take_in_idle(struct mete__cache *cache) {
    if (!mete__lock_acquire(&caches_lock, mete__lock_token())) return;
    if (cache->state == METE__CACHE_IDLE) take_in_for_nobody(cache);
    mete__lock_release(&caches_lock);
}

/* Where a late thread is in it just now, it or the next sender does. */
static METE_COLD void take_in_late(struct mete__cache *cache) {
    if (!mete__lock_try(&late_lock, mete__lock_token())) return;
    if (!cache->busy) take_in_for_nobody(cache);
    mete__lock_release(&late_lock);
}

void mete__cache_send(struct mete__cache *cache, struct mete__block *first,
                      struct mete__block *last) {
    struct mete__block *head = __atomic_load_n(&cache->inbox, __ATOMIC_RELAXED);
    do last->next = head;
    while (!__atomic_compare_exchange_n(&cache->inbox, &head, first, true, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED));

    /* In one order with hand_over, which first says idle and then takes in: one of the two sees
     * the blocks. */
    uint32_t state = __atomic_load_n(&cache->state, __ATOMIC_SEQ_CST);
    if (METE_LIKELY(state == METE__CACHE_ACTIVE)) return;
    if (state == METE__CACHE_IDLE) take_in_idle(cache);
    if (state == METE__CACHE_LATE) take_in_late(cache);
}

/* ---- fork ---- */

static void after_fork(void);

/* The C library's fork calls after_fork in the thread that forked, the only one whose cache is not
 * an orphan. A raw fork goes by the wiped word: whoever comes first to its slow path must be that
 * thread. */
static void note_process(void) {
    uint32_t *word = mete__process_wiped_on_fork(1);
    if (word != NULL) {
        mete__meta_register(word, mete__memory_page_size());
        __atomic_store_n(&mete__cache_fork_word, word, __ATOMIC_RELEASE);
    }
    mete__process_at_fork(after_fork);
}

static void make_idle(struct mete__cache *cache) {
    __atomic_store_n(&cache->state, METE__CACHE_IDLE, __ATOMIC_SEQ_CST);
    cache->next_idle = idle_caches;
    idle_caches = cache;
}

/* With every lock freshly reset. */
static void sort_out_orphans(void) {
    idle_caches = NULL;
    for (struct mete__cache *cache = all_caches; cache != NULL; cache = cache->next) {
        if (cache == mete__cache_self || cache->state == METE__CACHE_DEAD) continue;
        if (cache->busy)
            __atomic_store_n(&cache->state, METE__CACHE_DEAD, __ATOMIC_RELAXED);
        else if (cache != late_cache)
            make_idle(cache);
    }
    if (late_cache != NULL && late_cache->state == METE__CACHE_DEAD) late_cache = NULL;
    /* Now that it is known which cache is nobody's. */
    for (struct mete__cache *cache = all_caches; cache != NULL; cache = cache->next)
        if (cache->state == METE__CACHE_IDLE) mete__outbox_flush(&cache->outbox);
}

/* The thread that forked is the only one. */
static void outlive_threads(void) {
    mete__meta_after_fork();
    mete__registry_after_fork();
    mete__slices_after_fork();
    mete__grave_after_fork();
    mete__cushion_after_fork();
    mete__private_after_fork();
    mete__lock_reset(&caches_lock);
    mete__lock_reset(&late_lock);
    sort_out_orphans();
    if (mete__cache_self != &mete__cache_empty) mete__cache_self->refills = 0; /* a tick soon */
}

static bool is_starting(void) {
    return __atomic_load_n(&phase, __ATOMIC_ACQUIRE) >= STARTING;
}

static void after_fork(void) {
    uint32_t expected = 0;
    /* Once for each fork, whichever way it is noticed first. */
    if (mete__cache_fork_word != &never_forked &&
        !__atomic_compare_exchange_n(mete__cache_fork_word, &expected, 2, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_ACQUIRE)) {
        while (__atomic_load_n(mete__cache_fork_word, __ATOMIC_ACQUIRE) != 1) mete__process_yield();
        return;
    }
    outlive_threads();
    if (is_starting()) __atomic_store_n(&phase, STARTED, __ATOMIC_RELEASE);
    __atomic_store_n(mete__cache_fork_word, 1, __ATOMIC_RELEASE);
}

static bool has_forked(void) {
    const uint32_t *word = __atomic_load_n(&mete__cache_fork_word, __ATOMIC_ACQUIRE);
    return __atomic_load_n(word, __ATOMIC_ACQUIRE) != 1;
}

/* ---- threads come and go ---- */

/* Passes the thread's cache on. False where it cannot: then the cache stays its own. */
static bool hand_over(void) {
    struct mete__cache *cache = mete__cache_self;

    if (cache == &mete__cache_empty || cache->busy) return false;
    begin_work(cache);
    mete__outbox_flush(&cache->outbox);
    end_work(cache);
    if (!mete__lock_acquire(&caches_lock, mete__lock_token())) return false;
    mete__cache_self = &mete__cache_empty; /* before anybody, or a handler, can adopt it */
    make_idle(cache);
    take_in_for_nobody(cache);
    mete__lock_release(&caches_lock);
    return true;
}

/* Runs in each round of destructors, because those of the program may adopt a cache once more. */
static void thread_exits(void *unused) {
    if (has_forked()) after_fork();
    hand_over();
    if (!mete__process_at_thread_exit(unused)) is_late = true;
}

static void watch_process(void) {
    note_process();
    mete__process_prepare_thread_exit(thread_exits);
}

/* Where the heap is being started by a thread that does not exist here, in a child of fork, and had
 * not come so far that after_fork would be called: the heap goes on as it is. What
 * mete__heap_starting was doing is not done again. */
static void take_over_start(void) {
    uint32_t seen = __atomic_load_n(&phase, __ATOMIC_ACQUIRE);
    uint32_t own = STARTING * mete__process_id();

    if (seen < STARTING || seen == own) return;
    if (!__atomic_compare_exchange_n(&phase, &seen, own, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return; /* another thread does it */
    outlive_threads();
    watch_process();
    __atomic_store_n(&phase, STARTED, __ATOMIC_RELEASE);
}

static void start(void) {
    uint32_t expected = BEFORE;
    if (!__atomic_compare_exchange_n(&phase, &expected, STARTING * mete__process_id(), false,
                                     __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
        /* Started from within mete__heap_starting itself, or by another thread just now. */
        while (is_starting() && __atomic_load_n(&starter, __ATOMIC_RELAXED) != mete__lock_token()) {
            take_over_start();
            mete__process_yield();
        }
        return;
    }
    __atomic_store_n(&starter, mete__lock_token(), __ATOMIC_RELAXED);
    watch_process();
    mete__heap_starting();
    __atomic_store_n(&phase, STARTED, __ATOMIC_RELEASE);
}

/* With the caches' lock held. */
static struct mete__cache *make_cache(enum mete__cache_state state) {
    struct mete__cache *cache = mete__meta_alloc(sizeof *cache);
    if (cache == NULL) return NULL;
    cache->state = state;
    cache->next = all_caches;
    point_all(cache);
    __atomic_store_n(&all_caches, cache, __ATOMIC_RELEASE);
    return cache;
}

/* The late cache, with the late lock held; NULL, without it, where that cannot be. */
static struct mete__cache *share_late(void) {
    if (!mete__lock_acquire(&late_lock, mete__lock_token())) return NULL;
    if (late_cache == NULL && mete__lock_acquire(&caches_lock, mete__lock_token())) {
        late_cache = make_cache(METE__CACHE_LATE);
        mete__lock_release(&caches_lock);
    }
    if (late_cache == NULL) mete__lock_release(&late_lock);
    return late_cache;
}

static struct mete__cache *idle_or_new(void) {
    if (!mete__lock_acquire(&caches_lock, mete__lock_token())) return NULL;
    struct mete__cache *cache = idle_caches;
    if (cache != NULL) {
        idle_caches = cache->next_idle;
        __atomic_store_n(&cache->state, METE__CACHE_ACTIVE, __ATOMIC_RELAXED);
    } else {
        cache = make_cache(METE__CACHE_ACTIVE);
    }
    mete__lock_release(&caches_lock);
    return cache;
}

static METE_COLD struct mete__cache *adopt(void) {
    if (__atomic_load_n(&phase, __ATOMIC_ACQUIRE) != STARTED) start();
    if (mete__cache_self != &mete__cache_empty) return mete__cache_self;
    if (is_late) return share_late();
    struct mete__cache *cache = idle_or_new();
    if (cache == NULL) return NULL;
    mete__cache_self = cache; /* before asking: the C library may need memory for the answer */
    if (mete__process_at_thread_exit(&all_caches) || !hand_over()) return cache;
    is_late = true;
    return share_late();
}

METE_COLD struct mete__cache *mete__cache_enter_unusual(void) {
    struct mete__cache *cache = mete__cache_self;

    if (has_forked()) after_fork();
    if (cache == &mete__cache_empty) {
        cache = adopt();
        if (cache == NULL) return NULL;
    }
    if (cache->busy) {
        if (cache != mete__cache_self) mete__lock_release(&late_lock);
        return NULL;
    }
    __atomic_store_n(&cache->busy, 1, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (cache->watch_generation != __atomic_load_n(&mete__watch.generation, __ATOMIC_RELAXED))
        follow_watch(cache);
    if (__atomic_load_n(&cache->inbox, __ATOMIC_RELAXED) != NULL) mete__cache_take_in(cache);
    return cache;
}

/* The next late thread may come late, or never: nothing waits for it. */
METE_COLD void mete__cache_leave_late(void) {
    begin_work(late_cache);
    mete__outbox_flush(&late_cache->outbox);
    end_work(late_cache);
    mete__lock_release(&late_lock);
}

bool mete__cache_hold(void) {
    if (!mete__lock_try(&late_lock, mete__lock_token())) return false;
    if (mete__lock_try(&caches_lock, mete__lock_token())) return true;
    mete__lock_release(&late_lock);
    return false;
}

void mete__cache_let_go(void) {
    mete__lock_release(&caches_lock);
    mete__lock_release(&late_lock);
}

void **mete__cache_watcher_slot(struct mete__cache *cache) {
    return &cache->watcher;
}

void mete__cache_each_watcher(void (*visit)(void *context, void *watcher), void *context) {
    for (struct mete__cache *cache = mete__cache_all(); cache != NULL; cache = cache->next)
        if (cache->watcher != NULL) visit(context, cache->watcher);
}
