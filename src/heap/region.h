/*
 * heap/region.h - where the heap's address space comes from.
 *
 * A region is a range of address space that begins with its own metadata (a descriptor per slice,
 * then a bitmap word group per 64 slices, then a summary bit per word) and goes on with the slices
 * it hands out:
 *
 *   base      spans[slices]        a descriptor each
 *             words[slices / 64]
 *             full[slices / 4096]
 *             slice `first` … slice `slices - 1`
 *
 * Where address space is unlimited there is one region, the home region of 1 TiB (64 GiB where that
 * is refused, as by Valgrind), and the fast path finds a descriptor with a subtraction, a compare
 * and a shift. Where it is limited (RLIMIT_AS), or all that is refused, regions of 1 to 64 MiB are
 * added on demand, each at most an eighth of what is left, so that the program's own mappings and
 * thread stacks still find room; they are found through a table indexed by address in MiB.
 *
 * Invariants (heap/audit.h checks them in this order, before those of slices.h):
 *   R1  base is a multiple of a slice; first <= top <= ready <= slices; first < slices.
 *   R2  words lie behind the descriptors, full behind the words, slice `first` behind both.
 *   R3  No two regions overlap; mete__region_of leads from every ready slice to its own region.
 *   R4  mete__region_home.extent is the home region's ready slices in bytes; 0 without one.
 *
 * Functions that change anything need the slices' lock; look-ups need nothing and may race with
 * them.
 */
#ifndef METE_HEAP_REGION_H
#define METE_HEAP_REGION_H

#include "heap/span.h"

/* State of 64 slices, a bit each. Written under the slices' lock; `start` is also read without. */
struct mete__slice_word {
    uint64_t used;      /* in a span, or metadata */
    uint64_t start;     /* first of a span; atomic */
    uint64_t dirty;     /* free, but touched since it was last zero: worth purging */
    uint64_t committed; /* readable and writable */
};

struct mete__region {
    uintptr_t base;
    size_t slices;   /* metadata's own included; 0: removed */
    size_t laid_out; /* as slices, also when it is removed */
    size_t first;    /* first slice that may be handed out */
    size_t ready;    /* slices whose metadata is committed; grows in steps; atomic */
    size_t top;      /* slices from this one on were never committed; atomic */
    size_t touched;  /* slices from this one on were never handed out */
    size_t lowest;   /* no slice below is free */
    struct mete__slice_word *words;
    uint64_t *full; /* bit w: every slice of word w is used */
};

/* The regions in order of creation; count is atomic. The lock's holder may add. */
METE_HIDDEN size_t mete__region_count(void);
METE_HIDDEN struct mete__region *mete__region_at(size_t index);

/* Adds a region that has room for `slices` slices in a row. NULL where the system gives none. */
METE_HIDDEN struct mete__region *mete__region_add(size_t slices);

/* Releases a region no slice of which is used, not the home region. Its place in the order stays,
 * with no slices, and so do its descriptors, cleared, a page for each MiB: another thread may be
 * about to look at them, because of an address that is in no block. A new region of a like size
 * takes both, as long as nobody else has come to lie there. */
METE_HIDDEN void mete__region_remove(struct mete__region *region);

/* Commits metadata so that slices below `end` are ready. False where the system refuses. */
METE_HIDDEN bool mete__region_make_ready(struct mete__region *region, size_t end);

/* The region that `address` lies in, or NULL. Lock-free. */
METE_HIDDEN struct mete__region *mete__region_of(const void *address);

METE_INLINE struct mete__span *mete__region_span(const struct mete__region *region, size_t slice) {
    return (struct mete__span *)region->base + slice;
}

METE_INLINE size_t mete__region_slice(const struct mete__region *region, const void *address) {
    return ((uintptr_t)address - region->base) >> METE__SLICE_SHIFT;
}

/* The first byte of the span's first slice. Any descriptor of the region will do. */
METE_INLINE char *mete__region_memory(const struct mete__region *region,
                                      const struct mete__span *span) {
    size_t slice = (size_t)(span - (struct mete__span *)region->base);
    return (char *)region->base + (slice << METE__SLICE_SHIFT);
}

/* The bits of [from, from + count) that lie in word `word`. */
METE_HIDDEN uint64_t mete__region_mask(size_t word, size_t from, size_t count);

/* The first slice at or after `from` and below `limit` whose used bit is `used`; limit where none.
 */
METE_HIDDEN size_t mete__region_next(const struct mete__region *region, size_t from, size_t limit,
                                     bool used);

/* How many slices of the run are dirty. */
METE_HIDDEN size_t mete__region_dirty(const struct mete__region *region, size_t from, size_t count);

#endif
