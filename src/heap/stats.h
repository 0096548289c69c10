/*
 * heap/stats.h - totals of the heap without tracking, from what its spans know anyway.
 *
 * Nothing is counted per call. Blocks ever listed, minus those still listed, were handed out;
 * blocks in use are what spans call used. Exact but for what other living threads hold: a block on
 * such a thread's list counts as handed out and freed, and one freed to such a thread as live until
 * the thread notices.
 */
#ifndef METE_HEAP_STATS_H
#define METE_HEAP_STATS_H

#include <stdint.h>

#include "base/compiler.h"

struct mete__heap_stats {
    uint64_t allocations; /* blocks handed out since the start, watched ones not counted */
    uint64_t frees;
    uint64_t allocated_bytes; /* as block sizes; a large block that grew in place as it was born */
    uint64_t live_blocks;     /* not counting watched ones */
    uint64_t live_bytes;      /* as block sizes, not as requested */
    uint64_t watched_blocks;  /* live watched ones */
    uint64_t watched_bytes;   /* theirs, as block sizes */
    uint64_t span_bytes;      /* in spans now, watched ones too */
    uint64_t peak_span_bytes;
    uint64_t dirty_bytes; /* free and probably still resident */
    uint64_t committed_bytes;
};

METE_HIDDEN void mete__stats_read(struct mete__heap_stats *stats);

#endif
