/*
 * mete/pool.h - blocks of one size, handed out and taken back in any order.
 *
 * A pool takes memory a slab at a time, each of many blocks, and keeps what it knows of the blocks
 * elsewhere: nothing that the program writes can damage it. So it finds, each time and by name:
 *
 *   double-free         a block that is free already
 *   invalid-free        an address that is no block of this pool
 *   interior-free       an address in a block, but not its start
 *   write-after-free    a block that was written to after it was freed, found at the latest when it
 *                       is handed out again, or the pool is reset or destroyed, or before by
 *                       mete_pool_verify. Blocks of up to 1024 bytes are looked at whole, of larger
 *                       ones the first and last 512 bytes; not where options.does_not_fill.
 *
 * on_error is told, and then the call does nothing, but a block that was written to is handed out
 * all the same. Without on_error one line goes to standard error and the program is aborted.
 *
 * A pool is for one thread at a time, or shared: then each thread has blocks at hand, and any
 * thread may free what another allocated. Two threads that free the same block at the very same
 * instant are found out when it would be handed out a second time. A child of the C library's fork
 * has its own copy of the pool and can use it, whatever other threads were doing with it; but what
 * those had at hand is not handed out there before the pool is reset. Not for signal handlers: one
 * that interrupts a call of the pool may be handed the same block.
 *
 * Errors: NULL with errno ENOBUFS (the pool's own limit), ENOMEM (no memory), EINVAL, or a negative
 * errno. What fails changes nothing.
 */
#ifndef METE_POOL_H
#define METE_POOL_H

#include <mete/allocator.h>
#include <mete/attributes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ThreadSanitizer does not see the library's locks: the usual calls are no part of the program
 * then. */
#if defined(__SANITIZE_THREAD__) && !defined(METE_POOL_NO_INLINE)
#define METE_POOL_NO_INLINE
#elif defined(__has_feature) && !defined(METE_POOL_NO_INLINE)
#if __has_feature(thread_sanitizer)
#define METE_POOL_NO_INLINE
#endif
#endif

METE_BEGIN_DECLS

typedef struct mete_pool mete_pool;

enum mete_pool_fault {
    METE_POOL_DOUBLE_FREE = 1,
    METE_POOL_INVALID_FREE,
    METE_POOL_INTERIOR_FREE,
    METE_POOL_WRITE_AFTER_FREE,
};

typedef struct mete_pool_error {
    enum mete_pool_fault fault;
    const char *pool;    /* its name */
    const void *address; /* as given, or the block that was written to */
    const void *block;   /* the block it is in; NULL: none */
    size_t offset;       /* of the address in the block, or of the first byte that was written */
} mete_pool_error;

typedef struct mete_pool_options {
    size_t block_size;  /* bytes; not 0 */
    size_t block_align; /* a power of two; 0: 16, or less where block_size is no multiple of 16 */
    size_t initial_blocks; /* memory for so many is taken at once */
    size_t max_blocks;     /* that may be live at once; 0: no limit */
    size_t max_bytes;      /* that may be reserved, metadata included; 0: no limit */
    size_t slab_bytes;     /* a power of two, at least 4 KiB; 0: 64 KiB, more for large blocks */
    bool shared;           /* any thread may use it at any time */
    bool handles;          /* mete_pool_handle_of and mete_pool_get work: 4 bytes more a block */
    bool does_not_fill;    /* freed blocks are left as they are: no write to them is found */
    bool is_no_root;       /* the leak check does not look for pointers in its blocks */
    const char *name;      /* in statistics and reports, copied; NULL: "pool" */
    /* Run for every block that is handed out, or taken back (also by reset and destroy), with
     * `context`. construct: 0, or an errno with which the allocation fails. NULL: nothing. */
    int (*construct)(void *context, void *block);
    void (*destruct)(void *context, void *block);
    void (*on_error)(void *context, const mete_pool_error *error);
    void *context;
} mete_pool_options;

/* Exact: reserved_bytes = live_bytes + free_bytes + metadata_bytes, once other threads pause. */
typedef struct mete_pool_stats {
    uint64_t reserved_bytes;
    uint64_t live_bytes;     /* live_blocks times the distance of two blocks */
    uint64_t free_bytes;     /* of blocks that are free, and what is left at slabs' ends */
    uint64_t metadata_bytes; /* what the pool needs for itself */
    uint64_t live_blocks;
    uint64_t free_blocks;
    uint64_t peak_blocks; /* shared: within 128 for each thread */
    uint64_t allocations; /* ever */
    uint64_t frees;       /* ever; those of reset are counted */
    uint64_t failures;    /* requests answered with NULL */
    uint64_t slabs;
    uint64_t retired_blocks; /* whose handles are used up */
} mete_pool_stats;

