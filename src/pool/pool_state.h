/*
 * pool/pool_state.h - what a pool is made of.
 *
 * Slabs of one size, a power of two, each at a multiple of it, cut into blocks. What is known of
 * the blocks is out of line: a byte each, its place, and a bit that says that the block lies free
 * in the slab. A table finds the slab of any address without following it.
 *
 * A pool that is not shared has a hand, a stack of free blocks taken from the slabs and given back
 * many at a time (struct mete_pool_front). A block's place is where in the hand it was put when it
 * was freed last; it is still there, and so free, exactly where that entry of the hand is the
 * block. So nothing has to be said of a block that is handed out, but that its entry is cleared
 * (after Preston Briggs, Linda Torczon, "An Efficient Representation for Sparse Sets", 1993).
 *
 * A pool with handles that is not shared has in its hand those which its blocks have next; what is
 * kept of a block's handle says whether it is the program's, and its place nothing.
 *
 * A shared pool has a stack for each thread (pool_cache.c); its places say no more than whether the
 * block is the program's, and its hand is empty.
 *
 * Invariants (mete_pool_verify checks them in this order):
 *   P1  Every slab is in the table once, and in front.slabs at its number.
 *   P2  used + free bits + retired = carved <= blocks in a slab, for each slab. The place of a
 * block that is free in the slab, retired, or not carved is METE__PLACE_OUT. P3  A slab is in
 * `partial` exactly where it has a block to give. P4  The slabs' used add up to the pool's. P5  Not
 * shared: the entries of the hand below its depth are blocks whose place they are, the others are
 * NULL; with handles, those below are the next ones of as many blocks. The floor is where as many
 * blocks would be live as ever.
 */
#ifndef METE_POOL_POOL_STATE_H
#define METE_POOL_POOL_STATE_H

#define METE_POOL_NO_INLINE
#include <assert.h>
#include <mete/pool.h>

#include "base/compiler.h"
#include "os/lock.h"
#include "os/thread_end.h"
#include "registry/registry.h"

enum {
    METE__PLACE_OUT = 255,               /* not the program's, and not in the pool's hand */
    METE__PLACE_LIVE = 0,                /* shared: the program's; else any other place may be */
    METE__HAND_BLOCKS = METE__PLACE_OUT, /* in a pool's hand at most */
    METE__SLAB_BLOCKS_MAX = 0xfff0,
    METE__SLAB_BYTES_MIN = 4096,
    METE__NUMBER_SHIFT = 16, /* of a slab's number in a handle */
};

/* Which way a pool's calls take: all but the last have nothing to call for a block, and no limit
 * that is counted. */
enum {
    METE__POOL_OWN,    /* not shared; what is filled of a block is whole lines */
    METE__POOL_SHARED, /* the same, shared */
    METE__POOL_NAMED,  /* with handles, not shared, filled as the header can */
    METE__POOL_PIECES, /* either of them; what is filled is four pieces that may overlap */
    METE__POOL_REST,   /* the same, but filled in any other way */
    METE__POOL_ANY,
};

/* Lives as long as the pool, so that a handle's life is never counted anew; its memory does not. */
struct mete__slab {
    char *memory;              /* atomic: first block; NULL: given back */
    size_t limit;              /* atomic: blocks; 0: no memory */
    uint8_t *places;           /* of each block, atomic where shared: as in struct mete_pool_near */
    mete_pool_handle *handles; /* atomic where shared: of each block, its life's number from 1 to
                                * 2^32 - 1, and then 0 for good; where the pool is not shared, one
                                * more than the next handle while the block has none */
    uint64_t *free;            /* a bit for each block: it is in no hand, and not the program's */
    struct mete__slab *next_partial; /* also links those without memory, in pool->spare */
    struct mete__slab *previous_partial;
    struct mete__territory territory; /* its memory, while it has some */
    uint32_t number;                  /* in front.slabs */
    uint16_t first_free;              /* no word of `free` before it has a bit set */
    uint16_t carved;                  /* blocks that were ever handed out; the rest is untouched */
    uint16_t used;                    /* blocks live or in a hand */
    uint16_t retired;
    bool is_partial; /* is in pool->partial */
};

static_assert(offsetof(struct mete__slab, memory) == offsetof(struct mete_pool_near, memory) &&
                  offsetof(struct mete__slab, limit) == offsetof(struct mete_pool_near, limit) &&
                  offsetof(struct mete__slab, places) == offsetof(struct mete_pool_near, places) &&
                  offsetof(struct mete__slab, handles) == offsetof(struct mete_pool_near, handles),
              "a slab begins with what is seen of it when it is near");

