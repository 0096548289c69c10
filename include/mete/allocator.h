/*
 * mete/allocator.h - whatever hands out memory, behind one interface.
 *
 * An allocator is a table of methods and a state. Code that takes one can be served by mete's heap,
 * by the C library, by an arena, a pool or a buffer of its own, and by wrappers that log, count,
 * limit, check or fail on purpose, without knowing which.
 *
 * Every request is a layout (mete/layout.h), and a block goes back with the layout it was asked for
 * with. So an allocator need not remember sizes, and a wrapper can check that both agree.
 *
 *   - A size of 0 is refused here, before any method runs: NULL with EINVAL.
 *   - A block is valid until it is freed, or moved by remap, or its allocator ends.
 *   - Errors: NULL, with errno ENOMEM (no memory), ENOBUFS (a limit of the allocator's own),
 *     EINVAL (no valid layout, or one this allocator can never serve), ENOTSUP (no such method).
 *     Whatever fails changes nothing.
 *   - An allocator is as thread-safe as METE_ALLOCATOR_THREAD_SAFE says.
 */
#ifndef METE_ALLOCATOR_H
#define METE_ALLOCATOR_H

#include <errno.h>
#include <mete/attributes.h>
#include <mete/layout.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

METE_BEGIN_DECLS

/* What an allocator can do: bits of mete_allocator_methods.capabilities. */
#define METE_ALLOCATOR_THREAD_SAFE 1u  /* any thread may call any method at any time */
#define METE_ALLOCATOR_FREES       2u  /* free makes the memory available again at once */
#define METE_ALLOCATOR_FREES_ALL   4u  /* blocks need not be freed one by one: all end with it */
#define METE_ALLOCATOR_ZEROES      8u  /* blocks are handed out all zero */
#define METE_ALLOCATOR_KNOWS_SIZE  16u /* usable can be more than the layout's size */

typedef struct mete_allocator_methods {
    const char *name;      /* for messages and statistics; lives as long as the table */
    unsigned capabilities; /* METE_ALLOCATOR_* */
    /* A block for a valid layout whose size is not 0; NULL with errno. */
    void *(*alloc)(void *state, mete_layout layout);
    /* Takes back a block that alloc or remap returned for exactly this layout. */
    void (*free)(void *state, void *block, mete_layout layout);
    /* Gives the block new_size bytes (not 0) where it is. 0, or a negative errno. NULL: never. */
    int (*resize)(void *state, void *block, mete_layout layout, size_t new_size);
    /* The same, perhaps elsewhere, contents kept as far as they fit. NULL with errno, the block
     * being as it was. NULL instead of a function: alloc, copy, free. */
    void *(*remap)(void *state, void *block, mete_layout layout, size_t new_size);
    /* How many bytes of the block may be used. NULL: the layout's size. */
    size_t (*usable)(void *state, const void *block, mete_layout layout);
} mete_allocator_methods;

typedef struct mete_allocator {
    const mete_allocator_methods *methods;
    void *state; /* the methods' */
} mete_allocator;

/* mete's heap. Thread-safe; lives for ever. */
METE_API const mete_allocator *mete_allocator_heap(void);
/* The C library's malloc, or whatever the program has in its place (under libmete_malloc: mete's
 * heap again). Thread-safe; lives for ever. */
METE_API const mete_allocator *mete_allocator_system(void);

METE_HEADER_INLINE const char *mete_allocator_name(const mete_allocator *allocator) {
    return allocator->methods->name;
}

METE_HEADER_INLINE unsigned mete_allocator_capabilities(const mete_allocator *allocator) {
    return allocator->methods->capabilities;
}

/* A block of the layout, its contents undefined (but see METE_ALLOCATOR_ZEROES). */
METE_NODISCARD METE_HEADER_INLINE void *mete_allocator_alloc(const mete_allocator *allocator,
                                                             mete_layout layout) {
    if (__builtin_expect(layout.size == 0, 0)) {
        errno = EINVAL;
        return NULL;
    }
    return allocator->methods->alloc(allocator->state, layout);
}

/* The same, all zero. */
METE_NODISCARD METE_HEADER_INLINE void *mete_allocator_alloc_zeroed(const mete_allocator *allocator,
                                                                    mete_layout layout) {
    void *block = mete_allocator_alloc(allocator, layout);
    if (block != NULL && (allocator->methods->capabilities & METE_ALLOCATOR_ZEROES) == 0)
        memset(block, 0, layout.size);
    return block;
}

/* Takes the block back; NULL is ignored. `layout` is the one it has now. */
METE_HEADER_INLINE void mete_allocator_free(const mete_allocator *allocator, void *block,
                                            mete_layout layout) {
    if (block != NULL) allocator->methods->free(allocator->state, block, layout);
}

/* Gives the block new_size bytes where it stands: 0; -EINVAL for new_size 0, -ENOTSUP where the
 * allocator never does that, -ENOMEM or -ENOBUFS where it cannot now. Shrinking may fail, too. */
METE_NODISCARD METE_HEADER_INLINE int mete_allocator_resize(const mete_allocator *allocator,
                                                            void *block, mete_layout layout,
                                                            size_t new_size) {
    if (new_size == 0) return -EINVAL;
    if (allocator->methods->resize == NULL) return -ENOTSUP;
    return allocator->methods->resize(allocator->state, block, layout, new_size);
}

/* Gives the block new_size bytes, moving it where need be; the contents are kept as far as they
 * fit. The block's address from now on, or NULL with errno: then it is as it was. */
METE_API METE_NODISCARD void *mete_allocator_remap(const mete_allocator *allocator, void *block,
                                                   mete_layout layout, size_t new_size);

/* Bytes of the block that may be used: layout.size or more. */
METE_HEADER_INLINE size_t mete_allocator_usable(const mete_allocator *allocator, const void *block,
                                                mete_layout layout) {
    if (allocator->methods->usable == NULL) return layout.size;
    return allocator->methods->usable(allocator->state, block, layout);
}

METE_END_DECLS

#endif
