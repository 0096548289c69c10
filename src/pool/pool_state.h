/*
 * pool/pool_state.h - what a pool is made of.
 *
 * Slabs of one size, a power of two, each at a multiple of it, cut into blocks. What is known of
 * the blocks is out of line: a link each, which says that the block is live, in a hand, or free and
 * which is the next free one of the slab. A table finds the slab of any address without following
 * it.
 *
 * A hand is a stack of free blocks, taken from the slabs and given back many at a time: that of the
 * pool, or where it is shared, of each thread. The fast paths touch the hand, the block's link and
 * the block.
 *
 * Invariants (mete_pool_verify checks them in this order):
 *   P1  Every slab is in the table once, and in `slabs` at its number.
 *   P2  used + blocks on the list + retired = carved <= blocks in a slab, for each slab; a block is
 *       on the list once, and its link is METE__LINK_LIVE or METE__LINK_HELD exactly where it is
 * used. P3  A slab is in `partial` exactly where it has a block on its list or one not carved. P4
 * The slabs' used add up to the pool's. P5  Not shared: bottom <= top <= ceiling of the hand, the
 * links of its blocks are METE__LINK_HELD, and its floor is where the blocks live would be as many
 * as ever.
 */
#ifndef METE_POOL_POOL_STATE_H
#define METE_POOL_POOL_STATE_H

#include <mete/pool.h>

#include "base/compiler.h"
#include "os/lock.h"
#include "os/thread_end.h"
#include "registry/registry.h"

enum {
    METE__LINK_LIVE = 0xffff,    /* the program's */
    METE__LINK_HELD = 0xfffe,    /* shared: free, in a thread's magazine or the depot */
    METE__LINK_RETIRED = 0xfffd, /* never handed out again */
    METE__LINK_END = 0xfffc,     /* free, the last of the list */
    METE__SLAB_BLOCKS_MAX = 0xfff0,
    METE__SLAB_BYTES_MIN = 4096,
    METE__HAND_BLOCKS = 256, /* not shared: in the hand at most */
};

/* Pools that do for their blocks nothing but what the name says, and the others. */
enum {
    METE__POOL_PLAIN,
    METE__POOL_HANDLES,
    METE__POOL_SHARED,
    METE__POOL_SHARED_HANDLES,
    METE__POOL_ANY,
};

/* A free block in hand. */
struct mete__held {
    char *block;
    uint16_t *link; /* METE__LINK_HELD, atomic where shared */
};

struct mete__hand {
    struct mete__held *top;     /* behind the block that is handed out next */
    struct mete__held *floor;   /* at or below it, nothing is handed out without a closer look */
    struct mete__held *ceiling; /* at it, none is taken in */
    struct mete__held *bottom;
    struct mete__slab *recent; /* of a block freed lately; of this pool, perhaps without memory */
    uint64_t frees;            /* ever; shared: atomic, of this thread */
    uint64_t allocations;      /* shared: atomic, of this thread; else they are worked out */
};

/* Lives as long as the pool, so that a handle's life is never counted anew; its memory does not. */
struct mete__slab {
    char *memory;    /* atomic: first block; NULL: given back */
    uint16_t *links; /* atomic where shared: of each block */
    uint32_t *lives; /* with handles, atomic: odd while the block lives; grows with each birth and
                      * end, to UINT32_MAX, which is no life */
    struct mete__slab *next_partial; /* also links those without memory, in pool->spare */
    struct mete__slab *previous_partial;
    uint32_t number; /* in pool->slabs */
    uint16_t list;   /* first free block, or METE__LINK_END */
    uint16_t carved; /* blocks that were ever handed out; the rest is untouched */
    uint16_t used;   /* blocks live or held */
    uint16_t retired;
    bool is_partial; /* is in pool->partial */
};

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

struct mete__pool_cache;
struct mete__magazine;

struct mete_pool {
    struct mete__hand hand; /* where not shared */

    /* Constant once the pool exists. */
    uint8_t kind; /* METE__POOL_*: which fast path fits */
    bool shared;
    bool handles;
    bool is_limited;
    bool has_checked_rest;  /* checked_lines are not all that is filled */
    uint16_t checked_lines; /* bytes at a block's start that are filled in whole lines */
    size_t distance;        /* from one block to the next: the size rounded up to the alignment */
    uint64_t inverse;       /* ceil(2^64 / distance): see mete__pool_index */
    size_t slab_mask;       /* bytes of a slab - 1 */
    unsigned slab_shift;    /* log2 of the bytes of a slab */
    uint32_t slab_blocks;   /* blocks in a slab */
    uint16_t checked_head;  /* bytes at a block's start that are filled when it is freed */
    uint16_t checked_tail;  /* and at its end */
    size_t block_size;
    size_t align;
    size_t max_blocks; /* SIZE_MAX: no limit */
    size_t max_bytes;  /* the same */
    int (*construct)(void *context, void *block);
    void (*destruct)(void *context, void *block);
    void (*on_error)(void *context, const mete_pool_error *error);
    void *context;
    uint64_t number; /* of the pool in the process, from 1 */
    uint32_t slot;   /* shared: of the pool in each thread's table of caches */

