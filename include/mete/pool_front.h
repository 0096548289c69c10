/*
 * mete/pool_front.h - a part of mete/pool.h: what its usual calls see of a pool, and do where that
 * is enough; not for programs. Each tries, and changes nothing where it fails: the function of the
 * call is then left to do it.
 */
#ifndef METE_POOL_FRONT_H
#define METE_POOL_FRONT_H

#include <mete/attributes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

METE_BEGIN_DECLS

typedef struct mete_pool mete_pool;
typedef uint64_t mete_pool_handle;

/* What it sees of every pool: blocks in hand, and the slab of a block freed lately, whose blocks
 * each have a byte that says where in the hand they lay last. Open to it are pools without a limit
 * that is counted and constructors, whose blocks are of 64 bytes or are not filled. With handles,
 * and not shared, one has those of its next blocks in hand instead, and is open by handle. */
struct mete_pool_front {
    uint64_t count;        /* its lowest byte: blocks in hand, 255: or shared; the others: frees */
    uint64_t near_limit;   /* blocks of that slab, where they are filled; 0: closed */
    uintptr_t near_memory; /* its first block */
    uint8_t *near_places;  /* of each of its blocks; 255: in no hand, and not the program's */
    uint64_t inverse;      /* modulo 2^64, of the odd part of the distance from block to block */
    uint8_t shift;         /* log2 of the other part */
    uint8_t floor;         /* with so many blocks in hand, or fewer, closed; 255: or not filled */
    uint8_t bare_floor;    /* the same, where they are not filled; 255: or filled */
    union {
        void *hand[256]; /* NULL above the blocks in hand */
        mete_pool_handle next[256];
    };
    mete_pool_handle *near_handles; /* as in struct mete_pool_near */
    uint32_t near_name;             /* 65536 times that slab's number */
    uint32_t bare_limit;            /* its blocks, where open by handle and not filled; or 0 */
    uint32_t filled_limit;          /* the same, where filled */
    uint32_t named_floor;           /* as floor, by handle */
    uint32_t named;                 /* slabs that a handle may name, whichever is near */
    uint64_t bare_near_limit;       /* as near_limit, where they are not filled */
    size_t distance;                /* bytes from block to block */
    struct mete__slab **slabs;      /* atomic: by number; each begins as struct mete_pool_near */
};

#define METE__POOL_LIFE    ((mete_pool_handle)1 << 32) /* in a handle */
#define METE__POOL_IN_HAND 128 /* blocks of a shared pool, of a thread at most */

/* Goes into the functions of the library and into the bodies below, or nowhere. */
#define METE__POOL_INLINE extern inline __attribute__((gnu_inline, always_inline))

/* What it sees of the slab of a block freed lately: of each block its byte, which is 255, in a
 * shared pool, where the block is not the program's. */
struct mete_pool_near {
    uintptr_t memory; /* all atomic */
    uint64_t limit;
    uint8_t *places;
    mete_pool_handle *handles; /* of each block; one more than its next, where it has none */
};

/* A thread's own of a shared pool: the blocks that it has in hand, from the second entry on. The
 * first one stands for no block, and its place says that it is not to be handed out. */