METE_INLINE const struct mete_pool_near *mete__slab_near(const struct mete__slab *slab) {
    return (const struct mete_pool_near *)(const void *)slab;
}

METE_INLINE struct mete__slab *mete__slab_of_near(const struct mete_pool_near *near) {
    return (struct mete__slab *)(uintptr_t)near;
}

/* The slabs by address: open addressing. Replaced by a larger one when it fills, and then kept
 * until the pool ends: another thread may be reading it. */
struct mete__slab_table {
    struct mete__slab_table *older;
    size_t capacity; /* a power of two */
    size_t filled;   /* entries that are not METE__KEY_NONE */
    struct {
        uintptr_t key; /* atomic: METE__KEY_*, or address >> slab_shift; written after `slab` */
        struct mete__slab *slab;
    } entries[];
};
#define METE__KEY_NONE ((uintptr_t)0)
#define METE__KEY_GONE UINTPTR_MAX /* a slab that was given back */

/* A block that is not the program's, with its place. */
struct mete__pool_held {
    void *block;
    uint8_t *place;
};

struct mete__pool_cache;
struct mete__magazine;

struct mete_pool {
    struct mete_pool_front front; /* where not shared */
    struct mete__slab *near;      /* not shared: the slab of front.near_memory */
    uint64_t near_limit;          /* its blocks; front.near_limit, if that is not closed */
    uint32_t floor;               /* not shared: of the hand; front.floor, if it is not closed */

    /* Constant once the pool exists. */
    uint8_t kind; /* METE__POOL_*: which way fits */
    bool shared;
    bool handles;
    bool is_named; /* has handles, and is not shared */
    bool is_limited;
    bool is_inline;         /* the header's fast path may serve it */
    bool is_inline_shared;  /* that for shared pools may */
    bool fills;             /* freed blocks, as far as whole lines go */
    uint8_t pieces[3];      /* bytes from a block's start to the second and later pieces */
    bool has_checked_rest;  /* checked_lines are not all that is filled */
    uint16_t checked_lines; /* bytes at a block's start that are filled in whole lines */
    uint16_t checked_head;  /* bytes at a block's start that are filled when it is freed */
    uint16_t checked_tail;  /* and at its end */
    unsigned slab_shift;    /* log2 of the bytes of a slab */
    uint32_t slab_blocks;   /* blocks in a slab */
    size_t slab_mask;       /* bytes of a slab - 1 */
    size_t block_size;
    size_t align;
    size_t max_blocks; /* SIZE_MAX: no limit */
    size_t max_bytes;  /* the same */
    int (*construct)(void *context, void *block);
    void (*destruct)(void *context, void *block);
    void (*on_error)(void *context, const mete_pool_error *error);
    void *context;
    uint32_t slot; /* shared: of the pool in each thread's table of caches */

    /* Shared: written under the lock. */
    struct mete__slab_table *table; /* atomic */
    struct mete__slab *partial;     /* slabs with a block to give; the first serves */
    struct mete__slab *spare;       /* slabs without memory */
    uint32_t slab_capacity;         /* of front.slabs, which is replaced as the table is */
    uint32_t slab_count;   /* numbers in use, spare ones included; front.named where named */
    uint32_t slabs_held;   /* with memory */
    uint64_t used;         /* blocks live or in a hand; atomic to read */
    uint64_t peak;         /* of blocks live; shared: of blocks used */
    uint64_t failures;     /* atomic */
    uint64_t retired;      /* ever */
    uint64_t retired_here; /* in slabs with memory */
    uint64_t metadata;     /* bytes of everything but blocks */
    struct mete__lock lock;
    struct mete__pool_cache *caches; /* of the threads that use it */
    struct mete__magazine *full;     /* the depot */
    struct mete__magazine *empty;
    uint32_t full_count;
    uint64_t allocations;   /* shared: of ended threads */
    uint64_t frees;         /* the same */
    uint64_t gathered;      /* shared: of `used`, taken and not settled: see pool_cache.c */
    uint64_t live;          /* atomic: shared and limited: blocks live */
    struct mete_pool *next; /* shared: of all shared pools; see pool_threads.c */
    struct mete_pool *previous;
    bool is_held_by_fork; /* shared: under their lock */
    mete_allocator as_allocator;
    mete_layout fitting; /* not shared: the last one asked for through it, which fits */
    struct mete__holder holder;
};

