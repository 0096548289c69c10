/* mete/pool.h: blocks, and what is wrong with them. */
#include "pool/pool_state.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "os/checkers.h"
#include "os/meta.h"
#include "os/process.h"
#include "pool/pool_fill.h"

enum { MANY_AT_HAND = 64 }; /* blocks that alloc_many gathers on the stack */

static bool lock_pool(mete_pool *pool) {
    return mete__lock_acquire(&pool->lock, mete__lock_token());
}

/* ---- faults ---- */

static const char *const fault_names[] = {
    [METE_POOL_DOUBLE_FREE] = "double-free",
    [METE_POOL_INVALID_FREE] = "invalid-free",
    [METE_POOL_INTERIOR_FREE] = "interior-free",
    [METE_POOL_WRITE_AFTER_FREE] = "write-after-free",
};

const char *mete_pool_fault_name(enum mete_pool_fault fault) {
    if (fault < METE_POOL_DOUBLE_FREE || fault > METE_POOL_WRITE_AFTER_FREE) return "unknown";
    return fault_names[fault];
}

static METE_NORETURN void die(const mete_pool *pool, const mete_pool_error *error) {
    char buffer[256];
    struct mete__text line = mete__text_in(buffer, sizeof buffer);

    mete__text_add(&line, "mete: %s of %p", fault_names[error->fault], error->address);
    if (error->fault == METE_POOL_INVALID_FREE)
        mete__text_add(&line, ", which is no block of pool '%s'", error->pool);
    else if (error->fault == METE_POOL_WRITE_AFTER_FREE)
        mete__text_add(&line, ", byte %zu of a block of %zu bytes in pool '%s'", error->offset,
                       pool->block_size, error->pool);
    else if (error->offset != 0)
        mete__text_add(&line, ", %zu bytes into the block at %p of pool '%s'", error->offset,
                       error->block, error->pool);
    else
        mete__text_add(&line, ", a block of %zu bytes in pool '%s'", pool->block_size, error->pool);
    mete__text_add(&line, "\n");
    mete__process_complain(line.start, line.length);
    abort();
}

void mete__pool_fault(mete_pool *pool, enum mete_pool_fault fault, const void *address,
                      const void *block, size_t offset) {
    mete_pool_error error = {.fault = fault,
                             .pool = pool->holder.name,
                             .address = address,
                             .block = block,
                             .offset = offset};

    if (pool->on_error == NULL) die(pool, &error);
    pool->on_error(pool->context, &error);
}

/* ---- one block ---- */

/* Tells what is wrong with an address that is to be freed. NULL is no fault. */
static METE_COLD void astray(mete_pool *pool, const void *address) {
    if (address == NULL) return;
    const struct mete__slab *slab = mete__pool_slab(pool, address);
    uint32_t index = 0;
    if (slab != NULL)
        index = mete__pool_index(pool, (size_t)((const char *)address - slab->memory));
    if (slab == NULL || index >= slab->carved ||
        mete__pool_link(slab, index) == METE__LINK_RETIRED) {
        mete__pool_fault(pool, METE_POOL_INVALID_FREE, address, NULL, 0);
        return;
    }
    const char *block = mete__pool_block(pool, slab, index);
    size_t offset = (size_t)((const char *)address - block);
    mete__pool_fault(pool, offset != 0 ? METE_POOL_INTERIOR_FREE : METE_POOL_DOUBLE_FREE, address,
                     block, offset);
}

/* The link of the live block at an address in the slab; NULL: it is none. Links of blocks that were
 * not carved are never METE__LINK_LIVE. */
METE_INLINE uint16_t *aim(const mete_pool *pool, const struct mete__slab *slab,
                          const void *address) {
    size_t offset = (uintptr_t)address & pool->slab_mask;
    uint32_t index = mete__pool_index(pool, offset);

    if (METE_UNLIKELY(index >= pool->slab_blocks || index * pool->distance != offset)) return NULL;
    uint16_t *link = &slab->links[index];
    return METE_LIKELY(__atomic_load_n(link, __ATOMIC_RELAXED) == METE__LINK_LIVE) ? link : NULL;
}