struct mete_pool_share {
    uint64_t count; /* atomic: its lowest byte: blocks in hand; the others: frees of this thread */
    /* Of the pool, while there is one: another thread may end it, and stores NULL. Atomic, but not
     * read so here: compilers would not compare with memory then. */
    const mete_pool *filled; /* the pool, open to mete_pool_alloc; NULL: closed, or not filled */
    const mete_pool *bare;   /* the same, not filled */
    const mete_pool *filled_ending; /* the same two, open to mete_pool_free: no lives are counted */
    const mete_pool *bare_ending;
    const struct mete_pool_near *near;
    mete_pool *pool;
    void *blocks[METE__POOL_IN_HAND + 1];
    uint8_t *places[METE__POOL_IN_HAND + 1]; /* atomic, each: 255: not the program's */
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
    __asm__("" : "+r"(start)); /* the compiler need not know what it was: it is no more */
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

METE__POOL_INLINE size_t mete__pool_depth_of(const struct mete_pool_front *front) {
    uint64_t count = front->count;
    __asm__("" : "+r"(count)); /* not a byte of it: that would wait for the whole to be stored */
    return (uint8_t)count;
}

/* A block, or NULL: not here; of one that is filled, and of one that is not. */
METE__POOL_INLINE void *mete__pool_front_alloc_filled(struct mete_pool_front *front, size_t depth) {
    void *block = front->hand[depth - 1];

    if (__builtin_expect(!mete__pool_is_line_filled(block), 0)) return NULL;
    front->hand[depth - 1] = NULL;
    mete__pool_add(&front->count, -1);
    return block;
}

METE__POOL_INLINE void *mete__pool_front_alloc_bare(struct mete_pool_front *front, size_t depth) {
    if (depth <= front->bare_floor) return NULL;
    void *block = front->hand[depth - 1];
    front->hand[depth - 1] = NULL;
    mete__pool_add(&front->count, -1);
    return block;
}

/* But for the filling. */
METE__POOL_INLINE bool mete__pool_end_place(struct mete_pool_front *front, uint64_t number,
                                            size_t depth, void *block) {
    uint8_t *place = &front->near_places[number];

    if (__builtin_expect(*place == 255, 0) || __builtin_expect(front->hand[*place] == block, 0))
        return false;
    *place = (uint8_t)depth;
    front->hand[depth] = block;
    mete__pool_add(&front->count, 257);
    return true;
}

/* With less than 255 blocks in hand: whether it was taken back. */
METE__POOL_INLINE bool mete__pool_front_free(struct mete_pool_front *front, size_t depth,
                                             void *block) {
    uint64_t number = mete__pool_number(front, front->near_memory, block);
    if (__builtin_expect(number >= front->near_limit, 0))
        return number < front->bare_near_limit && mete__pool_end_place(front, number, depth, block);
    if (__builtin_expect(!mete__pool_end_place(front, number, depth, block), 0)) return false;
    mete__pool_fill_line(block);
    return true;
}

/* The number of a block of that slab, and whether it is below the limit: both of what another
 * thread may be changing, read in the instruction that needs it, which compilers do not make of an
 * atomic load. */
METE__POOL_INLINE bool mete__pool_is_near(const struct mete_pool_front *front,
                                          const struct mete_pool_near *near, const void *block,
                                          uint64_t *number) {
#if defined(__x86_64__) && defined(__LP64__)
    uintptr_t distance = (uintptr_t)block;
    bool is_below;
    __asm__("subq %1, %0" : "+r"(distance) : "m"(near->memory) : "cc");
    *number = mete__pool_number(front, 0, (const void *)distance);
    __asm__("cmpq %2, %1" : "=@ccb"(is_below) : "r"(*number), "m"(near->limit));
    return is_below;
#else
    *number = mete__pool_number(front, __atomic_load_n(&near->memory, __ATOMIC_RELAXED), block);
    return *number < __atomic_load_n(&near->limit, __ATOMIC_RELAXED);
#endif
}

/* Whether the block of the place, which another thread may be freeing, is not the program's. */
METE__POOL_INLINE bool mete__pool_is_out(const uint8_t *place) {
#ifdef __x86_64__
    bool is_out;
    __asm__("cmpb $-1, %1" : "=@cce"(is_out) : "m"(*place));
    return is_out;
#else
    return __atomic_load_n(place, __ATOMIC_RELAXED) == 255;
#endif
}

METE__POOL_INLINE size_t mete__pool_share_depth(const struct mete_pool_share *share) {
    uint64_t count = __atomic_load_n(&share->count, __ATOMIC_RELAXED);
    __asm__("" : "+r"(count)); /* as in mete__pool_depth_of */
    return (uint8_t)count;
}

/* The same two of shared pools. */
METE__POOL_INLINE void *mete__pool_share_alloc(const mete_pool *pool) {
    struct mete_pool_share *share = mete__pool_threads_share;
    size_t depth = mete__pool_share_depth(share);
    void *block = share->blocks[depth];
    uint8_t *place = share->places[depth];

    if (__builtin_expect(share->filled == pool, 1)) {
        if (__builtin_expect(!mete__pool_is_out(place), 0) ||
            __builtin_expect(!mete__pool_is_line_filled(block), 0))
            return NULL;
    } else {
        if (share->bare != pool || !mete__pool_is_out(place)) return NULL;
    }
    __atomic_store_n(place, 0, __ATOMIC_RELAXED);
    mete__pool_add(&share->count, -1);
    return block;
}

METE__POOL_INLINE bool mete__pool_share_free(const mete_pool *pool, void *block) {
    const struct mete_pool_front *front = (const struct mete_pool_front *)(const void *)pool;
    struct mete_pool_share *share = mete__pool_threads_share;
    size_t depth = mete__pool_share_depth(share);
    uint64_t number;

    if (__builtin_expect(depth == METE__POOL_IN_HAND, 0)) return false;
    bool is_filled = share->filled_ending == pool;
    if (__builtin_expect(!is_filled, 0) && share->bare_ending != pool) return false;
    const struct mete_pool_near *near = share->near;
    if (__builtin_expect(!mete__pool_is_near(front, near, block, &number), 0)) return false;
    uint8_t *place = &near->places[number];
    if (__builtin_expect(mete__pool_is_out(place), 0)) return false;
    if (__builtin_expect(is_filled, 1)) mete__pool_fill_line(block);
    __atomic_store_n(place, 255, __ATOMIC_RELAXED);
    share->blocks[depth + 1] = block;
    share->places[depth + 1] = place;
    mete__pool_add(&share->count, 257);
    return true;
}

/* ---- by handle ---- */

/* Of pools that are not shared. A handle is 2^32 times the block's life, 2^16 times its slab's
 * number, and its own in the slab. What is kept of a block that has none names another block: so
 * one comparison tells a handle that is stale, or made up, from one that is not. */

/* As mete__pool_add, but of no other thread's interest. */
METE__POOL_INLINE void mete__pool_count(struct mete_pool_front *front, int change) {
#ifdef __x86_64__
    __asm__("addq %1, %0" : "+m"(front->count) : "e"((int64_t)change) : "cc");
#else
    front->count += (uint64_t)(int64_t)change;
#endif
}

METE__POOL_INLINE void *mete__pool_near_block(const struct mete_pool_front *front,
                                              uint32_t number) {
    return (void *)(front->near_memory + number * front->distance);
}

METE__POOL_INLINE bool mete__pool_front_alloc_handle(struct mete_pool_front *front,
                                                     mete_pool_handle *handle, void **block) {
    size_t depth = mete__pool_depth_of(front);

    if (__builtin_expect(depth <= front->named_floor, 0)) return false;
    mete_pool_handle next = front->next[depth - 1];
    uint32_t number = (uint32_t)next - front->near_name;
    if (__builtin_expect(number >= front->bare_limit, 0) &&
        (number >= front->filled_limit ||
         !mete__pool_is_line_filled(mete__pool_near_block(front, number))))
        return false;
    front->near_handles[number] = next;
    mete__pool_count(front, -1);
    *handle = next;
    *block = mete__pool_near_block(front, number);
    return true;
}

/* But for the filling. */
METE__POOL_INLINE bool mete__pool_end_handle(struct mete_pool_front *front, uint32_t number,
                                             mete_pool_handle handle) {
    mete_pool_handle next;

    if (__builtin_expect(front->near_handles[number] != handle, 0)) return false;
    size_t depth = mete__pool_depth_of(front);
    if (__builtin_expect(depth == 255, 0) ||
        __builtin_expect(__builtin_add_overflow(handle, METE__POOL_LIFE, &next), 0))
        return false;
    front->near_handles[number] = next + 1;
    front->next[depth] = next;
    mete__pool_count(front, 257);
    return true;
}

/* Whether it was taken back. */
METE__POOL_INLINE bool mete__pool_front_free_handle(struct mete_pool_front *front,
                                                    mete_pool_handle handle) {
    uint32_t number = (uint32_t)handle - front->near_name;

    if (__builtin_expect(number < front->bare_limit, 1))
        return mete__pool_end_handle(front, number, handle);
    if (number >= front->filled_limit || !mete__pool_end_handle(front, number, handle))
        return false;
    mete__pool_fill_line(mete__pool_near_block(front, number));
    return true;
}

/* In any slab: a program that looks up does so all over the pool. */
METE__POOL_INLINE bool mete__pool_front_get(const struct mete_pool_front *front,
                                            mete_pool_handle handle, void **block) {
    uint32_t number = (uint32_t)handle - front->near_name;

    if (__builtin_expect(number < front->bare_limit, 1) || number < front->filled_limit) {
        *block = mete__pool_near_block(front, number);
        return __builtin_expect(front->near_handles[number] == handle, 1);
    }
    number = (uint32_t)handle & 0xffff;
    if ((uint32_t)handle >> 16 >= front->named) return false;
    const struct mete_pool_near *slab =
        (const struct mete_pool_near *)(const void *)front->slabs[(uint32_t)handle >> 16];
    *block = (void *)(slab->memory + number * front->distance);
    return number < slab->limit && slab->handles[number] == handle;
}

/* 0: not here. */
METE__POOL_INLINE mete_pool_handle mete__pool_front_handle_of(const struct mete_pool_front *front,
                                                              const void *block) {
    uint64_t number = mete__pool_number(front, front->near_memory, block);

    if (number >= front->bare_limit && number >= front->filled_limit) return 0;
    mete_pool_handle handle = front->near_handles[number];
    return (uint32_t)handle == (front->near_name | number) ? handle : 0;
}

METE_END_DECLS

#endif
