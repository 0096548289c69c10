/*
 * heap/cache.h - what one thread holds: its spans by size class, and the table malloc looks into.
 *
 * A cache belongs to one thread at a time. When the thread ends, the cache with all its spans
 * becomes idle and waits for the next thread, so nothing is torn down and nothing leaks per thread.
 * Blocks freed by other threads are gathered there (outbox.h), then pushed on the owning cache's
 * inbox (a lock-free stack: Treiber, 1986) and taken in by the owner on its slow path; the inbox of
 * an idle cache is emptied by whoever pushes to it.
 *
 * Life of a thread: it begins with the empty cache, adopts one on its first slow path, and has the
 * empty one again when its exit has made that one idle. Destructors of the program's that run after
 * that adopt again, as long as the C library promises to call once more; then the thread is late,
 * and shares one cache with all that are, under a lock.
 *
 * Fork: no lock is held across it. The child notices on its first slow path that a wiped word is 0,
 * and makes the caches of threads that exist no more idle, or dead where such a thread was inside
 * its slow path at the time: a dead cache is never used again (what it held is lost to the child,
 * nothing is corrupted).
 *
 * Invariants (heap/audit.h checks them in this order, after those of span.h):
 *   C1  serving[class] is the first span of the class's bin; the empty span where there is none,
 *       and everywhere while all blocks are watched, or checked (checked.h). direct[] says the same
 * by size. C2  Every span of a list names the cache as its owner, and its class; links lead both
 * ways. C3  The cache that a span's owner names is one of mete__cache_all. C4  A block in an inbox
 * is the start of a block in a span of that cache, carved and used; so is one in an outbox, in a
 * span of the cache that is its chain's home. A chain counts well. C5  No cache is busy while
 * nobody is on a slow path, but the empty one, which has nothing.
 */
#ifndef METE_HEAP_CACHE_H
#define METE_HEAP_CACHE_H

#include "heap/outbox.h"
#include "heap/span.h"
#include "heap/watch.h"

#define METE__DIRECT_SLOTS (METE__DIRECT_MAX / 16 + 1)

enum mete__cache_state {
    METE__CACHE_ACTIVE, /* a thread's */
    METE__CACHE_IDLE,   /* on the idle list; changes only under the caches' lock */
    METE__CACHE_LATE,   /* that of late threads; changes only under the late lock */
    METE__CACHE_DEAD,   /* its thread vanished in a fork, in the middle of something */
};

/* A class's spans that have a free block or room to carve, or are not yet known to be full. The
 * first serves; a span that stops being full joins at the end, to collect more frees before its
 * turn comes. */
struct mete__bin {
    struct mete__span *first;
    struct mete__span *last;
    uint64_t unsampled; /* sampled mode: blocks still to be listed before the next sample */
    uint64_t listed;    /* blocks ever put on a span's `free` list: see mete__stats_read */
};

struct mete__cache {
    /* direct[(size + 15) / 16] is the span that serves `size`, serving[class] the one that serves
     * the class: the bin's first, or the empty span where there is none or everything is watched.
     */
    struct mete__span *direct[METE__DIRECT_SLOTS];
    struct mete__span *serving[METE__CLASSES];
    struct mete__bin bins[METE__CLASSES];
    struct mete__bin watched[METE__CLASSES]; /* the same for watched spans */
    uint32_t busy;                           /* atomic: somebody is on a slow path in it */
    uint32_t state;                          /* atomic: enum mete__cache_state */
    uint32_t watch_mode;                     /* enum mete__watch_mode, as of watch_generation */
    uint32_t watch_generation;
    uint32_t has_cushions; /* 1: watched blocks have cushions (cushion.h) */
    uint32_t refills;      /* of a class's list, modulo 2^32: the clock of mete__slices_tick */
    uint64_t random;       /* state of heap/sample.c's generator; 0: not yet seeded */
    void *watcher;         /* the tracker's slot */
    struct mete__cache *next_idle; /* under the caches' lock */
    struct mete__cache *next;      /* in the list of all caches; never changes */
    uint64_t large_allocations;    /* of the owner: blocks with a span of their own */
    uint64_t large_bytes;          /* of large_allocations, as block sizes when they were born */
    struct mete__outbox outbox;
    /* Other threads write here: a cache line of its own. */
    struct mete__block *inbox METE_ALIGNED(METE_CACHE_LINE); /* atomic */
};

/* The calling thread's cache, or the empty one, whose every direct[] is the empty span. */
extern METE_HIDDEN __thread struct mete__cache *mete__cache_self;
extern METE_HIDDEN struct mete__cache mete__cache_empty;
extern METE_HIDDEN struct mete__span mete__cache_no_span;