/* Field by field: copied as a whole, it would be read back before its halves are stored. */
METE_INLINE void push(struct mete__hand *hand, char *block, uint16_t *link) {
    hand->top->block = block;
    hand->top->link = link;
    hand->top++;
}

static METE_COLD void *tell_of_write(mete_pool *pool, char *block) {
    long offset = mete__pool_fill_find(pool, block);
    mete__pool_fault(pool, METE_POOL_WRITE_AFTER_FREE, block + offset, block, (size_t)offset);
    return block;
}

static METE_NOINLINE void *begin_rest(mete_pool *pool, char *block) {
    return METE_LIKELY(mete__pool_fill_is_rest_whole(pool, block)) ? block
                                                                   : tell_of_write(pool, block);
}

/* A block out of the hand becomes the program's. */
METE_INLINE void *begin(mete_pool *pool, char *block, uint16_t *link) {
    mete__pool_set_held(link, METE__LINK_LIVE);
    if (METE_UNLIKELY(!mete__pool_fill_are_lines_whole(pool, block)))
        return tell_of_write(pool, block);
    return METE_LIKELY(!pool->has_checked_rest) ? block : begin_rest(pool, block);
}

/* The same of a pool that has more to do for its blocks. */
static void begin_any(mete_pool *pool, const struct mete__held *held) {
    if (METE_UNLIKELY(mete__checkers_listen)) {
        mete__pool_set_held(held->link, METE__LINK_LIVE);
        mete__checkers_alloc(pool, held->block, pool->block_size);
    } else {
        (void)begin(pool, held->block, held->link);
    }
    if (!pool->handles) return;
    struct mete__slab *slab = mete__pool_slab(pool, held->block);
    size_t index = (size_t)(held->link - slab->links);
    mete__pool_set_life(slab, index, mete__pool_life(slab, index) + 1);
}

/* Without `destruct`. A life that is the last one leaves UINT32_MAX: see is_worn. */
static void finish(mete_pool *pool, struct mete__slab *slab, uint32_t index, char *block) {
    if (METE_LIKELY(!mete__checkers_listen))
        mete__pool_fill_block(pool, block);
    else
        mete__checkers_free(pool, block, pool->block_size);
    if (!pool->handles) return;
    uint32_t life = mete__pool_life(slab, index) + 1;
    mete__pool_set_life(slab, index, life == UINT32_MAX - 1 ? UINT32_MAX : life);
}

void mete__pool_finish(mete_pool *pool, struct mete__slab *slab, uint32_t index) {
    char *block = mete__pool_block(pool, slab, index);
    if (METE_UNLIKELY(pool->destruct != NULL)) pool->destruct(pool->context, block);
    finish(pool, slab, index, block);
}

/* ---- the hand of a pool that is not shared ---- */

/* The floor is where as many blocks are live as ever: so the peak is exact, and the limit kept,
 * though the fast path compares but two pointers. */
static void set_floor(mete_pool *pool) {
    pool->hand.floor = pool->hand.bottom + (pool->used > pool->peak ? pool->used - pool->peak : 0);
}

/* The hand is at its floor: makes it have a block, if one may be handed out. */
static METE_NOINLINE int reload(mete_pool *pool) {
    uint64_t live = mete__pool_live(pool);

    if (METE_UNLIKELY(live >= pool->max_blocks)) return -ENOBUFS;
    if (mete__hand_depth(&pool->hand) == 0) {
        int status = mete__slab_load(pool, &pool->hand, METE__HAND_BLOCKS / 2);
        if (status < 0) return status;
    }
    if (live >= pool->peak) pool->peak = live + 1;
    set_floor(pool);
    return 0;
}

/* The hand is full: the half that has been in it the longest goes back to the slabs. */
static METE_NOINLINE void unload(mete_pool *pool) {
    enum { HALF = METE__HAND_BLOCKS / 2 };
    struct mete__hand *hand = &pool->hand;

    mete__slab_unload(pool, hand->bottom, HALF);
    memmove(hand->bottom, hand->bottom + HALF, HALF * sizeof *hand->bottom);
    hand->top -= HALF;
    set_floor(pool);
}

