/*
 * mete/arena.h - memory that ends all at once, or back to a mark.
 *
 * An arena hands out bytes from the front of its memory and takes none back one by one: that makes
 * an allocation a few instructions, and the end of a thousand of them one. What is alive is what
 * was allocated since the arena began, or since the mark it was last rewound to.
 *
 * Where the memory comes from is chosen when the arena is created:
 *   reserve   one range of address space; pages are taken as they are needed, addresses never move,
 *             and behind the last byte lies an inaccessible page.
 *   chained   chunks, each twice as large as the one before up to 4 MiB, or as large as a request
 *             needs, from the system or from an allocator.
 *   buffer    the caller's own bytes, and no others.
 *
 * What an arena cannot do: free a block (mete_free of one is an invalid free), tell how large a
 * block is, be used by two threads at once without a lock of theirs.
 *
 * Valgrind and AddressSanitizer are told of each block where they are there: touching what was
 * rewound, or the bytes behind a block, is an error they report. For that, blocks stand 16 bytes
 * farther apart under them (not in a buffer); these bytes count neither as alive nor for a limit.
 *
 * Errors: NULL with errno ENOBUFS (more than the limit, the reservation or the buffer has left),
 * ENOMEM (no memory, where none of these ends first), EINVAL (an alignment that is no power of
 * two); or a negative errno. What fails changes nothing. After a rewind the same requests get the
 * same addresses.
 */
#ifndef METE_ARENA_H
#define METE_ARENA_H

#include <errno.h>
#include <mete/allocator.h>
#include <mete/attributes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

METE_BEGIN_DECLS

typedef struct mete_arena mete_arena;

typedef struct mete_arena_options {
    size_t reserve;     /* bytes of address space for everything; 0: chained */
    size_t limit;       /* bytes that may be alive, padding included; 0: none but memory */
    size_t largest;     /* bytes that one request may ask for; 0: any number */
    size_t first_chunk; /* chained: bytes of the first chunk; 0: 64 KiB */
    void *buffer;       /* the caller's memory, for as long as the arena lives; NULL: none */
    size_t buffer_size;
    const mete_allocator *allocator; /* chained: where chunks come from; NULL: the system */
    mete_arena *parent;              /* is ended when this one is reset or ended; NULL: nobody */
    const char *name;                /* in statistics and reports, copied; NULL: "arena" */
    bool zero;                       /* all blocks are handed out zero */
    bool poison;                     /* what is rewound is overwritten, so that its use shows */
    bool is_no_root;                 /* the leak check does not look for pointers in it */
} mete_arena_options;

/* A position of an arena. Plain data: copy it, forget it. */
typedef struct mete_arena_mark {
    uint64_t arena;  /* the number of the arena; 0: no mark */
    uint64_t serial; /* of the mark */
    size_t index;    /* among the arena's marks */
} mete_arena_mark;

typedef struct mete_arena_stats {
    uint64_t reserved_bytes; /* address space, or chunks, or the buffer */
    uint64_t held_bytes;     /* of these, taken from the system or the allocator */
    uint64_t live_bytes;     /* handed out and not rewound, padding included */
    uint64_t peak_bytes;     /* the highest live_bytes */
    uint64_t allocations;    /* ever */
    uint64_t chunks;
} mete_arena_stats;

/* An arena; NULL for the options: all defaults. NULL with EINVAL where the options contradict each
 * other or the buffer is smaller than 64 bytes (or NULL, with a size), ENOMEM. */
METE_API METE_NODISCARD mete_arena *mete_arena_create(const mete_arena_options *options);

/* Runs the destructors, ends the children and gives all memory back. NULL is ignored. */
METE_API void mete_arena_destroy(mete_arena *arena);

/* ---- blocks ---- */

/* What the fast path sees of every arena; not for programs. */
struct mete_arena_front {
    char *next;           /* first byte not handed out */
    char *end;            /* of what the fast path may hand out */
    uint64_t allocations; /* ever */
};

