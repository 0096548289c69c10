/* mete/pool.h: how a pool begins and ends, and what it has counted. */
#include "base/bits.h"
#include "base/caller.h"
#include "os/checkers.h"
#include "os/meta.h"
#include "pool/pool_fill.h"
#include "pool/pool_holder.h"

enum {
    CHECKED_MAX = 1024, /* blocks up to here are filled whole */
    SLAB_SHIFT = 16,    /* 64 KiB */
    BLOCKS_MIN = 8,     /* in a slab, unless the blocks are really large */
    LARGE_BLOCK = 1024 * 1024,
};

/* The alignment that a size suggests: 16, or the largest power of two that divides it. */
static size_t natural_align(size_t size) {
    size_t align = size & (0 - size);
    return align < 16 ? align : 16;
}

/* Modulo 2^64, of an odd number. Each step of Newton's doubles the bits that are right: 3 at first.
 */
static uint64_t inverse_of(uint64_t odd) {
    uint64_t inverse = odd;
    for (unsigned bits = 3; bits < 64; bits *= 2) inverse *= 2 - odd * inverse;
    return inverse;
}

static int shape(mete_pool *pool, const mete_pool_options *options) {
    size_t size = options->block_size, align = options->block_align, bytes = options->slab_bytes;

    if (size == 0) return -EINVAL;
    if (align == 0) align = natural_align(size);
    if (!mete__is_power_of_two(align)) return -EINVAL;
    if (bytes != 0 && (!mete__is_power_of_two(bytes) || bytes < METE__SLAB_BYTES_MIN))
        return -EINVAL;
    if (size > METE_SIZE_MAX / 4 || align > METE_SIZE_MAX / 4) return -EOVERFLOW;
    pool->front.distance = mete__round_up(size, align);
    size_t least = pool->front.distance * (pool->front.distance < LARGE_BLOCK ? BLOCKS_MIN : 1);
    if (bytes == 0)
        bytes = least <= (size_t)1 << SLAB_SHIFT ? (size_t)1 << SLAB_SHIFT
                                                 : mete__power_of_two_ceil(least);
    if (bytes < pool->front.distance) return -EINVAL;
    pool->block_size = size;
    pool->align = align;
    pool->front.shift =
        (uint8_t)mete__log2_floor(pool->front.distance & (0 - pool->front.distance));
    pool->front.inverse = inverse_of(pool->front.distance >> pool->front.shift);
    pool->slab_shift = mete__log2_floor(bytes);
    pool->slab_mask = bytes - 1;
    size_t blocks = bytes / pool->front.distance;
    pool->slab_blocks = (uint32_t)(blocks < METE__SLAB_BLOCKS_MAX ? blocks : METE__SLAB_BLOCKS_MAX);
    pool->checked_head = (uint16_t)(size <= CHECKED_MAX ? size : CHECKED_MAX / 2);
    pool->checked_tail = size <= CHECKED_MAX ? 0 : CHECKED_MAX / 2;
    if (options->does_not_fill) pool->checked_head = pool->checked_tail = 0;
    if (align >= METE__FILL_ALIGN)
        pool->checked_lines = (uint16_t)(pool->checked_head & ~(METE__FILL_LINE - 1));
    pool->has_checked_rest = pool->checked_head != pool->checked_lines || pool->checked_tail != 0;
    return 0;
}

/* Of at most 64 bytes in all, at multiples of 16 as far as they fit, the last one at the end. */
static void place_pieces(mete_pool *pool) {
    for (size_t i = 0; i < METE_COUNT_OF(pool->pieces); i++) {
        size_t at = (i + 1) * METE__FILL_ALIGN, last = pool->checked_head - METE__FILL_ALIGN;
        pool->pieces[i] = (uint8_t)(at < last ? at : last);
    }
}

static bool fits_pieces(const mete_pool *pool) {
    return pool->checked_head >= METE__FILL_ALIGN && pool->checked_head <= METE__FILL_LINE &&
           pool->checked_tail == 0;
}

static uint8_t kind_of(const mete_pool *pool) {
    if (pool->construct != NULL || pool->destruct != NULL || mete__checkers_listen ||
        (pool->shared && pool->is_limited))
        return METE__POOL_ANY;
    bool is_line = pool->checked_lines == METE__FILL_LINE && !pool->has_checked_rest;
    if (pool->is_named)
        return is_line || pool->checked_head == 0 ? METE__POOL_NAMED : METE__POOL_ANY;
    if (pool->has_checked_rest) return fits_pieces(pool) ? METE__POOL_PIECES : METE__POOL_REST;
    return pool->shared ? METE__POOL_SHARED : METE__POOL_OWN;
}

