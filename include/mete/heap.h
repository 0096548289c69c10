/*
 * mete/heap.h - private heaps: blocks of any size that can all be given back at once.
 *
 * A private heap is a general-purpose heap of its own, beside the one of mete/malloc.h, for blocks
 * that belong together: those of a request, a document, a plugin. They are freed one by one like
 * any others, or all at once with the heap, in time that depends on the memory they take and not on
 * their number. Where nothing is freed singly an arena is cheaper, and where all blocks are of one
 * size a pool is.
 *
 * What the heap knows of its blocks is kept elsewhere, so that nothing the program writes can
 * damage it, and it finds each time, writes one line that names it, and aborts:
 *
 *   double-free         a block that is free already
 *   interior-free       an address in a block, but not its start
 *   invalid-free        what is no block, or one of another heap
 *
 * Memory is taken in spans: of 64 KiB for each size class up to 8 KiB, of 512 KiB for each up to
 * 64 KiB; what no block has touched takes no page of real memory. Larger blocks have a span of
 * their own. Blocks are aligned to 16 bytes or more; what is handed out is at least what was asked
 * for, at most an eighth more (up to 64 KiB; then up to the next 64 KiB).
 *
 * Any thread may use a heap at any time, its creation and its end excepted. There is one lock to a
 * heap, taken only while the process has threads, and never in a heap that is for one thread: for
 * small blocks that many threads share, mete_malloc is faster. A child of the
 * C library's fork has its own copy, and so has one of the bare system call, unless another thread
 * was in the heap just then: its lock is never given up there. What a child of vfork does is done
 * to its parent's heap. A signal handler that interrupts a call of a heap and calls the same one is
 * refused: it gets NULL, and what it frees stays allocated.
 *
 * mete_free and mete_realloc take a private heap's blocks, too, and keep them in their heap. The
 * heap as a whole is in statistics, reports and the leak check; its blocks have no stacks, and the
 * modes check and guard do not look at them. Valgrind and AddressSanitizer are told of each.
 *
 * Errors: NULL with errno ENOBUFS (more than the heap's own limit has left), ENOMEM (no memory, or
 * without a limit a size that no memory could have), EINVAL, or a negative errno. What fails
 * changes nothing. Freeing keeps errno.
 */
#ifndef METE_HEAP_H
#define METE_HEAP_H

#include <mete/allocator.h>
#include <mete/attributes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

METE_BEGIN_DECLS

typedef struct mete_heap mete_heap;

typedef struct mete_heap_options {
    size_t max_bytes;   /* that may be reserved, spans and metadata; 0: no limit */
    bool is_one_thread; /* no two threads are ever in a call of it: it has no lock */
    bool is_no_root;    /* the leak check does not look for pointers in its blocks */
    const char *name;   /* in statistics and reports, copied; NULL: "heap" */
} mete_heap_options;

/* Exact: reserved_bytes = live_bytes + free_bytes + metadata_bytes. */
typedef struct mete_heap_stats {
    uint64_t reserved_bytes;
    uint64_t live_bytes;     /* of live blocks, as mete_heap_usable_size counts them */
    uint64_t free_bytes;     /* the rest of the spans */
    uint64_t metadata_bytes; /* what the heap needs for itself */
    uint64_t peak_bytes;     /* highest live_bytes */
    uint64_t live_blocks;
    uint64_t allocations; /* ever; a block that realloc moves is a new one, and its old one freed */
    uint64_t frees;       /* ever */
    uint64_t failures;    /* requests answered with NULL */
    uint64_t spans;
} mete_heap_stats;

/* An empty heap; options NULL: all defaults. NULL with ENOMEM, or ENOBUFS where max_bytes does not
 * even hold the heap's own metadata (a few KiB). */
METE_API METE_NODISCARD mete_heap *mete_heap_create(const mete_heap_options *options);

/* Ends the heap with all its blocks. No other thread may be using it. NULL is ignored. */
METE_API void mete_heap_destroy(mete_heap *heap);

/* Frees all blocks, and gives their memory back. No other thread may be using the heap. */
METE_API void mete_heap_reset(mete_heap *heap);

/* Gives a block of this heap back; NULL is ignored. */
METE_API void mete_heap_free(mete_heap *heap, void *block);

/* At least `size` bytes, contents undefined. size 0 gives a unique block of no usable size. */
METE_API METE_MALLOC METE_ALLOC_SIZE(2) void *mete_heap_alloc(mete_heap *heap, size_t size);

/* count * size bytes, all zero; a product that overflows is too much. */
METE_API METE_MALLOC METE_ALLOC_SIZE(2, 3) void *mete_heap_calloc(mete_heap *heap, size_t count,
                                                                  size_t size);

/* The block with room for `size` bytes, perhaps elsewhere; its first bytes are kept. NULL
 * allocates. size 0 frees and returns NULL. Where NULL is returned for a size that is not 0, the
 * old block is untouched. */
METE_API METE_NODISCARD METE_ALLOC_SIZE(3) void *mete_heap_realloc(mete_heap *heap, void *block,
                                                                   size_t size);

/* `size` bytes at a multiple of `align`, a power of two (else NULL with EINVAL). */
METE_API METE_MALLOC METE_ALLOC_ALIGN(2)
    METE_ALLOC_SIZE(3) void *mete_heap_aligned_alloc(mete_heap *heap, size_t align, size_t size);

/* Bytes that may be used of a live block of this heap: what was asked for, or more (under Valgrind
 * or AddressSanitizer just that). 0 for NULL. */
METE_API size_t mete_heap_usable_size(const mete_heap *heap, const void *block);

/* Whether the address is in a live block of this heap. Any thread. */
METE_API bool mete_heap_contains(const mete_heap *heap, const void *address);

/* Calls visit for every live block, by address, until it returns false; false then. visit may free
 * the block it is given, and no other, and allocates nothing here. No other thread may be using the
 * heap. Takes time for every span of the process. */
METE_API bool mete_heap_foreach(mete_heap *heap,
                                bool (*visit)(void *context, void *block, size_t size),
                                void *context);

/* Looks at every list, bitmap and count: 0, or -EUCLEAN where the heap itself is damaged. No other
 * thread may be using the heap. Takes time for every span of the process. */
METE_API METE_NODISCARD int mete_heap_verify(const mete_heap *heap);

/* -EINVAL for NULL. Any thread. */
METE_API int mete_heap_stats_read(const mete_heap *heap, mete_heap_stats *out);

/* The heap as an allocator. Lives as long as the heap. */
METE_API const mete_allocator *mete_heap_allocator(mete_heap *heap);

METE_END_DECLS

#endif
