/*
 * heap/record.h - the side record of a watched block.
 *
 * Records live out of line, in an array beside their span's descriptor, so that no overflow of the
 * program reaches them and a freed block's memory holds nothing of mete's. One record per block of
 * a watched span, found by mete__heap_find() or by mete__span_record().
 *
 * A record is written by the thread that allocates or frees the block. The fields of a live block
 * do not change. `live` decides which meaning the union has; a second free finds it 0.
 */
#ifndef METE_HEAP_RECORD_H
#define METE_HEAP_RECORD_H

#include <assert.h>
#include <stdint.h>

#define METE__RECORD_SIZE_MAX (((uint64_t)1 << 44) - 1) /* 16 TiB */

struct mete__record {
    uint32_t stack; /* where it was allocated, a node of the stack tree; kept when it is freed */
    union {
        uint32_t sequence; /* live: low bits of its shard's count of allocations, itself included */
        uint32_t next_free; /* free: index + 1 of the next free block of the span; 0: the last */
    };
    union {
        struct {
            uint64_t size : 44;  /* live: bytes asked for */
            uint64_t family : 2; /* live: enum mete__family, who may take it back */
            uint64_t mark : 2;   /* live: the leak check's; 0 when the block is born */
            uint64_t shard : 15; /* live: the tracker's counters it was counted in */
            uint64_t live : 1;
        };
        struct {
            uint64_t freed_by : 48; /* free: return address of the freeing call; 0: never used */
            uint64_t unused : 16;   /* free: zero */
        };
        uint64_t word; /* all of it, for atomic changes */
    };
};
static_assert(sizeof(struct mete__record) == 16, "four records to a cache line");

#endif