    /* Shared: written under the lock. */
    struct mete__slab_table *table; /* atomic */
    struct mete__slab *partial;     /* slabs with a block to give; the first serves */
    struct mete__slab *spare;       /* slabs without memory */
    struct mete__slab **slabs;      /* atomic: by number; replaced as the table is */
    uint32_t slab_capacity;         /* of `slabs` */
    uint32_t slab_count;            /* numbers in use, spare ones included */
    uint32_t slabs_held;            /* with memory */
    uint64_t used;                  /* blocks live or held; atomic to read */
    uint64_t peak;                  /* of blocks live; shared: of blocks used */
    uint64_t frees;                 /* shared: of ended threads */
    uint64_t failures;              /* atomic */
    uint64_t retired;
    uint64_t metadata; /* bytes of everything but blocks */
    struct mete__lock lock;
    struct mete__pool_cache *caches; /* of the threads that use it */
    struct mete__magazine *full;     /* the depot */
    struct mete__magazine *empty;
    uint32_t full_count;
    uint64_t allocations; /* shared: of ended threads; else not used */
    uint64_t live;        /* atomic: shared and limited: blocks live */
    mete_allocator as_allocator;
    struct mete__holder holder;
    struct mete__held in_hand[METE__HAND_BLOCKS]; /* where not shared */
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

/* floor(offset / distance), distance being at least 2. With inverse = ceil(2^64 / distance) the
 * product is too large by less than offset / 2^64 of an index, which is less than 1 / distance for
 * every offset in a slab (Granlund, Montgomery, "Division by Invariant Integers using
 * Multiplication", 1994). */
METE_INLINE uint32_t mete__pool_index(const mete_pool *pool, size_t offset) {
    return (uint32_t)(((unsigned __int128)offset * pool->inverse) >> 64);
}

METE_INLINE char *mete__pool_block(const mete_pool *pool, const struct mete__slab *slab,
                                   size_t index) {
    return slab->memory + index * pool->distance;
}

METE_INLINE uint16_t mete__pool_link(const struct mete__slab *slab, size_t index) {
    return __atomic_load_n(&slab->links[index], __ATOMIC_RELAXED);
}

METE_INLINE void mete__pool_set_link(struct mete__slab *slab, size_t index, uint16_t link) {
    __atomic_store_n(&slab->links[index], link, __ATOMIC_RELAXED);
}

METE_INLINE uint32_t mete__pool_life(const struct mete__slab *slab, size_t index) {
    return __atomic_load_n(&slab->lives[index], __ATOMIC_RELAXED);
}

METE_INLINE void mete__pool_set_life(struct mete__slab *slab, size_t index, uint32_t life) {
    __atomic_store_n(&slab->lives[index], life, __ATOMIC_RELAXED);
}

/* The slab of that number. */
METE_INLINE struct mete__slab *mete__pool_numbered(const mete_pool *pool, uint32_t number) {
    return __atomic_load_n(&pool->slabs, __ATOMIC_ACQUIRE)[number];
}

METE_INLINE void mete__pool_set_held(uint16_t *link, uint16_t value) {
    __atomic_store_n(link, value, __ATOMIC_RELAXED);
}

/* The slab of a live block or of an address that may be none: the recent one's, or by the table. */
METE_INLINE struct mete__slab *mete__pool_slab_near(const mete_pool *pool, struct mete__hand *hand,
                                                    const void *address) {
    struct mete__slab *slab = hand->recent;
    uintptr_t start = (uintptr_t)address & ~pool->slab_mask;

    if (METE_LIKELY((uintptr_t)__atomic_load_n(&slab->memory, __ATOMIC_RELAXED) == start))
        return slab;
    slab = mete__pool_slab(pool, address);
    if (slab != NULL) hand->recent = slab;
    return slab;
}

METE_INLINE size_t mete__hand_depth(const struct mete__hand *hand) {
    return (size_t)(hand->top - hand->bottom);
}

/* Not shared: blocks that are the program's. */
METE_INLINE uint64_t mete__pool_live(const mete_pool *pool) {
    return pool->used - mete__hand_depth(&pool->hand);
}

/* Has no memory that any address is in. */
extern METE_HIDDEN struct mete__slab mete__slab_none;

/* ---- slab.c: under the lock where shared ---- */

/* The empty tables: false where there is no memory. */
METE_HIDDEN bool mete__slab_begin(mete_pool *pool);
/* One more slab with memory, enlisted: 0, -ENOBUFS, -ENOMEM. */
METE_HIDDEN int mete__slab_add(mete_pool *pool);
/* Gives the memory of a slab back of which nothing is used. The bytes. */
METE_HIDDEN size_t mete__slab_drop(mete_pool *pool, struct mete__slab *slab);
METE_HIDDEN void mete__slab_enlist(mete_pool *pool, struct mete__slab *slab);
METE_HIDDEN void mete__slab_delist(mete_pool *pool, struct mete__slab *slab);
/* Takes up to `count` blocks into the hand, from slabs that are there; a new one only where it
 * would stay empty. 0, or -ENOBUFS or -ENOMEM where it stays empty. */
METE_HIDDEN int mete__slab_load(mete_pool *pool, struct mete__hand *hand, size_t count);
/* Puts `count` blocks on their slabs' lists, the last one last. */
METE_HIDDEN void mete__slab_unload(mete_pool *pool, const struct mete__held *blocks, size_t count);
/* The block with this link can never be handed out again. */
METE_HIDDEN void mete__slab_retire(mete_pool *pool, struct mete__slab *slab, uint32_t index);
/* Frees all blocks of all slabs. */
METE_HIDDEN void mete__slab_reset_all(mete_pool *pool);
METE_HIDDEN void mete__slab_end_all(mete_pool *pool);

/* ---- pool.c ---- */

METE_HIDDEN METE_COLD void mete__pool_fault(mete_pool *pool, enum mete_pool_fault fault,
                                            const void *address, const void *block, size_t offset);
/* A block ends being the program's: links are the caller's. */
METE_HIDDEN void mete__pool_finish(mete_pool *pool, struct mete__slab *slab, uint32_t index);
/* Gives all blocks in the pool's hand back (drain), or forgets them (after a reset). */
METE_HIDDEN void mete__pool_drain(mete_pool *pool, bool forget);

/* ---- pool_cache.c: shared pools ---- */

struct mete__pool_cache {
    struct mete__hand hand;        /* in `loaded` */
    mete_pool *pool;               /* NULL: destroyed */
    struct mete__pool_cache *next; /* of the pool's, under its lock */
    struct mete__pool_cache *previous;
    struct mete__magazine *loaded;
    struct mete__magazine *other;
};

/* All of a thread's, by the pool's slot. */
struct mete__thread_caches {
    struct mete__thread_end end;
    uint32_t capacity;
    struct mete__pool_cache *caches[];
};
extern METE_HIDDEN __thread struct mete__thread_caches *mete__pool_cache_mine;

/* The calling thread's hand; NULL: it has none of this pool yet. */
METE_INLINE struct mete__hand *mete__pool_cache_find(const mete_pool *pool) {
    const struct mete__thread_caches *caches = mete__pool_cache_mine;

    if (METE_UNLIKELY(caches == NULL || pool->slot >= caches->capacity)) return NULL;
    struct mete__pool_cache *cache = caches->caches[pool->slot];
    return METE_LIKELY(cache != NULL && cache->pool == pool) ? &cache->hand : NULL;
}
/* Gives it one. NULL where there is no memory. */
METE_HIDDEN METE_COLD struct mete__hand *mete__pool_cache_make(mete_pool *pool);
/* Makes the calling thread's hand have a block: 0, or a negative errno; or room for one: false
 * where it still has none. */
METE_HIDDEN int mete__pool_cache_reload(mete_pool *pool, struct mete__hand *hand);
METE_HIDDEN bool mete__pool_cache_unload(mete_pool *pool, struct mete__hand *hand);
/* Without a hand. */
METE_HIDDEN int mete__pool_cache_take(mete_pool *pool, struct mete__held *out);
METE_HIDDEN void mete__pool_cache_put(mete_pool *pool, char *block, uint16_t *link);
METE_HIDDEN bool mete__pool_cache_begin(mete_pool *pool);
METE_HIDDEN void mete__pool_cache_end(mete_pool *pool);
/* Makes all blocks that are held free (drain), or forgets them (after a reset). */
METE_HIDDEN void mete__pool_cache_drain(mete_pool *pool, bool forget);
/* Adds up what the threads have counted. */
METE_HIDDEN void mete__pool_cache_sum(mete_pool *pool, uint64_t *allocations, uint64_t *frees);

#endif