void mete__pool_drain(mete_pool *pool, bool forget) {
    if (pool->shared) {
        mete__pool_cache_drain(pool, forget);
        return;
    }
    if (!forget) mete__slab_unload(pool, pool->hand.bottom, mete__hand_depth(&pool->hand));
    pool->hand.top = pool->hand.bottom;
    set_floor(pool);
}

static METE_COLD void retire(mete_pool *pool, const char *block) {
    struct mete__slab *slab = mete__pool_slab(pool, block);
    mete__slab_retire(pool, slab, mete__pool_index(pool, (size_t)(block - slab->memory)));
    set_floor(pool);
}

/* ---- handing out ---- */

static METE_COLD void *fail(mete_pool *pool, int error) {
    __atomic_add_fetch(&pool->failures, 1, __ATOMIC_RELAXED);
    errno = error;
    return NULL;
}

METE_INLINE void count(uint64_t *counter) {
    __atomic_store_n(counter, *counter + 1, __ATOMIC_RELEASE);
}

METE_INLINE struct mete__hand *own_hand(mete_pool *pool) {
    if (!pool->shared) return &pool->hand;
    struct mete__hand *hand = mete__pool_cache_find(pool);
    return METE_LIKELY(hand != NULL) ? hand : mete__pool_cache_make(pool);
}

static int take(mete_pool *pool, struct mete__held *out) {
    struct mete__hand *hand = own_hand(pool);
    int status = 0;

    if (METE_UNLIKELY(hand == NULL)) return mete__pool_cache_take(pool, out);
    if (METE_UNLIKELY(hand->top <= hand->floor))
        status = pool->shared ? mete__pool_cache_reload(pool, hand) : reload(pool);
    if (METE_UNLIKELY(status < 0)) return status;
    *out = *--hand->top;
    if (pool->shared) count(&hand->allocations);
    return 0;
}

/* Shared pools with a limit count what is live; others know it without. */
static int take_within_limit(mete_pool *pool, struct mete__held *out) {
    if (METE_LIKELY(!pool->shared || !pool->is_limited)) return take(pool, out);
    if (__atomic_add_fetch(&pool->live, 1, __ATOMIC_RELAXED) > pool->max_blocks) {
        __atomic_sub_fetch(&pool->live, 1, __ATOMIC_RELAXED);
        return -ENOBUFS;
    }
    int status = take(pool, out);
    if (status < 0) __atomic_sub_fetch(&pool->live, 1, __ATOMIC_RELAXED);
    return status;
}

/* Back to the hand, or where it is full or the block is worn, elsewhere. */
METE_INLINE void put(mete_pool *pool, struct mete__hand *hand, const struct mete__slab *slab,
                     char *block, uint16_t *link) {
    bool is_worn = METE_UNLIKELY(pool->handles) &&
                   mete__pool_life(slab, (size_t)(link - slab->links)) == UINT32_MAX;
    bool has_room = hand != NULL && !is_worn;

    if (METE_UNLIKELY(pool->shared && pool->is_limited))
        __atomic_sub_fetch(&pool->live, 1, __ATOMIC_RELAXED);
    mete__pool_set_held(link, METE__LINK_HELD);
    if (METE_LIKELY(has_room) && METE_UNLIKELY(hand->top == hand->ceiling)) {
        if (pool->shared)
            has_room = mete__pool_cache_unload(pool, hand);
        else
            unload(pool);
    }
    if (METE_LIKELY(has_room)) {
        push(hand, block, link);
        if (pool->shared) count(&hand->frees);
    } else if (pool->shared) {
        mete__pool_cache_put(pool, block, link);
    } else {
        retire(pool, block);
    }
    if (!pool->shared) pool->hand.frees++;
}

/* A block that could not be constructed was never whole: it is not destructed. */
static METE_NOINLINE void *construct(mete_pool *pool, char *block, uint16_t *link) {
    int error = pool->construct(pool->context, block);

    if (error == 0) return block;
    struct mete__slab *slab = mete__pool_slab(pool, block);
    finish(pool, slab, (uint32_t)(link - slab->links), block);
    put(pool, own_hand(pool), slab, block, link);
    return fail(pool, error);
}

static METE_NOINLINE void *alloc_any(mete_pool *pool) {
    struct mete__held held;
    int status = take_within_limit(pool, &held);

    if (METE_UNLIKELY(status < 0)) return fail(pool, -status);
    begin_any(pool, &held);
    if (METE_UNLIKELY(pool->construct != NULL)) return construct(pool, held.block, held.link);
    return held.block;
}

