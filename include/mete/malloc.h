/*
 * mete/malloc.h - the general-purpose heap under names of its own.
 *
 * The C library's allocation functions, prefixed. libmete_malloc defines the unprefixed names as
 * well, as the same functions on the same heap: a block from one is a block for the other.
 *
 * All functions are thread-safe. Blocks are aligned to 16 bytes. Sizes are bytes. Where memory runs
 * out the result is NULL, errno is ENOMEM, and nothing has changed. The caller owns what it is
 * given, and frees it once. Freeing twice, or freeing what is no block, ends the program with a
 * line that names the error.
 *
 * In a program that is linked with libmete only, Valgrind and AddressSanitizer are told of each
 * block where they watch it, and find what they find of malloc's: what is read or written outside
 * of blocks and after free, Valgrind also undefined and lost ones. There every call is slower,
 * mete_realloc always moves, and no more is usable than was asked for. (To Valgrind, blocks that
 * other blocks point to are not lost. Where mete tracks, it is not told.)
 */
#ifndef METE_MALLOC_H
#define METE_MALLOC_H

#include <mete/attributes.h>
#include <stddef.h>

METE_BEGIN_DECLS

/* Gives a block back; NULL is ignored. Keeps errno. */
METE_API void mete_free(void *block);

/* At least `size` bytes, contents undefined. size 0 gives a unique block of no usable size. */
METE_API METE_MALLOC METE_ALLOC_SIZE(1) void *mete_malloc(size_t size);

/* count * size bytes, all zero; NULL with ENOMEM where the product overflows. */
METE_API METE_MALLOC METE_ALLOC_SIZE(1, 2) void *mete_calloc(size_t count, size_t size);
/* The same, for what METE_SITE of mete/allocator.h says (NULL: nothing): reports name the type. */
struct mete_site;
METE_API METE_MALLOC METE_ALLOC_SIZE(1, 2) void *mete_calloc_at(size_t count, size_t size,
                                                                const struct mete_site *site);

/* The block with room for `size` bytes, perhaps elsewhere; its first bytes are kept. NULL
 * allocates. size 0 frees and returns NULL. Where NULL is returned for a size that is not 0, the
 * old block is untouched. */
METE_API METE_NODISCARD METE_ALLOC_SIZE(2) void *mete_realloc(void *block, size_t size);

/* `size` bytes at a multiple of `align`, a power of two (else NULL with EINVAL). */
METE_API METE_MALLOC METE_ALLOC_ALIGN(1)
    METE_ALLOC_SIZE(2) void *mete_aligned_alloc(size_t align, size_t size);

/* As mete_free, for a block that was asked for with `size` bytes. */
METE_API void mete_free_sized(void *block, size_t size);

/* Bytes that may be used of the block: what was asked for, or more. 0 for NULL. */
METE_API size_t mete_usable_size(const void *block);

METE_END_DECLS

#endif
