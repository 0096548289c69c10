/*
 * mete/allocator.h - whatever hands out memory, behind one interface.
 *
 * An allocator is a table of methods and a state. Code that takes one can be served by mete's heap,
 * by the C library, by an arena, a pool or a buffer of its own, and by wrappers that log, count,
 * limit, check or fail on purpose, without knowing which.
 *
 * Every request is a layout (mete/layout.h), and a block goes back with the layout it has. So an
 * allocator need not remember sizes, and a wrapper can check that both agree.
 *
 *   - A size of 0 is refused here, before any method runs: NULL with EINVAL.
 *   - A block is valid until it is freed, or moved by remap, or its allocator ends.
 *   - Errors: NULL, with errno ENOMEM (no memory), ENOBUFS (a limit of the allocator's own),
 *     EINVAL (no valid layout, or one this allocator can never serve). Whatever fails changes
 *     nothing. What is no valid layout is so for each of them, whatever its limits.
 *   - Freeing keeps errno.
 *   - An allocator is as thread-safe as METE_ALLOCATOR_THREAD_SAFE says.
 */
#ifndef METE_ALLOCATOR_H
#define METE_ALLOCATOR_H

#include <errno.h>
#include <mete/attributes.h>
#include <mete/layout.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

METE_BEGIN_DECLS

/* Where in the program's source a block is asked for. Static: allocators keep the pointer. From
 * mete's heap, and from malloc where that is mete's, `mete run` has the type of its reports,
 * without any debugging information. */
typedef struct mete_site {
    const char *file;
    const char *type; /* "struct conn"; NULL: not said */
    size_t type_size; /* bytes of the type; 0: not said */
    unsigned line;
} mete_site;

