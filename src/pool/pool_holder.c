/* pool/pool_holder.h */
#include "pool/pool_holder.h"

static const mete_pool *pool_of(const struct mete__holder *holder) {
    return METE_CONTAINER_OF(holder, const mete_pool, holder);
}

static bool find(const struct mete__holder *holder, const void *address,
                 struct mete__holder_block *out) {
    const mete_pool *pool = pool_of(holder);
    const struct mete__slab *slab = mete__pool_slab(pool, address);

    if (slab == NULL) return false;
    uint32_t index = mete__pool_index(pool, slab, address);
    *out = (struct mete__holder_block){.block = NULL};
    if (index >= pool->slab_blocks) return true; /* behind the last block */
    out->block = mete__pool_block(pool, slab, index);
    out->size = pool->block_size;
    out->live = mete__pool_is_live(pool, slab, index);
    return true;
}

static void read(const struct mete__holder *holder, struct mete__holder_stats *out) {
    mete_pool_stats stats;

    if (mete_pool_stats_read(pool_of(holder), &stats) != 0) return;
    *out = (struct mete__holder_stats){
        .reserved_bytes = stats.reserved_bytes,
        .live_bytes = stats.live_bytes,
        .peak_bytes = stats.peak_blocks * pool_of(holder)->front.distance,
        .live_blocks = stats.live_blocks,
        .allocations = stats.allocations,
        .frees = stats.frees,
    };
}

static void each_range(const struct mete__holder *holder,
                       void (*visit)(void *context, uintptr_t start, size_t size), void *context) {
    const mete_pool *pool = pool_of(holder);

    for (uint32_t i = 0; i < pool->slab_count; i++) {
        const struct mete__slab *slab = mete__pool_numbered(pool, i);
        if (slab->memory != NULL)
            visit(context, (uintptr_t)slab->memory, (size_t)1 << pool->slab_shift);
    }
}

static const struct mete__holder_methods methods = {
    .kind = METE__HOLDER_POOL, .find = find, .read = read, .each_range = each_range};

void mete__pool_holder_enter(mete_pool *pool, const char *name, const struct mete__caller *caller) {
    mete__registry_enter(&pool->holder, &methods, name, caller);
}
