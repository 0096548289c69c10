/* An arena as the registry sees it. */
#include "arena/arena_state.h"

static const mete_arena *arena_of(const struct mete__holder *holder) {
    return METE_CONTAINER_OF(holder, const mete_arena, holder);
}

/* An arena does not know where blocks begin: the whole chunk is one. */
static bool find(const struct mete__holder *holder, const void *address,
                 struct mete__holder_block *out) {
    const mete_arena *arena = arena_of(holder);
    const char *at = address;

    for (const struct mete__chunk *chunk = arena->first; chunk != NULL; chunk = chunk->next) {
        if (at < chunk->start || at >= chunk->end) continue;
        *out = (struct mete__holder_block){.block = chunk->start,
                                           .size = (size_t)(chunk->end - chunk->start),
                                           .live = mete_arena_contains(arena, address)};
        return true;
    }
    return false;
}

static void read(const struct mete__holder *holder, struct mete__holder_stats *out) {
    mete_arena_stats stats;

    if (mete_arena_stats_read(arena_of(holder), &stats) != 0) return;
    *out = (struct mete__holder_stats){
        .reserved_bytes = stats.reserved_bytes,
        .live_bytes = stats.live_bytes,
        .peak_bytes = stats.peak_bytes,
        .allocations = stats.allocations,
    };
}

static void each_range(const struct mete__holder *holder,
                       void (*visit)(void *context, uintptr_t start, size_t size), void *context) {
    const mete_arena *arena = arena_of(holder);

    for (const struct mete__chunk *chunk = arena->first; chunk != NULL; chunk = chunk->next)
        visit(context, (uintptr_t)chunk->start, (size_t)(chunk->end - chunk->start));
}

static const struct mete__holder_methods methods = {
    .kind = METE__HOLDER_ARENA, .find = find, .read = read, .each_range = each_range};

void mete__arena_holder_enter(mete_arena *arena, const char *name,
                              const struct mete__caller *caller) {
    mete__registry_enter(&arena->holder, &methods, name, caller);
}
