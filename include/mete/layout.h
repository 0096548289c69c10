/*
 * mete/layout.h - the size and alignment of a block of memory.
 *
 * A layout is what every allocator in this library is asked for. Size computations are where
 * integer overflow hides, so they are done here, once, and nowhere else.
 *
 * Invariants of a valid layout (kept by every function below):
 *   L1  align is a power of two.
 *   L2  size, rounded up to align, is at most METE_SIZE_MAX. Hence padding never overflows.
 *
 * Functions that can fail return 0, -EINVAL (an alignment that breaks L1, a layout that is not
 * valid) or -EOVERFLOW (a result that breaks L2), and leave their outputs untouched then. They are
 * pure, and folded by the compiler where their inputs are constants.
 */
#ifndef METE_LAYOUT_H
#define METE_LAYOUT_H

#include <errno.h>
#include <mete/attributes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

METE_BEGIN_DECLS

/* No object may be larger: differences of pointers into it must fit ptrdiff_t. */
#define METE_SIZE_MAX ((size_t)PTRDIFF_MAX)

typedef struct mete_layout {
    size_t size;  /* bytes; 0 is a layout, but no allocator serves it */
    size_t align; /* bytes, a power of two */
} mete_layout;

/* The layout of a type: an initialiser in static storage, too. */
#ifdef __cplusplus
#define METE_LAYOUT_OF(T) (mete_layout{sizeof(T), METE_ALIGN_OF(T)})
#else
#define METE_LAYOUT_OF(T) ((mete_layout){sizeof(T), METE_ALIGN_OF(T)})
#endif

METE_HEADER_INLINE bool mete_layout_is_valid(mete_layout layout) {
    return layout.align != 0 && (layout.align & (layout.align - 1)) == 0 &&
           layout.align <= METE_SIZE_MAX && layout.size <= METE_SIZE_MAX - (layout.align - 1);
}

/* A layout of these two. */
METE_NODISCARD METE_HEADER_INLINE int mete_layout_make(size_t size, size_t align,
                                                       mete_layout *out) {
    mete_layout made = {size, align};
    if (align == 0 || (align & (align - 1)) != 0) return -EINVAL;
    if (!mete_layout_is_valid(made)) return -EOVERFLOW;
    *out = made;
    return 0;
}

METE_END_DECLS

#endif