/* The usual case, compiled for each kind of pool. */
METE_INLINE void *alloc_fast(mete_pool *pool, struct mete__hand *hand, bool shared, bool handles) {
    if (METE_UNLIKELY(hand == NULL || hand->top <= hand->floor)) return alloc_any(pool);
    const struct mete__held *held = --hand->top;
    char *block = held->block;
    uint16_t *link = held->link;
    if (shared) count(&hand->allocations);
    if (handles) {
        struct mete__slab *slab = mete__pool_slab_near(pool, hand, block);
        size_t index = (size_t)(link - slab->links);
        mete__pool_set_life(slab, index, mete__pool_life(slab, index) + 1);
    }
    return begin(pool, block, link);
}

static METE_NOINLINE void *alloc_with_kind(mete_pool *pool) {
    switch (pool->kind) {
    case METE__POOL_HANDLES: return alloc_fast(pool, &pool->hand, false, true);
    case METE__POOL_SHARED: return alloc_fast(pool, mete__pool_cache_find(pool), true, false);
    case METE__POOL_SHARED_HANDLES:
        return alloc_fast(pool, mete__pool_cache_find(pool), true, true);
    default: return alloc_any(pool);
    }
}

/* No call in last place, which would take this function off the stacks that Valgrind shows. */
#define STAY_ON_STACK() __asm__ volatile("")

void *mete_pool_alloc(mete_pool *pool) {
    if (METE_UNLIKELY(pool->kind == METE__POOL_ANY)) {
        void *block = alloc_any(pool);
        STAY_ON_STACK();
        return block;
    }
    if (METE_UNLIKELY(pool->kind != METE__POOL_PLAIN)) return alloc_with_kind(pool);
    return alloc_fast(pool, &pool->hand, false, false);
}

void *mete_pool_zalloc(mete_pool *pool) {
    void *block = mete_pool_alloc(pool);
    if (METE_LIKELY(block != NULL)) memset(block, 0, pool->block_size);
    return block;
}

static METE_NOINLINE void free_any(mete_pool *pool, void *block) {
    struct mete__hand none = {.recent = &mete__slab_none};
    struct mete__hand *hand = own_hand(pool);
    struct mete__slab *slab = mete__pool_slab_near(pool, hand != NULL ? hand : &none, block);
    uint16_t *link = slab != NULL ? aim(pool, slab, block) : NULL;

    if (METE_UNLIKELY(link == NULL)) {
        astray(pool, block);
        return;
    }
    if (METE_UNLIKELY(pool->destruct != NULL)) pool->destruct(pool->context, block);
    finish(pool, slab, (uint32_t)(link - slab->links), block);
    put(pool, hand, slab, block, link);
}

METE_INLINE void free_fast(mete_pool *pool, struct mete__hand *hand, void *block, bool shared,
                           bool handles) {
    if (METE_UNLIKELY(hand == NULL || hand->top == hand->ceiling)) goto any;
    struct mete__slab *slab = hand->recent;
    uintptr_t start = (uintptr_t)__atomic_load_n(&slab->memory, __ATOMIC_RELAXED);
    if (METE_UNLIKELY(start != ((uintptr_t)block & ~pool->slab_mask))) goto any;
    uint16_t *link = aim(pool, slab, block);
    if (METE_UNLIKELY(link == NULL)) {
        astray(pool, block);
        return;
    }
    if (handles) {
        size_t index = (size_t)(link - slab->links);
        uint32_t life = mete__pool_life(slab, index) + 1;
        if (METE_UNLIKELY(life == UINT32_MAX - 1)) goto any; /* the last one */
        mete__pool_set_life(slab, index, life);
    }
    mete__pool_fill_block(pool, block);
    mete__pool_set_held(link, METE__LINK_HELD);
    push(hand, block, link);
    if (shared)
        count(&hand->frees);
    else
        hand->frees++;
    return;
any:
    free_any(pool, block);
}

