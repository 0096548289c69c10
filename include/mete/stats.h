/*
 * mete/stats.h - how much memory the program has allocated, now and in all.
 *
 * Always on and free of cost: with tracking off the figures come from what the heap knows of its
 * spans anyway. They cover what went through mete's heap: under libmete_malloc all of the program,
 * else the calls of mete_malloc and its kin.
 */
#ifndef METE_STATS_H
#define METE_STATS_H

#include <mete/attributes.h>
#include <stdint.h>

METE_BEGIN_DECLS

/* Bits of mete_stats.exact: what is exact, once other threads pause. */
#define METE_STATS_COUNTS 1u /* allocations, frees, live_blocks */
#define METE_STATS_BYTES  2u /* bytes are those asked for; else those of the blocks handed out */
#define METE_STATS_PEAK   4u /* peak_live_bytes; else of whole spans, or off by 64 KiB per thread */

typedef struct mete_stats {
    uint64_t allocations;
    uint64_t frees;
    uint64_t allocated_bytes;
    uint64_t freed_bytes;
    uint64_t live_blocks;
    uint64_t live_bytes;
    uint64_t peak_live_bytes;
    uint64_t held_bytes; /* taken from the system for the heap, blocks or not */
    uint32_t exact;      /* METE_STATS_* */
    uint32_t reserved;   /* 0 */
} mete_stats;

/* Reads the present figures; thread-safe, allocation-free. -EINVAL for NULL. */
METE_API int mete_stats_read(mete_stats *out);

METE_END_DECLS

#endif