/* Leads to 1 in the process that wrote it, to 0 in a forked child that has not noticed yet. Atomic,
 * pointer and word. */
extern METE_HIDDEN uint32_t *mete__cache_fork_word;

/* What mete__watch_set was told last. */
struct mete__watch {
    uint32_t generation;        /* atomic; grows with each change, after the others have changed */
    enum mete__watch_mode mode; /* atomic */
    uint64_t sample_bytes;      /* atomic */
    uint64_t sample_blocks;     /* atomic; not 0: one block in so many instead */
    const struct mete__watch_hooks *hooks; /* atomic; NULL until first set */
    void (*tick)(void);                    /* atomic; NULL: none */
};
extern METE_HIDDEN struct mete__watch mete__watch;

METE_INLINE const struct mete__watch_hooks *mete__watch_hooks(void) {
    return __atomic_load_n(&mete__watch.hooks, __ATOMIC_RELAXED);
}

METE_INLINE void mete__watch_tick(void) {
    void (*tick)(void) = __atomic_load_n(&mete__watch.tick, __ATOMIC_RELAXED);
    if (METE_UNLIKELY(tick != NULL)) tick();
}

/* Tells the watcher that a block ends, and leaves in its record who freed it. */
METE_INLINE void mete__watch_end(struct mete__cache *cache, struct mete__record *record,
                                 void *block, const struct mete__caller *caller) {
    mete__watch_hooks()->freed(cache, record, block, caller);
    uint64_t was = record->size < METE__RECORD_WAS_MANY ? record->size : METE__RECORD_WAS_MANY;
    record->word = (record->word & METE__RECORD_LEAD_MASK) | was << METE__RECORD_WAS_SHIFT |
                   (caller->pc & (((uint64_t)1 << METE__RECORD_WAS_SHIFT) - 1));
}

METE_HIDDEN struct mete__cache *mete__cache_enter_unusual(void);
METE_HIDDEN void mete__cache_take_in(struct mete__cache *cache);
METE_HIDDEN void mete__cache_leave_late(void);

/* Begins a slow path: the thread's cache (adopted now if need be), inbox taken in, watch mode up to
 * date. NULL where the thread is on its slow path already (a signal handler) or no memory is left
 * for a cache. The empty cache is always busy, so that one test finds everything unusual. */
METE_INLINE struct mete__cache *mete__cache_enter(void) {
    struct mete__cache *cache = mete__cache_self;
    uint32_t unusual = cache->busy;
    const uint32_t *fork_word = __atomic_load_n(&mete__cache_fork_word, __ATOMIC_ACQUIRE);
    unusual |= __atomic_load_n(fork_word, __ATOMIC_RELAXED) ^ 1u;
    unusual |= __atomic_load_n(&mete__watch.generation, __ATOMIC_RELAXED) ^ cache->watch_generation;
    if (METE_UNLIKELY(unusual != 0)) return mete__cache_enter_unusual();
    __atomic_store_n(&cache->busy, 1, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (METE_UNLIKELY(__atomic_load_n(&cache->inbox, __ATOMIC_RELAXED) != NULL))
        mete__cache_take_in(cache);
    return cache;
}

METE_INLINE void mete__cache_leave(struct mete__cache *cache) {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&cache->busy, 0, __ATOMIC_RELAXED);
    if (METE_UNLIKELY(cache != mete__cache_self)) mete__cache_leave_late();
}

/* Hands blocks, linked from first to last, to the cache that owns their spans. Lock-free; any
 * thread, any time. */
METE_HIDDEN void mete__cache_send(struct mete__cache *cache, struct mete__block *first,
                                  struct mete__block *last);

/* Points direct[] of the class at the first span of its bin (at the empty one while all is
 * watched). */
METE_HIDDEN void mete__cache_point(struct mete__cache *cache, unsigned size_class);

/* The first cache ever made, for walks over `next`. */
METE_HIDDEN struct mete__cache *mete__cache_all(void);

/* Keeps the caches that no thread owns, the idle and the late one, from changing until they are let
 * go. False where one is changing just now: nobody waits here, not even for threads that a leak
 * check has stopped. */
METE_HIDDEN METE_MUST_USE bool mete__cache_hold(void);
METE_HIDDEN void mete__cache_let_go(void);

/* Called once, before the first block is handed out, by the thread that asks for it. Not the
 * heap's: src/shim/startup.c reads settings and starts the tracker here. */
METE_HIDDEN void mete__heap_starting(void);

#endif
