/*
 * mete/track.h - tracking from within the program: which stacks allocate, what is lost, and what an
 * address is.
 *
 * A program under `mete run`, or with METE_MODE in its environment, is tracked from its first block
 * on. Any other begins and pauses as it likes: what is tracked is what it allocates in between,
 * until it is freed. The tables are in memory then, and mete_snapshot() writes them to a file for
 * `mete report`. mete_where() needs no tracking.
 *
 * All functions are thread-safe, none allocates from the heap, and those that can fail return 0 or
 * a negative errno and leave their outputs as they were.
 */
#ifndef METE_TRACK_H
#define METE_TRACK_H

#include <mete/attributes.h>
#include <stddef.h>
#include <stdint.h>

METE_BEGIN_DECLS

typedef enum mete_track_mode {
    METE_TRACK_SAMPLED = 1, /* one allocation per 512 KiB on average */
    METE_TRACK_EXACT = 2,   /* every one */
} mete_track_mode;

/* From now on each thread tracks what it allocates, from its next visit to the heap's slow path on
 * (at once where it tracks already). -EINVAL for no such mode, -EBUSY where the process has begun
 * with another mode, -ENOMEM where there is no memory for the tables. */
METE_API int mete_track_start(mete_track_mode mode);
/* New blocks are not tracked any more; those that are stay so until they are freed. -EINVAL where
 * nothing has been tracked yet, -EBUSY where the process runs in a mode that is none of the two. */
METE_API int mete_track_stop(void);

/* Writes what is known now to a new file (a regular file of that name is replaced), as a profile
 * that `mete report` reads. -EINVAL where nothing has been tracked yet or path is NULL; else an
 * errno of the file system, and no file. */
METE_API int mete_snapshot(const char *path);

/* Blocks that nobody points to any more, as Valgrind tells them apart. */
typedef struct mete_leak_sum {
    uint64_t bytes; /* as asked for */
    uint64_t blocks;
} mete_leak_sum;

typedef struct mete_leak_summary {
    mete_leak_sum definite;  /* nothing points to them */
    mete_leak_sum indirect;  /* only lost blocks do */
    mete_leak_sum possible;  /* only pointers into their middle do */
    mete_leak_sum reachable; /* not lost */
} mete_leak_summary;

/* Looks through the tracked blocks for lost ones, while the other threads are held still as far as
 * they can be: tens of nanoseconds per block. -EINVAL where not every block is tracked or out is
 * NULL, -EBUSY where another check runs, -ENOMEM. */
METE_API int mete_leak_check(mete_leak_summary *out);

/* What an address is in. */
typedef enum mete_where_kind {
    METE_WHERE_UNMAPPED = 0,
    METE_WHERE_BLOCK,   /* a block of mete's heap */
    METE_WHERE_HEAP,    /* the heap's own memory, no block */
    METE_WHERE_POOL,    /* mete_pool */
    METE_WHERE_ARENA,   /* mete_arena */
    METE_WHERE_MAP,     /* mete_map */
    METE_WHERE_PRIVATE, /* a private heap */
    METE_WHERE_STACK,   /* a thread's stack */
    METE_WHERE_STATIC,  /* static data of the program or a library */
    METE_WHERE_CODE,    /* its code */
    METE_WHERE_FILE,    /* another mapped file */
    METE_WHERE_MAPPING, /* any other mapping */
} mete_where_kind;

/* Bits of mete_where_info.flags. */
#define METE_WHERE_LIVE    1u  /* the block is allocated */
#define METE_WHERE_FREE    2u  /* it is freed, or has not been handed out; neither: not known */
#define METE_WHERE_TRACKED 4u  /* its size is the one asked for, and there may be stacks */
#define METE_WHERE_READ    8u  /* access to the mapping; kinds from METE_WHERE_STACK on */
#define METE_WHERE_WRITE   16u /* the same */
#define METE_WHERE_EXECUTE 32u /* the same */

#define METE_WHERE_FRAMES     16
#define METE_WHERE_NAME_BYTES 256

typedef struct mete_where_info {
    mete_where_kind kind;
    uint32_t flags;    /* METE_WHERE_* */
    const void *start; /* first byte of the block, the object's memory, the variable or function,
                          or the mapping; or NULL */
    size_t size;       /* bytes from start: as asked for where tracked, else as can be used */
    ptrdiff_t offset;  /* of the address from start: below 0 and from size on, it is outside, in
                          room that belongs to no other */
    uint32_t thread;   /* whose stack: its kernel id */
    uint32_t allocated_frames; /* so many of allocated_at are known */
    uint32_t freed_frames;     /* so many of freed_at */
    uint64_t file_offset;      /* METE_WHERE_FILE and _MAP: of the address in the file (0 without
                                  one); static data and code: as addr2line and nm count */
    uintptr_t allocated_at[METE_WHERE_FRAMES]; /* return addresses, the innermost first */
    uintptr_t freed_at[METE_WHERE_FRAMES];     /* the same, of the call that freed the block */
    char name[METE_WHERE_NAME_BYTES];   /* of the pool, arena, map, file or mapping; of a path that
                                           does not fit, its end; or "" */
    char symbol[METE_WHERE_NAME_BYTES]; /* static data and code: the variable or function, as the
                                           linker knows it; of a long name, its start; "" where it
                                           is not known */
} mete_where_info;

/* Says what the address is in, without touching it. Any address will do. What other threads change
 * meanwhile may be stale in the answer. A few microseconds for blocks, pools, arenas and maps,
 * however many there are, tens for all else, because the kernel is asked, and more beside thousands
 * of mappings. Variables and functions are named from the symbol table of the module's file, static
 * ones included, unless it was stripped, else from those it exports: 20 ns for each symbol there
 * is. -EINVAL for out NULL, or an errno of /proc where that is needed and cannot be read. */
METE_API int mete_where(const void *address, mete_where_info *out);

/* Writes the same as one line of text, without a newline: "8 bytes into a live block of 40 bytes,
 * allocated at 0x401136". Cut to fit `size` and always terminated; the length all of it has, or
 * -EINVAL for NULL or size 0. */
METE_API int mete_where_describe(const mete_where_info *info, char *buffer, size_t size);

METE_END_DECLS

#endif
