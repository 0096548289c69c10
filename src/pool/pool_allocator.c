/* A pool behind the interface that all allocators have. */
#include "pool/pool_state.h"

METE_INLINE bool fits(const mete_pool *pool, size_t size, size_t align) {
    return size <= pool->block_size && align - 1 < pool->align && (align & (align - 1)) == 0;
}

static void *take(void *state, mete_layout layout, const mete_site *site) {
    mete_pool *pool = state;

    (void)site;
    if (METE_UNLIKELY(layout.size != pool->fitting.size || layout.align != pool->fitting.align)) {
        if (!fits(pool, layout.size, layout.align)) {
            errno = EINVAL;
            return NULL;
        }
        if (!pool->shared) pool->fitting = layout; /* users ask for the same again */
    }
    size_t depth = mete__pool_depth_of(&pool->front);
    void *block = NULL;
    if (METE_LIKELY(depth > pool->front.floor))
        block = mete__pool_front_alloc_filled(&pool->front, depth);
    return METE_LIKELY(block != NULL) ? block : mete_pool_alloc(pool);
}

static void give(void *state, void *block, mete_layout layout) {
    mete_pool *pool = state;

    (void)layout;
    size_t depth = mete__pool_depth_of(&pool->front);
    if (METE_UNLIKELY(depth == METE__HAND_BLOCKS ||
                      !mete__pool_front_free(&pool->front, depth, block)))
        mete_pool_free(pool, block);
}

static int resize(void *state, void *block, mete_layout layout, size_t new_size) {
    (void)block;
    return fits(state, new_size, layout.align) ? 0 : -ENOMEM;
}

static size_t usable(void *state, const void *block, mete_layout layout) {
    const mete_pool *pool = state;
    (void)block, (void)layout;
    return pool->block_size;
}

static void stats(void *state, mete_allocator_stats *out) {
    mete_pool_stats read;

    (void)mete_pool_stats_read(state, &read);
    const mete_pool *pool = state;
    *out = (mete_allocator_stats){
        .allocations = read.allocations,
        .frees = read.frees,
        .failures = read.failures,
        .allocated_bytes = read.allocations * pool->block_size,
        .freed_bytes = read.frees * pool->block_size,
        .live_blocks = read.live_blocks,
        .live_bytes = read.live_blocks * pool->block_size,
        .peak_live_bytes = read.peak_blocks * pool->block_size,
    };
}

#define METHODS(more)                                                                             \
    {                                                                                             \
        .name = "pool",                                                                           \
        .capabilities =                                                                           \
            METE_ALLOCATOR_FREES | METE_ALLOCATOR_FREES_ALL | METE_ALLOCATOR_KNOWS_SIZE | (more), \
        .alloc = take, .free = give, .resize = resize, .usable = usable, .stats = stats,          \
    }
static const mete_allocator_methods methods = METHODS(0);
static const mete_allocator_methods shared_methods = METHODS(METE_ALLOCATOR_THREAD_SAFE);
#undef METHODS

const mete_allocator *mete_pool_allocator(mete_pool *pool) {
    pool->as_allocator.methods = pool->shared ? &shared_methods : &methods;
    pool->as_allocator.state = pool;
    return &pool->as_allocator;
}
