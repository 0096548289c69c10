/*
 * heap/span.h - the descriptor of a run of slices, and where descriptors are.
 *
 * Address space comes in regions (region.h), cut into slices of 64 KiB. Slice i of a region has
 * descriptor i in an array at the region's start, out of line of every block. A span is a run of
 * slices that holds blocks of one size; its state is in the descriptor of its first slice.
 *
 * Who may touch what: `owner` is read by everybody (atomic). Everything else belongs to the owner:
 * the thread whose cache it is, or the holder of the private heap's lock, or, for large spans and
 * free ones, the holder of the slices' lock.
 *
 * Invariants (heap/audit.h checks them in this order, after those of region.h and slices.h):
 *   I1  owner is 0 in every descriptor that is not the first of a span in use. So a free with a
 *       stale or interior address never looks like the owner's own: it takes the slow path.
 *   I2  kind is not METE__SPAN_NONE exactly where the slices' `start` bit is set.
 *   I3  carved <= capacity; used + blocks on `free` + blocks on `local_free` = carved.
 *   I4  Every block on a list lies in the span, at a multiple of block_bytes, below carved, once.
 *   I5  A span is in its class's list of its cache exactly where owner has not METE__OWNER_FULL.
 *   I6  A span with METE__OWNER_FULL has both lists empty and carved = capacity.
 *   I7  Watched spans keep no list in their blocks: `free_index` links side records instead, none
 *       of them live.
 *   I8  A large span is one block, used, as long as its slices; its owner names no cache. Or it is
 *       lost, and nobody's: not used, owner 0 (taken in vain by mete__large_resize).
 *   I9  A span with METE__OWNER_PRIVATE is a private heap's (private.h), which is what its owner
 *       names in place of a cache: I3 to I8 do not hold for it, but those of marks.h.
 *
 * I3 to I8 say nothing of spans whose cache is dead (cache.h). In a child of fork, a span of a
 * vanished thread may count one block too many as used: the one that thread was just handed.
 */
#ifndef METE_HEAP_SPAN_H
#define METE_HEAP_SPAN_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "heap/record.h"
#include "heap/size_class.h"

struct mete__block {
    struct mete__block *next;
};

enum mete__span_kind {
    METE__SPAN_NONE = 0, /* not the first slice of a span in use */
    METE__SPAN_BLOCKS,   /* small or medium: blocks of one class, owned by a cache */
    METE__SPAN_LARGE,    /* one block, whole slices, owned by nobody */
};

/* Bits in `owner` beside the cache's address (caches are aligned to 64). With any of them set the
 * owner equals no thread's, so a free falls into the slow path, where the unusual is handled. */
#define METE__OWNER_FULL    ((uintptr_t)1)  /* no free block: not in its class's list */
#define METE__OWNER_WATCHED ((uintptr_t)2)  /* blocks have side records */
#define METE__OWNER_LARGE   ((uintptr_t)4)  /* no cache: freed under the slices' lock */
#define METE__OWNER_CUSHION ((uintptr_t)8)  /* watched, and the records' leads are not 0 */
#define METE__OWNER_PRIVATE ((uintptr_t)16) /* a private heap's, and no cache */
#define METE__OWNER_BITS    ((uintptr_t)63)

struct mete__span {
    struct mete__block *free; /* what malloc pops; refilled from local_free when empty */
    union {
        struct mete__block *local_free; /* what the owner's free pushes */
        struct mete__record *records;   /* watched: one side record per block */
        struct mete__marks *marks;      /* a private heap's: which blocks are free */
    };
    uintptr_t owner;         /* atomic: cache | METE__OWNER_*; 0: see I1 */
    struct mete__span *next; /* in the cache's list of the class, or a list of private heap's */
    struct mete__span *previous;
    uint32_t used;      /* blocks handed out and not yet back on a list */
    uint16_t carved;    /* atomic: blocks ever handed out or listed; the rest is untouched memory */
    uint16_t capacity;  /* blocks that fit */
    size_t block_bytes; /* usable bytes of each block */
    uint32_t slices;
    uint16_t free_index; /* watched: index + 1 of the first free block's record; 0: none */
    union {
        uint8_t size_class; /* blocks */
        uint8_t moved;      /* large: 1 where its pages have come from elsewhere, see large.c */
    };
    uint8_t kind; /* enum mete__span_kind; atomic */
};
static_assert(sizeof(struct mete__span) == 64, "one cache line, and one shift in the look-up");

/* What the fast path needs to find a descriptor: the first region, where one reservation holds
 * everything. `extent` grows as descriptors are committed; it is 0 where there is no such region.
 */
struct mete__home {
    uintptr_t base;
    size_t extent; /* bytes from base whose descriptors may be read */
};
extern METE_HIDDEN struct mete__home mete__region_home;

/* The slice descriptor of `address` where it lies in the home region, else NULL. It need not be a
 * span's first. */
METE_INLINE struct mete__span *mete__span_home(const void *address) {
    size_t offset = (uintptr_t)address - mete__region_home.base;
    if (METE_UNLIKELY(offset >= mete__region_home.extent)) return NULL;
    uintptr_t span = mete__region_home.base + (offset >> METE__SLICE_SHIFT) * 64;
    if (span == 0) __builtin_unreachable();
    return (struct mete__span *)span;
}

METE_INLINE uintptr_t mete__span_owner(const struct mete__span *span) {
    return __atomic_load_n(&span->owner, __ATOMIC_RELAXED);
}

/* Written by the owner, who may read it plainly; read by whoever frees a block. */
METE_INLINE size_t mete__span_carved(const struct mete__span *span) {
    return __atomic_load_n(&span->carved, __ATOMIC_RELAXED);
}

METE_INLINE void mete__span_set_carved(struct mete__span *span, size_t carved) {
    __atomic_store_n(&span->carved, (uint16_t)carved, __ATOMIC_RELAXED);
}

METE_INLINE struct mete__cache *mete__span_cache(uintptr_t owner) {
    return (struct mete__cache *)(owner & ~METE__OWNER_BITS);
}

/* The private heap that an owner names; NULL: it names none. */
METE_INLINE struct mete_heap *mete__span_private(uintptr_t owner) {
    if (METE_LIKELY((owner & METE__OWNER_PRIVATE) == 0)) return NULL;
    return (struct mete_heap *)(owner & ~METE__OWNER_BITS);
}

#endif
