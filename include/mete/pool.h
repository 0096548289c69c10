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
 * those had at hand is not handed out there before the pool is reset. The bare system call's child
 * has its own copy, too, unless another thread was in the pool just then: its lock is never given
 * up there. A child of vfork uses its parent's pool. Not for signal handlers: one that interrupts a
 * call of the pool may be handed the same block.
 *
 * Errors: NULL with errno ENOBUFS (the pool's own limit), ENOMEM (no memory), EINVAL, or a negative
 * errno. What fails changes nothing.
 */
#ifndef METE_POOL_H
#define METE_POOL_H

#include <mete/allocator.h>
#include <mete/attributes.h>
#include <mete/pool_front.h>
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

enum mete_pool_fault {
    METE_POOL_DOUBLE_FREE = 1,
    METE_POOL_INVALID_FREE,
    METE_POOL_INTERIOR_FREE,
    METE_POOL_WRITE_AFTER_FREE,
};

typedef struct mete_pool_error {
    enum mete_pool_fault fault;
    const char *pool;    /* its name */
    const void *address; /* as given, or the byte that was written to; NULL: a handle was given */
    const void *block;   /* the block it is in; NULL: none */
    size_t offset;       /* of the address in the block, or of the first byte that was written */
    mete_pool_handle handle; /* as given; 0: an address was */
} mete_pool_error;

typedef struct mete_pool_options {
    size_t block_size;  /* bytes; not 0 */
    size_t block_align; /* a power of two; 0: 16, or less where block_size is no multiple of 16 */
    size_t initial_blocks; /* memory for so many is taken at once */
    size_t max_blocks;     /* that may be live at once; 0: no limit */
    size_t max_bytes;      /* that may be reserved, metadata included; 0: no limit */
    size_t slab_bytes;     /* a power of two, at least 4 KiB; 0: 64 KiB, more for large blocks */
    bool shared;           /* any thread may use it at any time */
    bool handles;          /* blocks have handles, see the end: 8 bytes more a block */
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

/* reserved_bytes = live_bytes + free_bytes + metadata_bytes, of a shared pool at any time; exact
 * once other threads pause. */
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

/* A mete_pool_handle, a number, names a block for as long as it lives, and nothing afterwards: 0 is
 * no handle. A block whose handles are used up, after 2^32 - 1 lives, is never handed out again. */

/* A block as from mete_pool_alloc, and its handle: NULL, `handle` untouched, also with EINVAL in a
 * pool without handles. */
METE_API METE_MALLOC void *mete_pool_alloc_handle(mete_pool *pool, mete_pool_handle *handle);

/* Takes the block back that the handle names. A handle that has named one before is a double-free,
 * any other an invalid-free; 0 is ignored. Keeps errno. In a shared pool, of several threads that
 * free by one handle at one instant one does. */
METE_API void mete_pool_free_handle(mete_pool *pool, mete_pool_handle handle);

/* The handle of a live block; 0 for what is none, and in a pool without handles. */
METE_API mete_pool_handle mete_pool_handle_of(const mete_pool *pool, const void *block);

/* The block, or NULL where it is no longer the one the handle was made for. */
METE_API void *mete_pool_get(const mete_pool *pool, mete_pool_handle handle);

/* ---- the usual calls, as far as they need no function ---- */

#ifndef METE_POOL_NO_INLINE
/* The functions themselves, under names that the bodies below do not go by. */
METE_API METE_MALLOC void *mete__pool_alloc(mete_pool *pool) __asm__("mete_pool_alloc");
METE_API void mete__pool_free(mete_pool *pool, void *block) __asm__("mete_pool_free");
METE_API METE_MALLOC void *
mete__pool_alloc_handle(mete_pool *pool,
                        mete_pool_handle *handle) __asm__("mete_pool_alloc_handle");
METE_API void mete__pool_free_handle(mete_pool *pool,
                                     mete_pool_handle handle) __asm__("mete_pool_free_handle");
METE_API mete_pool_handle mete__pool_handle_of(const mete_pool *pool,
                                               const void *block) __asm__("mete_pool_handle_of");
METE_API void *mete__pool_get(const mete_pool *pool,
                              mete_pool_handle handle) __asm__("mete_pool_get");

/* clang holds a body that calls the symbol it goes by for endless, and leaves it out: unless it
 * does not see which function it is. And those of free are too long for it. */
#ifdef __clang__
#define METE__POOL_CALL(function)                \
    __extension__({                              \
        __typeof__(&(function)) it = (function); \
        __asm__("" : "+r"(it));                  \
        it;                                      \
    })
#else
#define METE__POOL_CALL(function) function
#endif
#if defined(__clang__) && defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__)
#define METE__POOL_BODY extern inline __attribute__((gnu_inline, always_inline))
#else
#define METE__POOL_BODY extern inline __attribute__((gnu_inline))
#endif

METE__POOL_BODY void *mete_pool_alloc(mete_pool *pool) {
    struct mete_pool_front *front = (struct mete_pool_front *)(void *)pool;
    size_t depth = mete__pool_depth_of(front);
    void *block;

    if (__builtin_expect(depth > front->floor, 1))
        block = mete__pool_front_alloc_filled(front, depth);
    else if (depth != 255)
        block = mete__pool_front_alloc_bare(front, depth);
    else
        block = mete__pool_share_alloc(pool);
    return __builtin_expect(block != NULL, 1) ? block : METE__POOL_CALL(mete__pool_alloc)(pool);
}

METE__POOL_BODY void mete_pool_free(mete_pool *pool, void *block) {
    struct mete_pool_front *front = (struct mete_pool_front *)(void *)pool;
    size_t depth = mete__pool_depth_of(front);
    bool is_done = depth != 255 ? mete__pool_front_free(front, depth, block)
                                : mete__pool_share_free(pool, block);

    if (__builtin_expect(!is_done, 0)) METE__POOL_CALL(mete__pool_free)(pool, block);
}

METE__POOL_BODY void *mete_pool_alloc_handle(mete_pool *pool, mete_pool_handle *handle) {
    struct mete_pool_front *front = (struct mete_pool_front *)(void *)pool;
    void *block;
    if (__builtin_expect(mete__pool_front_alloc_handle(front, handle, &block), 1)) return block;
    return METE__POOL_CALL(mete__pool_alloc_handle)(pool, handle);
}

METE__POOL_BODY void mete_pool_free_handle(mete_pool *pool, mete_pool_handle handle) {
    struct mete_pool_front *front = (struct mete_pool_front *)(void *)pool;
    if (__builtin_expect(!mete__pool_front_free_handle(front, handle), 0))
        METE__POOL_CALL(mete__pool_free_handle)(pool, handle);
}

METE__POOL_BODY mete_pool_handle mete_pool_handle_of(const mete_pool *pool, const void *block) {
    mete_pool_handle handle =
        mete__pool_front_handle_of((const struct mete_pool_front *)(const void *)pool, block);
    return __builtin_expect(handle != 0, 1) ? handle
                                            : METE__POOL_CALL(mete__pool_handle_of)(pool, block);
}

METE__POOL_BODY void *mete_pool_get(const mete_pool *pool, mete_pool_handle handle) {
    const struct mete_pool_front *front = (const struct mete_pool_front *)(const void *)pool;
    void *block;
    if (__builtin_expect(mete__pool_front_get(front, handle, &block), 1)) return block;
    return METE__POOL_CALL(mete__pool_get)(pool, handle);
}
#endif

METE_END_DECLS

#endif