/* A pool; NULL with EINVAL (size 0, an alignment that is no power of two, slab_bytes likewise),
 * EOVERFLOW (blocks too large), ENOBUFS (initial_blocks above a limit), ENOMEM. */
METE_API METE_NODISCARD mete_pool *mete_pool_create(const mete_pool_options *options);

/* Ends the pool with all its blocks; looks for writes to free ones first. No other thread may be
 * using it. NULL is ignored. */
METE_API void mete_pool_destroy(mete_pool *pool);

/* A block, its contents undefined; or all zero. */
METE_API METE_MALLOC void *mete_pool_alloc(mete_pool *pool);
METE_API METE_MALLOC void *mete_pool_zalloc(mete_pool *pool);

/* Takes the block back; NULL is ignored. Keeps errno. */
METE_API void mete_pool_free(mete_pool *pool, void *block);

/* ---- the short way; not for programs ---- */

/* What it sees of every pool: blocks in hand, and the slab of a block freed lately, whose blocks
 * each have a byte that says where in the hand they lay last. Open to it are pools without a limit
 * that is counted and constructors, whose blocks are of 64 bytes or are not filled. Of handles it
 * sees the slabs by their number, and how often each block has ended. */
struct mete_pool_front {
    uint64_t count;        /* its lowest byte: blocks in hand; the others: frees ever */
    uint64_t near_limit;   /* blocks of that slab; 0: closed */
    uintptr_t near_memory; /* its first block */
    uint8_t *near_places;  /* of each of its blocks; 255: in no hand, and not the program's */
    uint64_t inverse;      /* modulo 2^64, of the odd part of the distance from block to block */
    uint8_t shift;         /* log2 of the other part */
    uint8_t floor;         /* with so many blocks in hand, or fewer, closed */
    uint8_t duties;        /* METE__POOL_FILLS, METE__POOL_COUNTS_LIVES */
    uint8_t is_shared;     /* and open: by what the calling thread has of it, see below */
    void *hand[256];       /* NULL above the blocks in hand */
    uint32_t *near_lives;  /* of each block of that slab, where they are counted; all atomic */
    uint32_t near_name;    /* 65536 times its number */
    uint32_t named;        /* slabs that a handle may name; atomic */
    size_t distance;       /* bytes from block to block */
    struct mete__slab **slabs; /* atomic: by number; each begins as struct mete_pool_near */
};

/* What there is to be done when a block ends: 64 bytes are filled; its life is counted. */
#define METE__POOL_FILLS        1u
#define METE__POOL_COUNTS_LIVES 2u

/* Goes into the functions of the library and into the bodies below, or nowhere. */
#define METE__POOL_INLINE extern inline __attribute__((gnu_inline, always_inline))

/* What it sees of a shared pool: the blocks that a thread has at hand, each with its byte, which is
 * 255 where the block is not the program's; and the same of a slab as above. */
struct mete_pool_held {
    void *block;
    uint8_t *place; /* atomic */
};
struct mete_pool_near {
    uintptr_t memory; /* all atomic */
    uint64_t limit;
    uint8_t *places;
    uint32_t *lives;
};
struct mete_pool_share {
    struct mete_pool_held *top;     /* behind the one that is handed out next */
    struct mete_pool_held *bottom;  /* at it, there is none */
    struct mete_pool_held *ceiling; /* at it, no other one fits */
    mete_pool *pool;
    const struct mete_pool_near *near;
    uint64_t frees;       /* of this thread, ever; atomic */
    uint64_t allocations; /* the same */
};

/* Of the shared pool that the calling thread has used last. */
extern METE_API __thread struct mete_pool_share *mete__pool_threads_share
    __attribute__((tls_model("initial-exec")));

#define METE__POOL_FILL 0xdf /* each byte of a free block */
typedef unsigned char mete__pool_fill __attribute__((vector_size(16), may_alias));

METE__POOL_INLINE mete__pool_fill mete__pool_filling(void) {
    mete__pool_fill none = {0};
    return none + (unsigned char)METE__POOL_FILL;
}