/* Of the address: the slab it is in, or NULL. Lock-free. */
METE_INLINE struct mete__slab *mete__pool_slab(const mete_pool *pool, const void *address) {
    const struct mete__slab_table *table = __atomic_load_n(&pool->table, __ATOMIC_ACQUIRE);
    uintptr_t key = (uintptr_t)address >> pool->slab_shift;
    size_t mask = table->capacity - 1;

    for (size_t at = key & mask;; at = (at + 1) & mask) {
        uintptr_t found = __atomic_load_n(&table->entries[at].key, __ATOMIC_ACQUIRE);
        if (METE_LIKELY(found == key)) return table->entries[at].slab;
        if (found == METE__KEY_NONE) return NULL;
    }
}

/* Of the block that the address of a slab is in, or of none: pool->slab_blocks or more. */
METE_INLINE uint32_t mete__pool_index(const mete_pool *pool, const struct mete__slab *slab,
                                      const void *address) {
    return (uint32_t)((size_t)((const char *)address - slab->memory) / pool->front.distance);
}

METE_INLINE char *mete__pool_block(const mete_pool *pool, const struct mete__slab *slab,
                                   size_t index) {
    return slab->memory + index * pool->front.distance;
}

METE_INLINE uint8_t mete__pool_place(const uint8_t *place) {
    return __atomic_load_n(place, __ATOMIC_RELAXED);
}

METE_INLINE void mete__pool_set_place(uint8_t *place, uint8_t value) {
    __atomic_store_n(place, value, __ATOMIC_RELAXED);
}

/* A handle is a life, 2^16 times a slab's number, and a block's number in it: all but the life. */
METE_INLINE uint32_t mete__pool_name(const struct mete__slab *slab, size_t index) {
    return slab->number << METE__NUMBER_SHIFT | (uint32_t)index;
}

METE_INLINE mete_pool_handle mete__pool_kept_handle(const struct mete__slab *slab, size_t index) {
    return __atomic_load_n(&slab->handles[index], __ATOMIC_RELAXED);
}

METE_INLINE void mete__pool_keep_handle(struct mete__slab *slab, size_t index,
                                        mete_pool_handle kept) {
    __atomic_store_n(&slab->handles[index], kept, __ATOMIC_RELAXED);
}

/* That which the block has, or has next. */
METE_INLINE mete_pool_handle mete__pool_handle_at(const struct mete__slab *slab, size_t index) {
    mete_pool_handle kept = mete__pool_kept_handle(slab, index);
    return kept - ((uint32_t)kept - mete__pool_name(slab, index));
}

/* Whether the block had all the lives it could. */
METE_INLINE bool mete__pool_is_worn(const mete_pool *pool, const struct mete__slab *slab,
                                    size_t index) {
    return METE_UNLIKELY(pool->handles) && mete__pool_kept_handle(slab, index) < METE__POOL_LIFE;
}

/* Whether the block is the program's. */
METE_INLINE bool mete__pool_is_live(const mete_pool *pool, const struct mete__slab *slab,
                                    size_t index) {
    if (pool->is_named)
        return (uint32_t)mete__pool_kept_handle(slab, index) == mete__pool_name(slab, index);
    uint8_t place = mete__pool_place(&slab->places[index]);
    return place != METE__PLACE_OUT &&
           pool->front.hand[place] != mete__pool_block(pool, slab, index);
}

METE_INLINE bool mete__pool_is_free_in_slab(const struct mete__slab *slab, size_t index) {
    return (slab->free[index / 64] >> index % 64 & 1) != 0;
}

/* The slab of that number. */
METE_INLINE struct mete__slab *mete__pool_numbered(const mete_pool *pool, uint32_t number) {
    return __atomic_load_n(&pool->front.slabs, __ATOMIC_ACQUIRE)[number];
}

/* Of a handle that there was: its slab, and the block's number in it. */
METE_INLINE struct mete__slab *mete__pool_slab_of(const mete_pool *pool, mete_pool_handle handle) {
    return mete__pool_numbered(pool, (uint32_t)handle >> METE__NUMBER_SHIFT);
}

METE_INLINE uint32_t mete__pool_index_of(mete_pool_handle handle) {
    return (uint32_t)handle & (((uint32_t)1 << METE__NUMBER_SHIFT) - 1);
}

