/* heap/stats.h */
#include "heap/stats.h"

#include "heap/cache.h"
#include "heap/checked.h"
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

struct sum {
    struct mete__heap_stats *stats;
    bool held; /* no cache that is nobody's changes meanwhile */
};

/* Whether the lists of the cache's spans may be followed: nobody changes them meanwhile. */
static bool is_quiet(const struct mete__cache *cache, bool held) {
    uint32_t state = __atomic_load_n(&cache->state, __ATOMIC_RELAXED);
    if (cache == mete__cache_self) return true;
    return held && (state == METE__CACHE_IDLE || state == METE__CACHE_LATE);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): a callback's type */
static METE_RACY bool add_span(void *context, struct mete__span *span, char *memory) {
    const struct sum *sum = context;
    uintptr_t owner = mete__span_owner(span);
    (void)memory;

    if (owner == 0 || (owner & METE__OWNER_PRIVATE) != 0) return true;
    if ((owner & METE__OWNER_WATCHED) != 0) {
        sum->stats->watched_blocks += span->used;
        sum->stats->watched_bytes += span->used * span->block_bytes;
        return true;
    }
    sum->stats->live_blocks += span->used;
    sum->stats->live_bytes += span->used * span->block_bytes;
    if (span->kind == METE__SPAN_BLOCKS && is_quiet(mete__span_cache(owner), sum->held))
        take_back(sum->stats, list_length(span->free, span->capacity), span->block_bytes);
    return true;
}

static METE_RACY void add_cache(struct mete__heap_stats *stats, const struct mete__cache *cache) {
    for (unsigned c = 0; c < METE__CLASSES; c++) {
        stats->allocations += cache->bins[c].listed;
        stats->allocated_bytes += cache->bins[c].listed * mete__size_class_bytes(c);
    }
    for (unsigned i = 0; i < METE__OUTBOX_CHAINS; i++) {
        stats->live_blocks -= cache->outbox.chains[i].blocks;
        stats->live_bytes -= cache->outbox.chains[i].bytes;
    }
    stats->allocations += cache->large_allocations;
    stats->allocated_bytes += cache->large_bytes;
}

static METE_RACY void add_checked(struct mete__heap_stats *stats, const mete_heap *heap) {
    stats->allocations += heap->allocations;
    stats->allocated_bytes += heap->told_bytes;
    stats->live_blocks += heap->allocations - heap->frees;
    stats->live_bytes += heap->live_bytes;
}

void mete__stats_read(struct mete__heap_stats *stats) {
    struct sum sum = {.stats = stats, .held = mete__cache_hold()};
    struct mete__slices_stats slices;

    *stats = (struct mete__heap_stats){.allocations = 0};
    for (struct mete__cache *cache = mete__cache_all(); cache != NULL; cache = cache->next)
        add_cache(stats, cache);
    mete__slices_each(add_span, &sum);
    if (sum.held) mete__cache_let_go();
    if (mete__checked != NULL) add_checked(stats, mete__checked);
    stats->frees = stats->allocations - stats->live_blocks;
    mete__slices_read_stats(&slices);
    stats->span_bytes = slices.used_bytes;
    stats->peak_span_bytes = slices.peak_used_bytes;
    stats->dirty_bytes = slices.dirty_bytes;
    stats->committed_bytes = slices.committed_bytes;
}