static void open_front(mete_pool *pool) {
    bool has_line = pool->checked_lines == METE__FILL_LINE && !pool->has_checked_rest;
    bool is_open = has_line || pool->checked_head == 0;

    pool->is_inline = is_open && pool->kind == METE__POOL_OWN;
    pool->is_inline_shared = is_open && pool->kind == METE__POOL_SHARED;
    if (pool->shared) pool->front.count = METE__PLACE_OUT; /* in no hand of the pool's own */
    pool->fills = pool->checked_lines != 0;
    mete__pool_hand_set_floor(pool);
    mete__pool_hand_approach(pool, &mete__slab_none);
}

static void adopt_options(mete_pool *pool, const mete_pool_options *options) {
    pool->shared = options->shared;
    pool->handles = options->handles;
    pool->is_named = options->handles && !options->shared;
    pool->is_limited = options->max_blocks != 0;
    pool->max_blocks = options->max_blocks != 0 ? options->max_blocks : SIZE_MAX;
    pool->max_bytes = options->max_bytes != 0 ? options->max_bytes : SIZE_MAX;
    pool->construct = options->construct;
    pool->destruct = options->destruct;
    pool->on_error = options->on_error;
    pool->context = options->context;
    pool->holder.is_no_root = options->is_no_root;
    pool->metadata = sizeof *pool;
    pool->kind = kind_of(pool);
    if (pool->kind == METE__POOL_PIECES) place_pieces(pool);
    open_front(pool);
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
    if (pool->shared && !mete__pool_threads_begin(pool)) goto fail_caches;
    status = mete_pool_reserve(pool, options->initial_blocks);
    if (status < 0) goto fail_reserve;
    mete__checkers_create(pool, 0, false);
    mete__pool_holder_enter(pool, options->name, &caller);
    return pool;
fail_reserve:
    if (pool->shared) mete__pool_threads_end(pool);
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
    mete__pool_audit_writes(pool);
    if (pool->destruct != NULL) (void)mete_pool_foreach(pool, destruct_block, pool);
    if (pool->shared) mete__pool_threads_end(pool);
    mete__checkers_destroy(pool);
    mete__slab_end_all(pool);
    mete__meta_free(pool, sizeof *pool);
}

static mete_pool_stats stats_of(const mete_pool *pool, uint64_t allocations, uint64_t frees) {
    uint64_t live = allocations - frees, peak = pool->peak;
    uint64_t slabs = (uint64_t)pool->slabs_held << pool->slab_shift;

    return (mete_pool_stats){
        .reserved_bytes = slabs + pool->metadata,
        .live_bytes = live * pool->front.distance,
        .free_bytes = slabs - live * pool->front.distance,
        .metadata_bytes = pool->metadata,
        .live_blocks = live,
        .free_blocks = (uint64_t)pool->slabs_held * pool->slab_blocks - live - pool->retired_here,
        .peak_blocks = peak < pool->max_blocks ? peak : pool->max_blocks,
        .allocations = allocations,
        .frees = frees,
        .failures = __atomic_load_n(&pool->failures, __ATOMIC_RELAXED),
        .slabs = pool->slabs_held,
        .retired_blocks = pool->retired,
    };
}

static mete_pool_stats stats_of_own(const mete_pool *pool) {
    uint64_t count = __atomic_load_n(&pool->front.count, __ATOMIC_RELAXED), frees = count >> 8;
    uint64_t used = __atomic_load_n(&pool->used, __ATOMIC_RELAXED);

    return stats_of(pool, used - (uint8_t)count + frees, frees);
}

/* While the counts are added up, threads may allocate and free any number of blocks, of which only
 * the former is seen. But the lock holds still how many are used, and no more are live: so much is
 * known to be freed. */
static void bound_frees(const mete_pool *pool, uint64_t allocations, uint64_t *frees) {
    uint64_t most = pool->used < pool->max_blocks ? pool->used : pool->max_blocks;

    if (*frees > allocations)
        *frees = allocations; /* two threads freed one block at one instant */
    else if (allocations - *frees > most)
        *frees = allocations - most;
}

/* A handler that interrupted the pool's holder of the lock is told of no blocks. */
static mete_pool_stats stats_of_shared(mete_pool *pool) {
    uint64_t allocations = 0, frees = 0;
    bool is_locked = mete__pool_lock(pool);

    if (is_locked) mete__pool_cache_sum(pool, &allocations, &frees);
    bound_frees(pool, allocations, &frees);
    mete_pool_stats stats = stats_of(pool, allocations, frees);
    if (is_locked) mete__pool_unlock(pool);
    return stats;
}

int mete_pool_stats_read(const mete_pool *pool, mete_pool_stats *out) {
    if (pool == NULL || out == NULL) return -EINVAL;
    *out = pool->shared ? stats_of_shared((mete_pool *)(uintptr_t)pool) : stats_of_own(pool);
    return 0;
}
