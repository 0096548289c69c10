/*
 * heap/size_class.h - which block size serves a request.
 *
 * Small and medium requests are rounded up to one of a few dozen sizes, so that freed blocks fit
 * later requests and their descriptor can say a block's size in one byte. The spacing is linear (16
 * bytes) up to 128 and geometric after it, eight sizes per doubling: a block wastes at most 12.5 %
 * inside, 6 % on average (the reasoning is jemalloc's, sc.h; mimalloc spaces alike). Every power of
 * two from 16 on is a class, so an aligned request always finds one whose blocks are all aligned.
 *
 *   class            blocks        span
 *   small            16 B - 8 KiB  1 slice (64 KiB)
 *   medium           - 64 KiB      8 slices (512 KiB)
 *   (above: large)   whole slices  its own span
 */
#ifndef METE_HEAP_SIZE_CLASS_H
#define METE_HEAP_SIZE_CLASS_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bits.h"

#define METE__SLICE_SHIFT 16
#define METE__SLICE_SIZE  ((size_t)1 << METE__SLICE_SHIFT)

#define METE__SMALL_MAX     ((size_t)8192)
#define METE__MEDIUM_MAX    ((size_t)65536)
#define METE__MEDIUM_SLICES 8u

/* 8 classes of 16 to 128 bytes, then 8 for each of the 9 doublings up to 64 KiB. */
#define METE__CLASSES 80u

/* Requests up to this size find their span by one table look-up (see cache.h). */
#define METE__DIRECT_MAX ((size_t)1024)

/* The class of a request of `size` bytes, at most METE__MEDIUM_MAX; size 0 is served as 1. */
METE_INLINE unsigned mete__size_class_of(size_t size) {
    if (size <= 128) return size == 0 ? 0 : (unsigned)((size - 1) >> 4);
    unsigned doubling = mete__log2_floor(size - 1);                /* 7: 129 to 256 */
    unsigned step = (unsigned)((size - 1) >> (doubling - 3)) & 7u; /* which eighth of it */
    return (doubling - 6) * 8 + step;
}

struct mete__size_class {
    uint32_t bytes;      /* in a block */
    uint32_t reciprocal; /* see mete__size_class_divide */
};
extern METE_HIDDEN const struct mete__size_class mete__size_class_table[METE__CLASSES];

/* Bytes in a block of the class. */
METE_INLINE size_t mete__size_class_bytes(unsigned size_class) {
    return mete__size_class_table[size_class].bytes;
}

/* Slices in a span of the class. */
METE_INLINE size_t mete__size_class_slices(unsigned size_class) {
    return mete__size_class_bytes(size_class) <= METE__SMALL_MAX ? 1 : METE__MEDIUM_SLICES;
}

/* The class whose blocks hold `size` bytes and all start at multiples of `align`, a power of two;
 * where there is none (both are at most METE__MEDIUM_MAX) the result is METE__CLASSES. */
METE_INLINE unsigned mete__size_class_aligned(size_t size, size_t align) {
    unsigned size_class = mete__size_class_of(size > align ? size : align);
    while (size_class < METE__CLASSES && (mete__size_class_bytes(size_class) & (align - 1)) != 0)
        size_class++;
    return size_class;
}

/* The class that serves the request, or METE__CLASSES where it must be large. */
METE_INLINE unsigned mete__size_class_for(size_t size, size_t align) {
    if (size > METE__MEDIUM_MAX || align > METE__MEDIUM_MAX) return METE__CLASSES;
    return align <= 16 ? mete__size_class_of(size) : mete__size_class_aligned(size, align);
}

/* offset / bytes of the class, for every offset inside a span, as a multiplication by the
 * reciprocal 2^35 / bytes rounded up (Granlund and Montgomery, "Division by Invariant Integers
 * using Multiplication", 1994). Exact because what rounding adds, times the offset, stays below
 * 2^35: offset < 2^19, and less than bytes <= 2^16 is added. A test tries all of them. */
#define METE__RECIPROCAL_SHIFT 35
METE_INLINE size_t mete__size_class_divide(size_t offset, unsigned size_class) {
    return (size_t)(((uint64_t)offset * mete__size_class_table[size_class].reciprocal) >>
                    METE__RECIPROCAL_SHIFT);
}

#endif
