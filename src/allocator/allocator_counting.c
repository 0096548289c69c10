/* Counts, under a name that the registry knows. */
#include <mete/adapters.h>

#include "allocator/wrapper.h"
#include "base/caller.h"
#include "registry/registry.h"

struct counting {
    struct mete__wrapper wrapper;
    struct mete__holder holder;
};

static const struct counting *counting_of(const struct mete__holder *holder) {
    return METE_CONTAINER_OF(holder, const struct counting, holder);
}

static bool find(const struct mete__holder *holder, const void *address,
                 struct mete__holder_block *out) {
    (void)holder, (void)address, (void)out;
    return false; /* the memory is that of the allocator below */
}

static void read(const struct mete__holder *holder, struct mete__holder_stats *out) {
    const struct counting *counting = counting_of(holder);
    mete_allocator_stats stats;

    counting->wrapper.methods.stats((void *)(uintptr_t)&counting->wrapper, &stats);
    *out = (struct mete__holder_stats){
        .reserved_bytes = stats.live_bytes,
        .live_bytes = stats.live_bytes,
        .peak_bytes = stats.peak_live_bytes,
        .live_blocks = stats.live_blocks,
        .allocations = stats.allocations,
        .frees = stats.frees,
    };
}

static void each_range(const struct mete__holder *holder,
                       void (*visit)(void *context, uintptr_t start, size_t size), void *context) {
    (void)holder, (void)visit, (void)context;
}

static const struct mete__holder_methods as_holder = {
    .kind = METE__HOLDER_ALLOCATOR, .find = find, .read = read, .each_range = each_range};

static void destroy(void *state) {
    struct counting *counting = state;
    mete__registry_leave(&counting->holder);
    mete__wrapper_destroy(counting);
}

static const mete_allocator_methods methods = {
    .name = "counting",
    .alloc = mete__wrapper_alloc,
    .free = mete__wrapper_free,
    .resize = mete__wrapper_resize,
    .remap = mete__wrapper_remap,
    .usable = mete__wrapper_usable,
    .destroy = destroy,
};

mete_allocator *mete_allocator_counting(const mete_allocator *under, const char *tag) {
    struct mete__caller caller = METE__CALLER;
    struct counting *counting = mete__wrapper_make(sizeof *counting, under, &methods, 0);

    if (counting == NULL) return NULL;
    mete__registry_enter(&counting->holder, &as_holder, tag, &caller);
    counting->wrapper.methods.name = counting->holder.name;
    return &counting->wrapper.self;
}
