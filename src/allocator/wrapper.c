/* allocator/wrapper.h */
#include "allocator/wrapper.h"

#include "os/meta.h"

/* ---- counters ---- */

static void add(uint64_t *counter, uint64_t value) {
    __atomic_add_fetch(counter, value, __ATOMIC_RELAXED);
}

static void count_live(mete_allocator_stats *stats, uint64_t bytes) {
    uint64_t live = __atomic_add_fetch(&stats->live_bytes, bytes, __ATOMIC_RELAXED);
    uint64_t peak = __atomic_load_n(&stats->peak_live_bytes, __ATOMIC_RELAXED);

    while (live > peak && !__atomic_compare_exchange_n(&stats->peak_live_bytes, &peak, live, true,
                                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

void mete__wrapper_count_alloc(struct mete__wrapper *wrapper, const void *block, size_t size) {
    mete_allocator_stats *stats = &wrapper->stats;

    if (METE_UNLIKELY(block == NULL)) {
        add(&stats->failures, 1);
        return;
    }
    add(&stats->allocations, 1);
    add(&stats->allocated_bytes, size);
    add(&stats->live_blocks, 1);
    count_live(stats, size);
}

void mete__wrapper_count_free(struct mete__wrapper *wrapper, size_t size) {
    mete_allocator_stats *stats = &wrapper->stats;

    add(&stats->frees, 1);
    add(&stats->freed_bytes, size);
    __atomic_sub_fetch(&stats->live_blocks, 1, __ATOMIC_RELAXED);
    __atomic_sub_fetch(&stats->live_bytes, size, __ATOMIC_RELAXED);
}

void mete__wrapper_count_resize(struct mete__wrapper *wrapper, int status, size_t old_size,
                                size_t new_size) {
    mete_allocator_stats *stats = &wrapper->stats;

    if (status != 0) {
        if (new_size > old_size) add(&stats->failures, 1);
        return;
    }
    if (new_size > old_size) {
        add(&stats->allocated_bytes, new_size - old_size);
        count_live(stats, new_size - old_size);
    } else {
        add(&stats->freed_bytes, old_size - new_size);
        __atomic_sub_fetch(&stats->live_bytes, old_size - new_size, __ATOMIC_RELAXED);
    }
}

void mete__wrapper_count_remap(struct mete__wrapper *wrapper, const void *block, size_t old_size,
                               size_t new_size) {
    if (block != NULL) mete__wrapper_count_free(wrapper, old_size);
    mete__wrapper_count_alloc(wrapper, block, new_size);
}

/* ---- passing on ---- */

void *mete__wrapper_alloc(void *state, mete_layout layout, const mete_site *site) {
    struct mete__wrapper *wrapper = state;
    void *block = mete_allocator_alloc_at(wrapper->under, layout, site);
    mete__wrapper_count_alloc(wrapper, block, layout.size);
    return block;
}

void mete__wrapper_free(void *state, void *block, mete_layout layout) {
    struct mete__wrapper *wrapper = state;
    mete__wrapper_count_free(wrapper, layout.size);
    mete_allocator_free(wrapper->under, block, layout);
}

int mete__wrapper_resize(void *state, void *block, mete_layout layout, size_t new_size) {
    struct mete__wrapper *wrapper = state;
    int status = mete_allocator_resize(wrapper->under, block, layout, new_size);
    mete__wrapper_count_resize(wrapper, status, layout.size, new_size);
    return status;
}

void *mete__wrapper_remap(void *state, void *block, mete_layout layout, size_t new_size) {
    struct mete__wrapper *wrapper = state;
    void *moved = mete_allocator_remap(wrapper->under, block, layout, new_size);
    mete__wrapper_count_remap(wrapper, moved, layout.size, new_size);
    return moved;
}

size_t mete__wrapper_usable(void *state, const void *block, mete_layout layout) {
    const struct mete__wrapper *wrapper = state;
    return mete_allocator_usable(wrapper->under, block, layout);
}

/* ---- life ---- */

static void read_stats(void *state, mete_allocator_stats *out) {
    const struct mete__wrapper *wrapper = state;
    const mete_allocator_stats *stats = &wrapper->stats;

    out->allocations = __atomic_load_n(&stats->allocations, __ATOMIC_RELAXED);
    out->frees = __atomic_load_n(&stats->frees, __ATOMIC_RELAXED);
    out->failures = __atomic_load_n(&stats->failures, __ATOMIC_RELAXED);
    out->allocated_bytes = __atomic_load_n(&stats->allocated_bytes, __ATOMIC_RELAXED);
    out->freed_bytes = __atomic_load_n(&stats->freed_bytes, __ATOMIC_RELAXED);
    out->live_blocks = __atomic_load_n(&stats->live_blocks, __ATOMIC_RELAXED);
    out->live_bytes = __atomic_load_n(&stats->live_bytes, __ATOMIC_RELAXED);
    out->peak_live_bytes = __atomic_load_n(&stats->peak_live_bytes, __ATOMIC_RELAXED);
}

void mete__wrapper_destroy(void *state) {
    struct mete__wrapper *wrapper = state;
    mete__meta_free(wrapper, wrapper->bytes);
}

void *mete__wrapper_make(size_t size, const mete_allocator *under,
                         const mete_allocator_methods *methods, unsigned loses) {
    if (under == NULL) {
        errno = EINVAL;
        return NULL;
    }
    struct mete__wrapper *wrapper = mete__meta_alloc(size);
    if (wrapper == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    unsigned capabilities = mete_allocator_capabilities(under) | methods->capabilities;

    wrapper->bytes = size;
    wrapper->under = under;
    wrapper->methods = *methods;
    wrapper->methods.capabilities = capabilities & ~loses;
    if (under->methods->resize == NULL) wrapper->methods.resize = NULL;
    if (wrapper->methods.stats == NULL) wrapper->methods.stats = read_stats;
    if (wrapper->methods.destroy == NULL) wrapper->methods.destroy = mete__wrapper_destroy;
    wrapper->self = (mete_allocator){&wrapper->methods, wrapper};
    return wrapper;
}