/* Not shared: blocks in the hand, and those that are the program's. */
METE_INLINE size_t mete__pool_depth(const mete_pool *pool) {
    return (uint8_t)__atomic_load_n(&pool->front.count, __ATOMIC_RELAXED);
}

METE_INLINE uint64_t mete__pool_live(const mete_pool *pool) {
    return pool->used - mete__pool_depth(pool);
}

METE_INLINE METE_MUST_USE bool mete__pool_lock(mete_pool *pool) {
    return mete__lock_acquire(&pool->lock, mete__lock_token());
}

METE_INLINE void mete__pool_unlock(mete_pool *pool) {
    mete__lock_release(&pool->lock);
}

/* ---- slab.c: under the lock where shared ---- */

/* Has no memory, and so no address is a block of it. */
extern METE_HIDDEN struct mete__slab mete__slab_none;

/* The empty tables: false where there is no memory. */
METE_HIDDEN bool mete__slab_begin(mete_pool *pool);
/* Whether so many bytes more can be reserved within the limit. */
METE_HIDDEN bool mete__slab_may_reserve(const mete_pool *pool, size_t bytes);
/* Makes it so that the slabs can give `count` blocks: 0; or -ENOBUFS, -ENOMEM, and no new slab. */
METE_HIDDEN int mete__slab_provide(mete_pool *pool, uint64_t count);
/* Gives the memory of slabs back of which nothing is used. The bytes. */
METE_HIDDEN size_t mete__slab_drop_unused(mete_pool *pool);
/* Takes 1 to `count` blocks from slabs that are there, or from a new one where they have none: how
 * many; -ENOBUFS, -ENOMEM. What a slab gives first comes last. */
METE_HIDDEN long mete__slab_take(mete_pool *pool, struct mete__pool_held *out, size_t count);
/* Puts blocks back that are METE__PLACE_OUT; or retires them, where their lives are used up. */
METE_HIDDEN void mete__slab_put(mete_pool *pool, const struct mete__pool_held *blocks,
                                size_t count);
/* Frees all blocks of all slabs, whoever has them. */
METE_HIDDEN void mete__slab_reset_all(mete_pool *pool);
METE_HIDDEN void mete__slab_end_all(mete_pool *pool);

/* ---- pool_fault.c ---- */

METE_HIDDEN METE_COLD void mete__pool_fault(mete_pool *pool, enum mete_pool_fault fault,
                                            const void *address, const void *block, size_t offset);
/* Of a handle that is to be freed, and that named the block; or NULL. */
METE_HIDDEN METE_COLD void mete__pool_fault_of_handle(mete_pool *pool, enum mete_pool_fault fault,
                                                      mete_pool_handle handle, const void *block);
/* Tells what is wrong with an address that is to be freed. NULL is no fault. */
METE_HIDDEN METE_COLD void mete__pool_fault_of_free(mete_pool *pool, const void *address);

/* ---- pool.c ---- */

/* A block ends being the program's, but for its place and `destruct`. */
METE_HIDDEN void mete__pool_end_block(mete_pool *pool, struct mete__slab *slab, size_t index);
/* A block in hand becomes the program's: tells of a write to it. */
METE_HIDDEN void mete__pool_begin_block(mete_pool *pool, const struct mete__pool_held *held);
/* NULL with errno, counted as a failure. */
METE_HIDDEN METE_COLD void *mete__pool_fail(mete_pool *pool, int error);

/* ---- pool_hand.c: pools that are not shared ---- */

/* After `used` or `peak` have changed. The floor is where as many blocks are live as ever: so the
 * peak is exact, and the limit kept, though the fast path compares but two bytes. */
METE_HIDDEN void mete__pool_hand_set_floor(mete_pool *pool);
/* The hand is at its floor: makes it have a block, if one may be handed out. 0, or a negative
 * errno. */
METE_HIDDEN int mete__pool_hand_reload(mete_pool *pool);
/* The hand is full: makes room. */
METE_HIDDEN void mete__pool_hand_unload(mete_pool *pool);
/* Puts all of it back into the slabs; or forgets it, after a reset. */
METE_HIDDEN void mete__pool_hand_drain(mete_pool *pool);
METE_HIDDEN void mete__pool_hand_forget(mete_pool *pool);
/* The slab is near from now on; mete__slab_none: none is. */
METE_HIDDEN void mete__pool_hand_approach(mete_pool *pool, struct mete__slab *slab);
/* The slab of an address; NULL: none. Remembers it for the next block that is freed. */
METE_HIDDEN METE_NOINLINE struct mete__slab *mete__pool_hand_turn(mete_pool *pool,
                                                                  const void *address);

