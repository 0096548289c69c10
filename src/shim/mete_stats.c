/*
 * shim/mete_stats.c - mete/stats.h: what the tracker counted, and what the heap knows of the blocks
 * that were not watched.
 */
#include <errno.h>
#include <mete/stats.h>
#include <stddef.h>

#include "heap/stats.h"
#include "track/level.h"
#include "track/shard.h"

static uint64_t at_least_zero(uint64_t from, uint64_t what) {
    return from > what ? from - what : 0;
}

/* What was counted of the watched blocks. A sample stands for many there, but is one here; the
 * bytes of those that were freed are in no count then. */
static struct mete__shard_totals read_watched(const struct mete__heap_stats *heap) {
    struct mete__shard_totals sum = mete__shard_sum();

    if (sum.samples == 0) return sum;
    return (struct mete__shard_totals){
        .allocations = sum.samples,
        .frees = at_least_zero(sum.samples, heap->watched_blocks),
        .allocated_bytes = heap->watched_bytes,
    };
}

int mete_stats_read(mete_stats *out) {
    struct mete__heap_stats heap; /* of blocks that are not watched */
    int64_t peak = __atomic_load_n(&mete__level.peak, __ATOMIC_RELAXED);

    if (out == NULL) return -EINVAL;
    mete__stats_read(&heap);
    struct mete__shard_totals watched = read_watched(&heap);
    uint64_t watched_live = at_least_zero(watched.allocated_bytes, watched.freed_bytes);
    *out = (mete_stats){
        .allocations = heap.allocations + watched.allocations,
        .frees = heap.frees + watched.frees,
        .allocated_bytes = heap.allocated_bytes + watched.allocated_bytes,
        .freed_bytes = at_least_zero(heap.allocated_bytes, heap.live_bytes) + watched.freed_bytes,
        .live_blocks = heap.live_blocks + at_least_zero(watched.allocations, watched.frees),
        .live_bytes = heap.live_bytes + watched_live,
        .peak_live_bytes = heap.peak_span_bytes,
        .held_bytes = heap.committed_bytes,
        .exact = METE_STATS_COUNTS,
    };
    if (heap.allocations != 0 || watched.allocations == 0) return 0;
    out->exact |= METE_STATS_BYTES;
    out->peak_live_bytes = (uint64_t)peak > watched_live ? (uint64_t)peak : watched_live;
    if (mete__level.shards == 1) out->exact |= METE_STATS_PEAK;
    return 0;
}