/* What the fast path leaves over. */
METE_API void *mete_arena_alloc_slow(mete_arena *arena, size_t size, size_t align);

/* `size` bytes at a multiple of `align`; contents undefined (but see options.zero). size 0 is
 * allowed, and gives an address that may be that of the next block. */
METE_API METE_NODISCARD void *mete_arena_alloc(mete_arena *arena, size_t size, size_t align);

/* The fast path: inlined wherever mete_arena_alloc is, and into the library's function of that
 * name. */
extern inline __attribute__((gnu_inline, always_inline)) void *
mete__arena_alloc_fast(mete_arena *arena, size_t size, size_t align) {
    struct mete_arena_front *front = (struct mete_arena_front *)(void *)arena;
    size_t left = (size_t)(front->end - front->next);
    size_t padding = METE_LAYOUT_PADDING_FOR((uintptr_t)front->next, align);
    size_t taken;

    if (__builtin_expect((align ^ (align - 1)) <= align - 1, 0) ||
        __builtin_expect(__builtin_add_overflow(size, padding, &taken), 0) ||
        __builtin_expect(taken > left, 0))
        return mete_arena_alloc_slow(arena, size, align);
    char *block = front->next + padding;
    front->next += taken;
    front->allocations++;
    return block;
}

extern inline __attribute__((gnu_inline)) void *mete_arena_alloc(mete_arena *arena, size_t size,
                                                                 size_t align) {
    return mete__arena_alloc_fast(arena, size, align);
}

/* count * size bytes; EOVERFLOW where the product is too large. */
METE_API METE_NODISCARD void *mete_arena_alloc_array(mete_arena *arena, size_t count, size_t size,
                                                     size_t align);
/* The same, all zero. */
METE_API METE_NODISCARD void *mete_arena_calloc(mete_arena *arena, size_t count, size_t size,
                                                size_t align);

/* Gives the block that was allocated last another size, where it is: 0; -EINVAL where it is not the
 * last one, -ENOMEM or -ENOBUFS. old_size is what it was asked for with. */
METE_API METE_NODISCARD int mete_arena_extend(mete_arena *arena, void *block, size_t old_size,
                                              size_t new_size);

/* The block with new_size bytes: where it is, if that can be, else a copy of it at the end, and the
 * old one must not be used any more. NULL for the block allocates. */
METE_API METE_NODISCARD void *mete_arena_realloc(mete_arena *arena, void *block, size_t old_size,
                                                 size_t new_size, size_t align);

/* A block for one T, or for `count` of them. */
#define METE_ARENA_NEW(arena, T) ((T *)mete_arena_alloc((arena), sizeof(T), METE_ALIGN_OF(T)))
#define METE_ARENA_ARRAY(arena, T, count) \
    ((T *)mete_arena_alloc_array((arena), (count), sizeof(T), METE_ALIGN_OF(T)))

/* Copies of bytes and of text, and formatted text, all terminated but the first. */
METE_API METE_NODISCARD void *mete_arena_copy(mete_arena *arena, const void *bytes, size_t size,
                                              size_t align);
METE_API METE_NODISCARD char *mete_arena_strdup(mete_arena *arena, const char *text);
METE_API METE_NODISCARD char *mete_arena_strndup(mete_arena *arena, const char *text, size_t size);
METE_API METE_NODISCARD METE_FORMAT(2, 3) char *mete_arena_printf(mete_arena *arena,
                                                                  const char *format, ...);
METE_API METE_NODISCARD METE_FORMAT(2, 0) char *mete_arena_vprintf(mete_arena *arena,
                                                                   const char *format,
                                                                   va_list arguments);

/* ---- ends ---- */

/* The present position. Where there is no memory to remember it, a mark that no rewind takes. */
METE_API mete_arena_mark mete_arena_save(mete_arena *arena);

/* Ends everything allocated since the mark, which stays good. 0, or -EINVAL for a mark of another
 * arena, of before a reset, or that has been rewound past already. */