/* Whether 64 bytes at a multiple of 16 are as mete__pool_fill_line leaves them. */
METE__POOL_INLINE bool mete__pool_is_line_filled(const void *start) {
    const mete__pool_fill *at = (const mete__pool_fill *)start, filling = mete__pool_filling();
    mete__pool_fill same =
        (mete__pool_fill)(at[0] == filling) & (mete__pool_fill)(at[1] == filling) &
        (mete__pool_fill)(at[2] == filling) & (mete__pool_fill)(at[3] == filling);
#ifdef __SSE2__
    typedef char bytes __attribute__((vector_size(16)));
    return __builtin_ia32_pmovmskb128((bytes)same) == 0xffff;
#else
    typedef uint64_t words __attribute__((vector_size(16)));
    return (((words)same)[0] & ((words)same)[1]) == UINT64_MAX;
#endif
}

METE__POOL_INLINE void mete__pool_fill_line(void *start) {
    mete__pool_fill *at = (mete__pool_fill *)start;
    at[0] = at[1] = at[2] = at[3] = mete__pool_filling();
}

/* The number of the block that begins at `address`, in a slab that begins at `memory`; what is not
 * below the slab's blocks is none's. For dividing by an odd number is multiplying by its inverse,
 * and what is no multiple of it becomes too large (Granlund, Montgomery, "Division by Invariant
 * Integers using Multiplication", 1994, section 9). */
METE__POOL_INLINE uint64_t mete__pool_number(const struct mete_pool_front *front, uintptr_t memory,
                                             const void *address) {
    uint64_t product = ((uint64_t)(uintptr_t)address - memory) * front->inverse;
    return product >> (front->shift & 63) | product << (-front->shift & 63);
}

/* To what only this thread writes; in one instruction, which the compiler does not make of it. */
METE__POOL_INLINE void mete__pool_add(uint64_t *counter, int change) {
#ifdef __x86_64__
    __asm__ volatile("addq %1, %0" : "+m"(*counter) : "e"((int64_t)change) : "memory", "cc");
#else
    __atomic_store_n(counter, *counter + (uint64_t)(int64_t)change, __ATOMIC_RELEASE);
#endif
}

/* What there is to be done, but for a life that is the last one: false, and nothing is done. */
METE__POOL_INLINE bool mete__pool_end(uint8_t duties, uint32_t *lives, uint64_t number,
                                      void *block) {
    if ((duties & METE__POOL_COUNTS_LIVES) != 0) {
        uint32_t life = __atomic_load_n(&lives[number], __ATOMIC_RELAXED) + 1;
        if (__builtin_expect(life == UINT32_MAX, 0)) return false;
        __atomic_store_n(&lives[number], life, __ATOMIC_RELAXED);
    }
    if ((duties & METE__POOL_FILLS) != 0) mete__pool_fill_line(block);
    return true;
}

/* A block, or NULL: not here. */
METE__POOL_INLINE void *mete__pool_front_alloc(struct mete_pool_front *front) {
    uint64_t count = front->count;
    __asm__("" : "+r"(count)); /* not a byte of it: that would wait for the whole to be stored */
    size_t depth = (uint8_t)count;

    if (__builtin_expect(depth <= front->floor, 0)) return NULL;
    void *block = front->hand[depth - 1];
    if (__builtin_expect((front->duties & METE__POOL_FILLS) != 0, 1) &&
        __builtin_expect(!mete__pool_is_line_filled(block), 0))
        return NULL;
    front->hand[depth - 1] = NULL;
    mete__pool_add(&front->count, -1);
    return block;
}

/* Whether it was taken back. */
METE__POOL_INLINE bool mete__pool_front_free(struct mete_pool_front *front, void *block) {
    uint64_t number = mete__pool_number(front, front->near_memory, block);
    size_t depth = (uint8_t)front->count;

    if (__builtin_expect(number >= front->near_limit, 0)) return false;
    uint8_t *place = &front->near_places[number];
    if (__builtin_expect(*place == 255, 0) || __builtin_expect(front->hand[*place] == block, 0) ||
        __builtin_expect(depth == 255, 0))
        return false;
    __asm__("" : "+r"(block)); /* the compiler need not know what it was: it is no more */
    if (__builtin_expect(front->duties == METE__POOL_FILLS, 1))
        mete__pool_fill_line(block);
    else if (!mete__pool_end(front->duties, front->near_lives, number, block))
        return false;
    *place = (uint8_t)depth;
    front->hand[depth] = block;
    mete__pool_add(&front->count, 257);
    return true;
}