/* ---- pool_audit.c ---- */

/* Tells of every free block that was written to, and fills it again. */
METE_HIDDEN void mete__pool_audit_writes(mete_pool *pool);

/* ---- pool_cache.c: shared pools ---- */

struct mete__pool_cache {
    struct mete_pool_share share; /* its pool NULL: destroyed */
    uint64_t drawn; /* blocks that came into the hand from the pool, less those that went back:
                     * modulo 2^64; under the pool's lock */
    struct mete__pool_cache *next; /* of the pool's, under its lock */
    struct mete__pool_cache *previous;
};

/* The place of the first entry of every hand. */
extern METE_HIDDEN uint8_t mete__pool_cache_no_place;

/* An empty one; false where there is no room within max_bytes. Under the lock. */
METE_HIDDEN bool mete__pool_cache_enter(mete_pool *pool, struct mete__pool_cache *cache);
/* Its blocks and counts become the pool's. Under the lock. */
METE_HIDDEN void mete__pool_cache_leave(mete_pool *pool, struct mete__pool_cache *cache);
/* The pool ends: so do all caches, whose memory stays their threads'. */
METE_HIDDEN void mete__pool_cache_leave_all(mete_pool *pool);
/* Makes the cache have a block: 0, or a negative errno; or room for one: false where it still has
 * none. */
METE_HIDDEN int mete__pool_cache_reload(mete_pool *pool, struct mete__pool_cache *cache);
METE_HIDDEN bool mete__pool_cache_unload(mete_pool *pool, struct mete__pool_cache *cache);
/* `count` blocks, none of them the program's yet: 0, or a negative errno and nothing done. The
 * cache may be NULL. The caller settles, soon: it keeps them all, or gives them back. */
METE_HIDDEN int mete__pool_cache_take(mete_pool *pool, struct mete__pool_cache *cache,
                                      struct mete__pool_held *out, size_t count);
METE_HIDDEN void mete__pool_cache_settle(mete_pool *pool, const struct mete__pool_held *blocks,
                                         size_t count, bool keeps);
/* Takes a block back that is METE__PLACE_OUT, without a cache; `counts`: as a free. */
METE_HIDDEN void mete__pool_cache_put(mete_pool *pool, struct mete__pool_held held, bool counts);
/* As mete_pool_reserve, within the limit of blocks. */
METE_HIDDEN int mete__pool_cache_provide(mete_pool *pool, struct mete__pool_cache *cache,
                                         size_t count);
/* Puts what the cache and the depot hold into the slabs; or forgets what all hold. */
METE_HIDDEN void mete__pool_cache_drain(mete_pool *pool, struct mete__pool_cache *cache);
METE_HIDDEN void mete__pool_cache_forget(mete_pool *pool);
/* Adds up what the threads have counted; what they free meanwhile is left out, and what they
 * allocate is not. Under the lock. */
METE_HIDDEN void mete__pool_cache_sum(const mete_pool *pool, uint64_t *allocations,
                                      uint64_t *frees);

/* ---- pool_threads.c: the caches of a thread, and the shared pools of a process ---- */

/* The calling thread's cache of the pool, if it has one; or a new one, and NULL where that cannot
 * be made. */
METE_HIDDEN struct mete__pool_cache *mete__pool_threads_find(const mete_pool *pool);
METE_HIDDEN METE_NOINLINE struct mete__pool_cache *mete__pool_threads_look_up(mete_pool *pool);

/* Whether the share is of that pool: the one that it was of may be ending, in another thread. */
METE_INLINE bool mete__pool_is_share_of(const struct mete_pool_share *share,
                                        const mete_pool *pool) {
    return __atomic_load_n(&share->pool, __ATOMIC_RELAXED) == pool;
}

METE_INLINE struct mete__pool_cache *mete__pool_threads_cache(mete_pool *pool) {
    struct mete_pool_share *share = mete__pool_threads_share;
    if (METE_UNLIKELY(!mete__pool_is_share_of(share, pool)))
        return mete__pool_threads_look_up(pool);
    return METE_CONTAINER_OF(share, struct mete__pool_cache, share);
}

/* A shared pool begins and ends; false where there are too many. */
METE_HIDDEN bool mete__pool_threads_begin(mete_pool *pool);
METE_HIDDEN void mete__pool_threads_end(mete_pool *pool);

#endif