METE_API int mete_arena_rewind(mete_arena *arena, mete_arena_mark mark);

/* Ends everything; the memory stays with the arena. */
METE_API void mete_arena_reset(mete_arena *arena);
/* The same, but keeps no more than `keep` bytes of it (rounded up to whole chunks or pages). The
 * bytes given back. */
METE_API size_t mete_arena_reset_to(mete_arena *arena, size_t keep);

/* Has run(object) called when the present position ends: at a rewind to a mark before it, a reset,
 * or the arena's end; last in, first out. It may allocate, but not rewind, reset or end this arena.
 * Costs 24 bytes of the arena. -ENOMEM, -ENOBUFS. */
METE_API METE_NODISCARD int mete_arena_on_end(mete_arena *arena, void (*run)(void *object),
                                              void *object);

/* ---- families ---- */

/* Makes `child` end with `parent` (NULL: with nobody) from now on. -EINVAL where that is a circle.
 */
METE_API int mete_arena_steal(mete_arena *parent, mete_arena *child);

/* Moves all that lives in `other` to `arena`, whose next rewind to an earlier mark ends it; other
 * is empty then, and its marks are stale. Its destructors move along. Only between chained arenas
 * whose chunks come from the same place, else -EINVAL; -ENOBUFS where that passes the limit;
 * -ENOMEM. */
METE_API int mete_arena_adopt(mete_arena *arena, mete_arena *other);

/* The arena as an allocator: free takes back the block that was allocated last, and ignores others.
 * Lives as long as the arena. */
METE_API const mete_allocator *mete_arena_allocator(mete_arena *arena);

/* ---- looking ---- */

/* Whether the address is in a byte that is handed out. */
METE_API bool mete_arena_contains(const mete_arena *arena, const void *address);

/* -EINVAL for NULL. */
METE_API int mete_arena_stats_read(const mete_arena *arena, mete_arena_stats *out);

/* ---- growing objects ---- */

/* An object that grows at the end of an arena. Allocating from the arena meanwhile is allowed, and
 * costs a copy. Begin by METE_BUILDER(arena). */
typedef struct mete_builder {
    mete_arena *arena;
    char *data;      /* NULL before the first byte */
    size_t size;     /* bytes so far */
    size_t capacity; /* bytes that fit */
    int error;       /* 0, or the errno of the first append that failed */
} mete_builder;

#ifdef __cplusplus
#define METE_BUILDER(arena) (mete_builder{(arena), NULL, 0, 0, 0})
#else
#define METE_BUILDER(arena) ((mete_builder){(arena), NULL, 0, 0, 0})
#endif

/* Each appends, or does nothing once one has failed: look at `error`, or at what finish returns. */
METE_API void mete_builder_append(mete_builder *builder, const void *bytes, size_t size);
METE_API void mete_builder_text(mete_builder *builder, const char *text);
METE_API METE_FORMAT(2, 3) void mete_builder_printf(mete_builder *builder, const char *format, ...);

/* Terminates the object with a zero byte that is not part of it, and gives back what it does not
 * need. NULL with errno where an append has failed. *size (NULL: not wanted) is without the zero.
 */
METE_API METE_NODISCARD char *mete_builder_finish(mete_builder *builder, size_t *size);

/* ---- scratch ---- */

/* A piece of one of the calling thread's own arenas, for results that do not outlive a function. */
typedef struct mete_scratch {
    mete_arena *arena; /* NULL where there was no memory */
    mete_arena_mark mark;
} mete_scratch;

/* A scratch arena that is none of the `count` in `avoid`: those that the caller was given to leave
 * its results in (they may be scratch arenas of its caller). The thread's end gives them back. */
METE_API METE_NODISCARD mete_scratch mete_scratch_begin(mete_arena *const *avoid, size_t count);
/* Ends all that was allocated in it since. */
METE_API void mete_scratch_end(mete_scratch scratch);

METE_END_DECLS

#endif