/* The same two of shared pools. */
METE__POOL_INLINE void *mete__pool_share_alloc(const mete_pool *pool, uint8_t duties) {
    struct mete_pool_share *share = mete__pool_threads_share;

    struct mete_pool_held *top = share->top;
    if (__builtin_expect(share->pool != pool || top == share->bottom, 0)) return NULL;
    void *block = top[-1].block;
    uint8_t *place = top[-1].place;
    if (__builtin_expect(__atomic_load_n(place, __ATOMIC_RELAXED) != 255, 0)) return NULL;
    if (__builtin_expect((duties & METE__POOL_FILLS) != 0, 1) &&
        __builtin_expect(!mete__pool_is_line_filled(block), 0))
        return NULL;
    share->top = top - 1;
    __atomic_store_n(place, 0, __ATOMIC_RELAXED);
    mete__pool_add(&share->allocations, 1);
    return block;
}

METE__POOL_INLINE bool mete__pool_share_free(const mete_pool *pool, void *block) {
    const struct mete_pool_front *front = (const struct mete_pool_front *)(const void *)pool;
    struct mete_pool_share *share = mete__pool_threads_share;

    struct mete_pool_held *top = share->top;
    if (__builtin_expect(share->pool != pool || top == share->ceiling, 0)) return false;
    const struct mete_pool_near *near = share->near;
    uint64_t number =
        mete__pool_number(front, __atomic_load_n(&near->memory, __ATOMIC_RELAXED), block);
    if (__builtin_expect(number >= __atomic_load_n(&near->limit, __ATOMIC_RELAXED), 0))
        return false;
    uint8_t *place = &near->places[number];
    if (__builtin_expect(__atomic_load_n(place, __ATOMIC_RELAXED) == 255, 0)) return false;
    __asm__("" : "+r"(block));
    if (__builtin_expect(front->duties == METE__POOL_FILLS, 1))
        mete__pool_fill_line(block);
    else if (!mete__pool_end(front->duties, near->lives, number, block))
        return false;
    __atomic_store_n(place, 255, __ATOMIC_RELAXED);
    top->block = block;
    top->place = place;
    share->top = top + 1;
    mete__pool_add(&share->frees, 1);
    return true;
}

#ifndef METE_POOL_NO_INLINE
/* The functions themselves, under names that the bodies below do not go by. */
METE_API METE_MALLOC void *mete__pool_alloc(mete_pool *pool) __asm__("mete_pool_alloc");
METE_API void mete__pool_free(mete_pool *pool, void *block) __asm__("mete_pool_free");

extern inline __attribute__((gnu_inline)) void *mete_pool_alloc(mete_pool *pool) {
    struct mete_pool_front *front = (struct mete_pool_front *)(void *)pool;
    void *block = mete__pool_front_alloc(front);

    if (__builtin_expect(block == NULL, 0) && front->is_shared)
        block = mete__pool_share_alloc(pool, front->duties);
    return __builtin_expect(block != NULL, 1) ? block : mete__pool_alloc(pool);
}

extern inline __attribute__((gnu_inline)) void mete_pool_free(mete_pool *pool, void *block) {
    struct mete_pool_front *front = (struct mete_pool_front *)(void *)pool;
    bool is_done = mete__pool_front_free(front, block);

    if (__builtin_expect(!is_done, 0) && front->is_shared)
        is_done = mete__pool_share_free(pool, block);
    if (__builtin_expect(!is_done, 0)) mete__pool_free(pool, block);
}
#endif

/* ---- more of it ---- */

/* `count` blocks into `blocks`, all or none: 0; or, `blocks` untouched, -ENOBUFS, -ENOMEM, or what
 * construct said. */
METE_API METE_NODISCARD int mete_pool_alloc_many(mete_pool *pool, void **blocks, size_t count);
METE_API void mete_pool_free_many(mete_pool *pool, void *const *blocks, size_t count);

/* Takes memory so that the next `count` allocations cannot fail (shared: of the calling thread,
 * while no other allocates): 0; or -ENOBUFS, -ENOMEM, and then takes none. */
METE_API METE_NODISCARD int mete_pool_reserve(mete_pool *pool, size_t count);

/* Frees all blocks, and keeps the slabs; looks for writes to free blocks first. No other thread may
 * be using the pool. */
METE_API void mete_pool_reset(mete_pool *pool);

/* Gives slabs without a live block back. The bytes released. */
METE_API size_t mete_pool_trim(mete_pool *pool);

/* Whether the address is in a live block. */
METE_API bool mete_pool_contains(const mete_pool *pool, const void *address);

/* Calls visit for every live block until it returns false; false then. visit may free the block it
 * is given, and no other. No other thread may be using the pool. */
