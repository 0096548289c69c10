/*
 * heap/record.h - the side record of a watched block.
 *
 * Records live out of line, in an array beside their span's descriptor, so that no overflow of the
 * program reaches them and a freed block's memory holds nothing of mete's. One record per block of
 * a watched span, found by mete__heap_find() or by mete__span_record().
 *
 * A record is written by the thread that allocates or frees the block. The fields of a live block
 * do not change. `live` decides which meaning the union has; a second free finds it 0. In the modes
 * check and guard a freed block is first held (cushion.h): its record then still has the size, and
 * in place of the sequence number the stack that freed it.
 */
#ifndef METE_HEAP_RECORD_H
#define METE_HEAP_RECORD_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define METE__RECORD_SIZE_MAX (((uint64_t)1 << 40) - 1) /* 1 TiB */

struct mete__record {
    uint32_t stack; /* where it was allocated, a node of the stack tree; kept when it is freed */
    union {
        uint32_t sequence; /* live: low bits of its shard's count of allocations, itself included */
        uint32_t freed_at; /* held: the stack that freed it, a node */
        uint32_t next_free; /* free: index + 1 of the next free block of the span; 0: the last */
    };
    union {
        struct {
            uint64_t size : 40;  /* live or held: bytes asked for */
            uint64_t family : 2; /* live: enum mete__family, who may take it back */
            uint64_t mark : 2;   /* live: the leak check's, 0 at birth; held: the guard's */
            uint64_t shard : 15; /* live: the tracker's counters it was counted in */
            uint64_t lead : 4;   /* see mete__record_lead; as it was, where the block is free */
            uint64_t live : 1;
        };
        struct {
            uint64_t freed_by : 48; /* free: return address of the freeing call; 0: never used */
            uint64_t was : 10; /* free: bytes asked for; METE__RECORD_WAS_MANY: so many or more */
            uint64_t held : 1; /* not live: 1 where freed, but not yet free */
            uint64_t same_lead : 4;
            uint64_t same_live : 1;
        };
        uint64_t word; /* all of it, for atomic changes */
    };
};
static_assert(sizeof(struct mete__record) == 16, "four records to a cache line");

/* Where the fields of a record's word are. */
#define METE__RECORD_SHARD_SHIFT 44
#define METE__RECORD_WAS_SHIFT   48
#define METE__RECORD_WAS_MANY    1023u
#define METE__RECORD_LEAD_MASK   ((uint64_t)15 << 59)
#define METE__RECORD_LIVE_MASK   ((uint64_t)1 << 63)

/* The record of a large block in the modes check and guard. Distances are from the span's first
 * byte. */
struct mete__long_record {
    struct mete__record record; /* its lead is METE__LEAD_LONG */
    size_t lead;                /* to the block */
    size_t from;                /* to the zone in front of the block */
    size_t to;                  /* to the end of the zone behind it */
    size_t fenced;              /* 1: what lies outside of [from, to) is inaccessible */
};
static_assert(sizeof(struct mete__long_record) <= 64, "as large as the least piece of os/meta.h");

#define METE__LEAD_LONG 15u

/* Bytes from where the heap's block begins to where the program's does: 0, but in the modes check
 * and guard. In the record it is 0, or n for 2^(n + 3) bytes, or METE__LEAD_LONG. */
METE_INLINE size_t mete__record_lead(const struct mete__record *record) {
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a watched span has records */
    if (METE_LIKELY(record->lead == 0)) return 0;
    if (record->lead == METE__LEAD_LONG) return ((const struct mete__long_record *)record)->lead;
    return (size_t)8 << record->lead;
}

/* Bytes asked for; where that is not known of a free block any more, `usable`. */
METE_INLINE size_t mete__record_size(const struct mete__record *record, size_t usable) {
    if (record->live || record->held) return (size_t)record->size;
    return record->freed_by != 0 && record->was < METE__RECORD_WAS_MANY ? record->was : usable;
}

#endif
