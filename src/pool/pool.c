/* mete/pool.h: blocks, faults, and the life of a pool. */
#include "pool/pool_state.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/caller.h"
#include "base/text.h"
#include "os/checkers.h"
#include "os/meta.h"
#include "os/process.h"
#include "pool/pool_holder.h"

enum {
    CHECKED_MAX = 1024, /* blocks up to here are filled whole */
    SLAB_SHIFT = 16,    /* 64 KiB */
    BLOCKS_MIN = 8,     /* in a slab, unless the blocks are really large */
    LARGE_BLOCK = 1024 * 1024,
};

static uint64_t pools; /* atomic: ever created */

static __thread char token; /* its address names the thread to the locks */

static bool lock_pool(mete_pool *pool) {
    return mete__lock_acquire(&pool->lock, (uintptr_t)&token);
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

static METE_COLD bool astray(mete_pool *pool, const void *address, const struct mete__slab *slab,
                             uint32_t index) {
    if (slab == NULL || index >= slab->carved ||
        mete__pool_link(slab, index) == METE__LINK_RETIRED) {
        mete__pool_fault(pool, METE_POOL_INVALID_FREE, address, NULL, 0);
        return false;
    }
    const char *block = mete__pool_block(pool, slab, index);
    size_t offset = (size_t)((const char *)address - block);
    mete__pool_fault(pool, offset != 0 ? METE_POOL_INTERIOR_FREE : METE_POOL_DOUBLE_FREE, address,
                     block, offset);
    return false;
}

bool mete__pool_aim(mete_pool *pool, const void *address, struct mete__place *out) {
    struct mete__slab *slab = mete__pool_slab(pool, address);

    if (METE_UNLIKELY(slab == NULL)) return astray(pool, address, NULL, 0);
    size_t offset = (size_t)((const char *)address - slab->memory);
    uint32_t index = mete__pool_index(pool, offset);
    if (METE_UNLIKELY(index >= pool->slab_blocks || index * pool->distance != offset ||
                      mete__pool_link(slab, index) != METE__LINK_LIVE || index >= slab->carved))
        return astray(pool, address, slab, index);
    *out = (struct mete__place){slab, index, false};
    return true;
}

static METE_COLD void tell_of_write(mete_pool *pool, char *block, long offset) {
    mete__pool_fault(pool, METE_POOL_WRITE_AFTER_FREE, block + offset, block, (size_t)offset);
}

void *mete__pool_begin(mete_pool *pool, const struct mete__place *place) {
    char *block = mete__pool_block(pool, place->slab, place->index);

    if (pool->handles)
        mete__pool_set_life(place->slab, place->index,
                            mete__pool_life(place->slab, place->index) + 1);
    if (METE_LIKELY(!mete__checkers_listen)) {
        long written = METE_UNLIKELY(place->is_fresh) ? -1 : mete__pool_fill_find(pool, block);
        if (METE_UNLIKELY(written >= 0)) tell_of_write(pool, block, written);
    } else {
        mete__checkers_alloc(pool, block, pool->block_size);
    }
    return block;
}

/* Without `destruct`. A life that is the last one leaves UINT32_MAX: see put_place. */
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

/* ---- handing out ---- */

static METE_COLD void *fail(mete_pool *pool, int error) {
    __atomic_add_fetch(&pool->failures, 1, __ATOMIC_RELAXED);
    errno = error;
    return NULL;
}

/* A place from the slabs, growing them if need be. Under the lock where shared. */
static int take_place(mete_pool *pool, uint16_t link, struct mete__place *out) {
    if (METE_UNLIKELY(pool->used >= pool->max_blocks)) return -ENOBUFS;
    if (METE_LIKELY(mete__slab_take(pool, link, out))) return 0;
    int status = mete__slab_add(pool);
    if (status < 0) return status;
    (void)mete__slab_take(pool, link, out);
    return 0;
}

/* Back to where it came from. */
static void put_place(mete_pool *pool, const struct mete__place *place) {
    if (pool->shared)
        mete__pool_cache_put(pool, place);
    else if (METE_UNLIKELY(pool->handles &&
                           mete__pool_life(place->slab, place->index) == UINT32_MAX))
        mete__slab_retire(pool, place->slab, place->index);
    else
        mete__slab_put(pool, place->slab, place->index);
}

/* A block that could not be constructed was never whole: it is not destructed. */
static METE_NOINLINE void *construct(mete_pool *pool, const struct mete__place *place,
                                     void *block) {
    int error = pool->construct(pool->context, block);

    if (error == 0) return block;
    finish(pool, place->slab, place->index, block);
    put_place(pool, place);
    return fail(pool, error);
}

void *mete_pool_alloc(mete_pool *pool) {
    struct mete__place place;
    int status = pool->shared ? mete__pool_cache_take(pool, &place)
                              : take_place(pool, METE__LINK_LIVE, &place);

    if (METE_UNLIKELY(status < 0)) return fail(pool, -status);
    void *block = mete__pool_begin(pool, &place);
    if (METE_UNLIKELY(pool->construct != NULL)) return construct(pool, &place, block);
    return block;
}

void *mete_pool_zalloc(mete_pool *pool) {
    void *block = mete_pool_alloc(pool);
    if (METE_LIKELY(block != NULL)) memset(block, 0, pool->block_size);
    return block;
}

void mete_pool_free(mete_pool *pool, void *block) {
    struct mete__place place;

    if (METE_UNLIKELY(block == NULL)) return;
    if (METE_UNLIKELY(!mete__pool_aim(pool, block, &place))) return;
    mete__pool_finish(pool, place.slab, place.index);
    if (!pool->shared) pool->frees++;
    put_place(pool, &place);
}

int mete_pool_alloc_many(mete_pool *pool, void **blocks, size_t count) {
    int saved = errno, status = 0;
    size_t taken = 0;

    for (; taken < count; taken++) {
        blocks[taken] = mete_pool_alloc(pool);
        if (blocks[taken] != NULL) continue;
        status = -errno;
        break;
    }
    if (status != 0)
        while (taken > 0) mete_pool_free(pool, blocks[--taken]);
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

    if (pool->shared) mete__pool_cache_drain(pool, false);
    if (!lock_pool(pool)) return -EDEADLK;
    uint64_t live = pool->shared ? __atomic_load_n(&pool->live, __ATOMIC_RELAXED) : pool->used;
    if (count > pool->max_blocks || live > pool->max_blocks - count) status = -ENOBUFS;
    while (status == 0 && blocks_left(pool) < count) status = mete__slab_add(pool);
    mete__lock_release(&pool->lock);
    return status;
}

size_t mete_pool_trim(mete_pool *pool) {
    size_t bytes = 0;

    if (pool->shared) mete__pool_cache_drain(pool, false);
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
    uint64_t live = pool->shared ? allocations - frees : pool->used;
    if (pool->shared) mete__pool_cache_drain(pool, true);
    if (!lock_pool(pool)) return;
    mete__slab_reset_all(pool);
    pool->frees += live;
    pool->live = 0;
    mete__lock_release(&pool->lock);
}

/* ---- life ---- */

/* The alignment that a size suggests: 16, or the largest power of two that divides it. */
static size_t natural_align(size_t size) {
    size_t align = size & (0 - size);
    return align < 16 ? align : 16;
}

static int shape(mete_pool *pool, const mete_pool_options *options) {
    size_t size = options->block_size, align = options->block_align, bytes = options->slab_bytes;

    if (size == 0) return -EINVAL;
    if (align == 0) align = natural_align(size);
    if (!mete__is_power_of_two(align)) return -EINVAL;
    if (bytes != 0 && (!mete__is_power_of_two(bytes) || bytes < METE__SLAB_BYTES_MIN))
        return -EINVAL;
    if (size > METE_SIZE_MAX / 4 || align > METE_SIZE_MAX / 4) return -EOVERFLOW;
    pool->distance = mete__round_up(size, align);
    if (pool->distance == 1) pool->distance = 2; /* mete__pool_index divides by no less */
    size_t least = pool->distance * (pool->distance < LARGE_BLOCK ? BLOCKS_MIN : 1);
    if (bytes == 0)
        bytes = least <= (size_t)1 << SLAB_SHIFT ? (size_t)1 << SLAB_SHIFT
                                                 : mete__power_of_two_ceil(least);
    if (bytes < pool->distance) return -EINVAL;
    pool->block_size = size;
    pool->align = align;
    pool->inverse = UINT64_MAX / pool->distance + 1;
    pool->slab_shift = mete__log2_floor(bytes);
    size_t blocks = bytes / pool->distance;
    pool->slab_blocks = (uint32_t)(blocks < METE__SLAB_BLOCKS_MAX ? blocks : METE__SLAB_BLOCKS_MAX);
    pool->checked_head = (uint16_t)(size <= CHECKED_MAX ? size : CHECKED_MAX / 2);
    pool->checked_tail = size <= CHECKED_MAX ? 0 : CHECKED_MAX / 2;
    return 0;
}

static void adopt_options(mete_pool *pool, const mete_pool_options *options) {
    pool->shared = options->shared;
    pool->handles = options->handles;
    pool->is_limited = options->max_blocks != 0;
    pool->max_blocks = options->max_blocks != 0 ? options->max_blocks : SIZE_MAX;
    pool->max_bytes = options->max_bytes != 0 ? options->max_bytes : SIZE_MAX;
    pool->construct = options->construct;
    pool->destruct = options->destruct;
    pool->on_error = options->on_error;
    pool->context = options->context;
    pool->holder.is_no_root = options->is_no_root;
    pool->metadata = sizeof *pool;
    pool->number = __atomic_add_fetch(&pools, 1, __ATOMIC_RELAXED);
}

mete_pool *mete_pool_create(const mete_pool_options *options) {
    struct mete__caller caller = METE__CALLER;
    int status = options != NULL ? 0 : -EINVAL;
    mete_pool *pool = status == 0 ? mete__meta_alloc(sizeof *pool) : NULL;

    if (pool == NULL) {
        errno = status == 0 ? ENOMEM : -status;
        return NULL;
    }
    status = shape(pool, options);
    if (status < 0) goto fail_shape;
    adopt_options(pool, options);
    status = -ENOMEM;
    if (!mete__slab_begin(pool)) goto fail_shape;
    if (pool->shared && !mete__pool_cache_begin(pool)) goto fail_caches;
    status = mete_pool_reserve(pool, options->initial_blocks);
    if (status < 0) goto fail_reserve;
    mete__checkers_create(pool, false);
    mete__pool_holder_enter(pool, options->name, &caller);
    return pool;
fail_reserve:
    if (pool->shared) mete__pool_cache_end(pool);
fail_caches:
    mete__slab_end_all(pool);
fail_shape:
    mete__meta_free(pool, sizeof *pool);
    errno = -status;
    return NULL;
}

static bool destruct_block(void *context, void *block) {
    const mete_pool *pool = context;
    pool->destruct(pool->context, block);
    return true;
}

void mete_pool_destroy(mete_pool *pool) {
    if (pool == NULL) return;
    mete__registry_leave(&pool->holder);
    if (pool->destruct != NULL) (void)mete_pool_foreach(pool, destruct_block, pool);
    if (pool->shared) mete__pool_cache_end(pool);
    mete__checkers_destroy(pool);
    mete__slab_end_all(pool);
    mete__meta_free(pool, sizeof *pool);
}

int mete_pool_stats_read(const mete_pool *pool, mete_pool_stats *out) {
    uint64_t allocations, frees;

    if (pool == NULL || out == NULL) return -EINVAL;
    mete__pool_cache_sum((mete_pool *)(uintptr_t)pool, &allocations, &frees); /* its lock */
    uint64_t used = __atomic_load_n(&pool->used, __ATOMIC_RELAXED);
    if (!pool->shared) {
        frees = pool->frees;
        allocations = used + frees;
    }
    uint64_t live = allocations - frees;
    uint64_t slabs = (uint64_t)pool->slabs_held << pool->slab_shift;
    *out = (mete_pool_stats){
        .reserved_bytes = slabs + pool->metadata,
        .live_bytes = live * pool->distance,
        .free_bytes = slabs - live * pool->distance,
        .metadata_bytes = pool->metadata,
        .live_blocks = live,
        .free_blocks = (uint64_t)pool->slabs_held * pool->slab_blocks - live - pool->retired,
        .peak_blocks = used > pool->peak ? used : pool->peak,
        .allocations = allocations,
        .frees = frees,
        .failures = __atomic_load_n(&pool->failures, __ATOMIC_RELAXED),
        .slabs = pool->slabs_held,
        .retired_blocks = pool->retired,
    };
    return 0;
}
