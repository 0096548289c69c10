/* heap/stats.h */
#include "heap/stats.h"

#include "heap/cache.h"
#include "heap/slices.h"

/* Blocks on a list that other threads may be changing: bounded, so that a torn list ends. */
static uint64_t list_length(const struct mete__block *block, size_t most) {
    uint64_t length = 0;
    for (; block != NULL && length < most; block = block->next) length++;
    return length;
}

/* Blocks that are listed but were not handed out. */
static void take_back(struct mete__heap_stats *stats, uint64_t blocks, size_t block_bytes) {
    stats->allocations -= blocks;
    stats->allocated_bytes -= blocks * block_bytes;
}

static bool
add_span(void *context, struct mete__span *span,
         char *memory) { /* NOLINT(readability-non-const-parameter): a callback's type */
    struct mete__heap_stats *stats = context;
    uintptr_t owner = mete__span_owner(span);
    (void)memory;

    if ((owner & METE__OWNER_WATCHED) != 0 || owner == 0) return true;
    stats->live_blocks += span->used;
    stats->live_bytes += span->used * span->block_bytes;
    /* Only the owner may follow the list; of others' spans what is listed counts as handed out
     * until popped. */
    if (span->kind == METE__SPAN_BLOCKS && mete__span_cache(owner) == mete__cache_self)
        take_back(stats, list_length(span->free, span->capacity), span->block_bytes);
    return true;
}

void mete__stats_read(struct mete__heap_stats *stats) {
    struct mete__slices_stats slices;

    *stats = (struct mete__heap_stats){.allocations = 0};
    for (struct mete__cache *cache = mete__cache_all(); cache != NULL; cache = cache->next) {
        for (unsigned c = 0; c < METE__CLASSES; c++) {
            stats->allocations += cache->bins[c].listed;
            stats->allocated_bytes += cache->bins[c].listed * mete__size_class_bytes(c);
        }
        stats->allocations += cache->large_allocations;
        stats->allocated_bytes += cache->large_bytes;
    }
    mete__slices_each(add_span, stats);
    stats->frees = stats->allocations - stats->live_blocks;
    mete__slices_read_stats(&slices);
    stats->span_bytes = slices.used_bytes;
    stats->peak_span_bytes = slices.peak_used_bytes;
    stats->dirty_bytes = slices.dirty_bytes;
    stats->committed_bytes = slices.committed_bytes;
}