/* The present line of the source, for blocks of type T. Only inside of functions. */
#define METE_SITE(T)                                                             \
    (__extension__({                                                             \
        static const mete_site mete__site = {__FILE__, #T, sizeof(T), __LINE__}; \
        &mete__site;                                                             \
    }))

/* What an allocator can do: bits of mete_allocator_methods.capabilities. */
#define METE_ALLOCATOR_THREAD_SAFE 1u  /* any thread may call any method at any time */
#define METE_ALLOCATOR_FREES       2u  /* free makes the memory available again at once */
#define METE_ALLOCATOR_FREES_ALL   4u  /* blocks need not be freed one by one: all end with it */
#define METE_ALLOCATOR_ZEROES      8u  /* blocks are handed out all zero */
#define METE_ALLOCATOR_KNOWS_SIZE  16u /* usable can be more than the layout's size */

/* What passed through an allocator that counts. Bytes are those of the layouts. */
typedef struct mete_allocator_stats {
    uint64_t allocations;
    uint64_t frees;
    uint64_t failures; /* requests answered with NULL */
    uint64_t allocated_bytes;
    uint64_t freed_bytes;
    uint64_t live_blocks;
    uint64_t live_bytes;
    uint64_t peak_live_bytes;
} mete_allocator_stats;

/* The methods; each may count on a state that is valid, a layout that was checked for size 0, and a
 * block that is not NULL. All that is NULL here but alloc and free has the meaning said. */
typedef struct mete_allocator_methods {
    const char *name;      /* for messages and statistics; lives as long as the table */
    unsigned capabilities; /* METE_ALLOCATOR_* */
    /* A block of the layout; NULL with errno. `site` says where it is asked for, NULL: not known.
     */
    void *(*alloc)(void *state, mete_layout layout, const mete_site *site);
    /* Takes back a block of exactly this layout. */
    void (*free)(void *state, void *block, mete_layout layout);
    /* Gives the block new_size bytes (not 0) where it is. 0, or a negative errno. NULL: never. */
    int (*resize)(void *state, void *block, mete_layout layout, size_t new_size);
    /* The same, perhaps elsewhere, contents kept as far as they fit. NULL with errno, the block
     * being as it was. NULL instead of a function: resize, or else alloc, copy, free. */
    void *(*remap)(void *state, void *block, mete_layout layout, size_t new_size);
    /* How many bytes of the block may be used. NULL: the layout's size. */
    size_t (*usable)(void *state, const void *block, mete_layout layout);
    /* Reads what it counted. NULL: it does not count. */
    void (*stats)(void *state, mete_allocator_stats *out);
    /* Ends it. NULL: it lives for ever. */
    void (*destroy)(void *state);
} mete_allocator_methods;

typedef struct mete_allocator {
    const mete_allocator_methods *methods;
    void *state; /* the methods' */
} mete_allocator;

/* ---- where memory comes from ---- */

/* mete's heap. Thread-safe; lives for ever. */
METE_API const mete_allocator *mete_allocator_heap(void);

/* The C library's malloc, or whatever the program has in its place (under libmete_malloc: mete's
 * heap again). Thread-safe; lives for ever. */
METE_API const mete_allocator *mete_allocator_system(void);

/* The caller's `size` bytes, handed out from the front; a block at the end can grow and go back,
 * others only end with the allocator. The buffer stays the caller's, and must outlive it. Nothing
 * else is allocated: the allocator's own state is in the buffer, too. Not thread-safe. NULL with
 * EINVAL where not even that fits. */
METE_API METE_NODISCARD mete_allocator *mete_allocator_buffer(void *buffer, size_t size);

/* ---- use ---- */

METE_HEADER_INLINE const char *mete_allocator_name(const mete_allocator *allocator) {
    return allocator->methods->name;
}

METE_HEADER_INLINE unsigned mete_allocator_capabilities(const mete_allocator *allocator) {
    return allocator->methods->capabilities;
}

/* A block of the layout, its contents undefined (but see METE_ALLOCATOR_ZEROES), asked for at
 * `site` (NULL: not known). */
METE_NODISCARD METE_HEADER_INLINE void *mete_allocator_alloc_at(const mete_allocator *allocator,
                                                                mete_layout layout,
                                                                const mete_site *site) {
    if (__builtin_expect(layout.size == 0, 0)) {
        errno = EINVAL;
        return NULL;
    }
    return allocator->methods->alloc(allocator->state, layout, site);
}

METE_NODISCARD METE_HEADER_INLINE void *mete_allocator_alloc(const mete_allocator *allocator,
                                                             mete_layout layout) {
    return mete_allocator_alloc_at(allocator, layout, NULL);
}

/* The same, all zero. */
METE_NODISCARD METE_HEADER_INLINE void *
mete_allocator_alloc_zeroed_at(const mete_allocator *allocator, mete_layout layout,
                               const mete_site *site) {
    void *block = mete_allocator_alloc_at(allocator, layout, site);
    if (block != NULL && (allocator->methods->capabilities & METE_ALLOCATOR_ZEROES) == 0)
        memset(block, 0, layout.size);
    return block;
}

METE_NODISCARD METE_HEADER_INLINE void *mete_allocator_alloc_zeroed(const mete_allocator *allocator,
                                                                    mete_layout layout) {
    return mete_allocator_alloc_zeroed_at(allocator, layout, NULL);
}

/* Takes the block back; NULL is ignored. `layout` is the one it has now. */
METE_HEADER_INLINE void mete_allocator_free(const mete_allocator *allocator, void *block,
                                            mete_layout layout) {
    if (block != NULL) allocator->methods->free(allocator->state, block, layout);
}

/* Gives the block new_size bytes where it stands: 0; -EINVAL where that is 0 or no layout's,
 * -ENOTSUP where the allocator never does that, -ENOMEM or -ENOBUFS where it cannot now. Shrinking
 * may fail, too. */
METE_NODISCARD METE_HEADER_INLINE int mete_allocator_resize(const mete_allocator *allocator,
                                                            void *block, mete_layout layout,
                                                            size_t new_size) {
    if (new_size == 0 || !METE_LAYOUT_IS_VALID(new_size, layout.align)) return -EINVAL;
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

/* Reads what the allocator counted: 0; -ENOTSUP where it does not count. */
METE_API int mete_allocator_stats_read(const mete_allocator *allocator, mete_allocator_stats *out);

/* Ends an allocator made by one of the functions here or in mete/adapters.h. NULL, and those that
 * live for ever, are ignored. */
METE_API void mete_allocator_destroy(mete_allocator *allocator);

/* ---- typed ---- */

/* A block for one T, for `count` of them, or the same all zero: typed, and asked for at this line.
 * NULL with errno, EOVERFLOW where the product has no layout. */
#define METE_ALLOC(allocator, T) \
    ((T *)mete_allocator_alloc_at((allocator), METE_LAYOUT_OF(T), METE_SITE(T)))
#define METE_ALLOC_ZEROED(allocator, T) \
    ((T *)mete_allocator_alloc_zeroed_at((allocator), METE_LAYOUT_OF(T), METE_SITE(T)))
#define METE_ALLOC_ARRAY(allocator, T, count) \
    ((T *)mete_allocator_alloc_array_at((allocator), METE_LAYOUT_OF(T), (count), METE_SITE(T)))

/* Gives such blocks back. T is that of the pointer. */
#define METE_FREE(allocator, pointer) \
    mete_allocator_free((allocator), (pointer), METE_LAYOUT_OF(__typeof__(*(pointer))))
#define METE_FREE_ARRAY(allocator, pointer, count)                                            \
    mete_allocator_free_array((allocator), (pointer), METE_LAYOUT_OF(__typeof__(*(pointer))), \
                              (count))

/* What METE_ALLOC_ARRAY and METE_FREE_ARRAY stand for. */
METE_NODISCARD METE_HEADER_INLINE void *
mete_allocator_alloc_array_at(const mete_allocator *allocator, mete_layout element, size_t count,
                              const mete_site *site) {
    mete_layout array = {0, element.align};
    if (__builtin_mul_overflow(element.size, count, &array.size) || !mete_layout_is_valid(array)) {
        errno = EOVERFLOW;
        return NULL;
    }
    return mete_allocator_alloc_at(allocator, array, site);
}

METE_HEADER_INLINE void mete_allocator_free_array(const mete_allocator *allocator, void *block,
                                                  mete_layout element, size_t count) {
    mete_layout array = {element.size * count, element.align};
    mete_allocator_free(allocator, block, array);
}

METE_END_DECLS

#endif