static METE_NOINLINE void free_with_kind(mete_pool *pool, void *block) {
    switch (pool->kind) {
    case METE__POOL_HANDLES: free_fast(pool, &pool->hand, block, false, true); break;
    case METE__POOL_SHARED: free_fast(pool, mete__pool_cache_find(pool), block, true, false); break;
    case METE__POOL_SHARED_HANDLES:
        free_fast(pool, mete__pool_cache_find(pool), block, true, true);
        break;
    default: free_any(pool, block);
    }
}

void mete_pool_free(mete_pool *pool, void *block) {
    if (METE_UNLIKELY(pool->kind == METE__POOL_ANY)) {
        free_any(pool, block);
        STAY_ON_STACK();
    } else if (METE_UNLIKELY(pool->kind != METE__POOL_PLAIN)) {
        free_with_kind(pool, block);
    } else {
        free_fast(pool, &pool->hand, block, false, false);
    }
}

/* All of them, or none. */
static int take_many(mete_pool *pool, void **blocks, size_t count) {
    size_t taken = 0;

    for (; taken < count; taken++) {
        blocks[taken] = mete_pool_alloc(pool);
        if (blocks[taken] == NULL) break;
    }
    if (taken == count) return 0;
    int status = -errno;
    while (taken > 0) mete_pool_free(pool, blocks[--taken]);
    return status;
}

/* The blocks are gathered elsewhere, so that the caller's array is untouched where one fails. */
int mete_pool_alloc_many(mete_pool *pool, void **blocks, size_t count) {
    void *at_hand[MANY_AT_HAND], **gathered = at_hand;
    int saved = errno, status = -ENOMEM;
    size_t bytes = 0;

    if (count > pool->max_blocks) {
        (void)fail(pool, ENOBUFS);
        status = -ENOBUFS;
        goto done;
    }
    if (mete__mul_overflows(count, sizeof *gathered, &bytes)) goto done;
    if (count > MANY_AT_HAND) gathered = mete__meta_alloc(bytes);
    if (gathered == NULL) goto done;
    status = take_many(pool, gathered, count);
    if (status == 0 && count > 0) memcpy(blocks, gathered, bytes);
    if (gathered != at_hand) mete__meta_free(gathered, bytes);
done:
    errno = saved;
    return status;
}

void mete_pool_free_many(mete_pool *pool, void *const *blocks, size_t count) {
    for (size_t i = 0; i < count; i++) mete_pool_free(pool, blocks[i]);
}

/* ---- memory ahead, and back ---- */

/* Blocks that could be handed out without more memory. */
static uint64_t blocks_left(const mete_pool *pool) {
    return (uint64_t)pool->slabs_held * pool->slab_blocks - pool->used - pool->retired;
}

int mete_pool_reserve(mete_pool *pool, size_t count) {
    int status = 0;

    mete__pool_drain(pool, false);
    if (!lock_pool(pool)) return -EDEADLK;
    uint64_t live = pool->shared ? __atomic_load_n(&pool->live, __ATOMIC_RELAXED) : pool->used;
    if (count > pool->max_blocks || live > pool->max_blocks - count) status = -ENOBUFS;
    while (status == 0 && blocks_left(pool) < count) status = mete__slab_add(pool);
    mete__lock_release(&pool->lock);
    return status;
}

size_t mete_pool_trim(mete_pool *pool) {
    size_t bytes = 0;

    mete__pool_drain(pool, false);
    if (!lock_pool(pool)) return 0;
    for (uint32_t i = 0; i < pool->slab_count; i++) {
        struct mete__slab *slab = pool->slabs[i];
        if (slab->memory != NULL && slab->used == 0) bytes += mete__slab_drop(pool, slab);
    }
    mete__lock_release(&pool->lock);
    return bytes;
}

void mete_pool_reset(mete_pool *pool) {
    uint64_t allocations, frees;

    mete__pool_cache_sum(pool, &allocations, &frees);
    uint64_t live = pool->shared ? allocations - frees : mete__pool_live(pool);
    mete__pool_drain(pool, true);
    if (!lock_pool(pool)) return;
    mete__slab_reset_all(pool);
    *(pool->shared ? &pool->frees : &pool->hand.frees) += live;
    if (!pool->shared) set_floor(pool);
    pool->live = 0;
    mete__lock_release(&pool->lock);
}