METE_API bool mete_pool_foreach(mete_pool *pool, bool (*visit)(void *context, void *block),
                                void *context);

/* Looks at everything: lists, counts, and every free block for writes. 0; -EILSEQ where a freed
 * block was written to (on_error, where there is one, is told of each); -EUCLEAN where the pool
 * itself is damaged. No other thread may be using the pool. */
METE_API METE_NODISCARD int mete_pool_verify(mete_pool *pool);

/* -EINVAL for NULL. Any thread. */
METE_API int mete_pool_stats_read(const mete_pool *pool, mete_pool_stats *out);

/* "double-free", "invalid-free", "interior-free", "write-after-free". */
METE_API const char *mete_pool_fault_name(enum mete_pool_fault fault);

/* The pool as an allocator, for layouts that fit its blocks. Lives as long as the pool. */
METE_API const mete_allocator *mete_pool_allocator(mete_pool *pool);

/* ---- handles ---- */

/* Names a block for as long as it lives, and nothing afterwards: 0 is no handle. A block whose
 * handles are used up, after 2^32 - 2 lives, is never handed out again. */
typedef uint64_t mete_pool_handle;

/* The handle of a live block; 0 for what is none, and in a pool without handles. */
METE_API mete_pool_handle mete_pool_handle_of(const mete_pool *pool, const void *block);

/* The block, or NULL where it is no longer the one the handle was made for. */
METE_API void *mete_pool_get(const mete_pool *pool, mete_pool_handle handle);

/* The short way: a handle is 2^32 times the block's life, 2^16 times its slab's number, and its own
 * in the slab. 0: not here. */
METE__POOL_INLINE mete_pool_handle mete__pool_front_handle_of(const struct mete_pool_front *front,
                                                              const void *block) {
    uint64_t number = mete__pool_number(front, front->near_memory, block);

    if (__builtin_expect(number >= front->near_limit, 0) ||
        __builtin_expect((front->duties & METE__POOL_COUNTS_LIVES) == 0, 0))
        return 0;
    uint8_t place = front->near_places[number];
    if (__builtin_expect(place == 255, 0) || __builtin_expect(front->hand[place] == block, 0))
        return 0;
    return (uint64_t)__atomic_load_n(&front->near_lives[number], __ATOMIC_RELAXED) << 32 |
           front->near_name | number;
}

/* No block has the same life twice; a new one begins where the last one ends. */
METE__POOL_INLINE void *mete__pool_front_get(const struct mete_pool_front *front,
                                             mete_pool_handle handle) {
    uint32_t slab = (uint32_t)handle >> 16, number = (uint32_t)handle & 0xffff;

    if (__builtin_expect(slab >= __atomic_load_n(&front->named, __ATOMIC_ACQUIRE), 0)) return NULL;
    const struct mete_pool_near *near =
        (const struct mete_pool_near *)(const void *)__atomic_load_n(&front->slabs,
                                                                     __ATOMIC_ACQUIRE)[slab];
    if (__builtin_expect(number >= __atomic_load_n(&near->limit, __ATOMIC_RELAXED), 0) ||
        __builtin_expect(__atomic_load_n(&near->lives[number], __ATOMIC_RELAXED) != handle >> 32,
                         0))
        return NULL;
    void *block =
        (void *)(__atomic_load_n(&near->memory, __ATOMIC_RELAXED) + number * front->distance);
    uint8_t place = __atomic_load_n(&near->places[number], __ATOMIC_RELAXED);
    if (__builtin_expect(place == 255, 0) || __builtin_expect(front->hand[place] == block, 0))
        return NULL;
    return block;
}

#ifndef METE_POOL_NO_INLINE
METE_API mete_pool_handle mete__pool_handle_of(const mete_pool *pool,
                                               const void *block) __asm__("mete_pool_handle_of");

extern inline __attribute__((gnu_inline)) mete_pool_handle
mete_pool_handle_of(const mete_pool *pool, const void *block) {
    mete_pool_handle handle =
        mete__pool_front_handle_of((const struct mete_pool_front *)(const void *)pool, block);
    return __builtin_expect(handle != 0, 1) ? handle : mete__pool_handle_of(pool, block);
}

extern inline __attribute__((gnu_inline)) void *mete_pool_get(const mete_pool *pool,
                                                              mete_pool_handle handle) {
    return mete__pool_front_get((const struct mete_pool_front *)(const void *)pool, handle);
}
#endif

METE_END_DECLS

#endif
