/*
 * mete/map.h - files as memory, without the ways in which that kills programs.
 *
 * A map shows a range of a file, a memory file, or fresh memory, as bytes in the address space.
 * Beyond what mmap does:
 *
 *   - A file that somebody cuts short under a map is an error, not a signal: what is gone reads as
 *     zeros, stores to it reach this map only and no file, and mete_map_error() says -ENXIO. The
 *     same for a page that the disk cannot read (-EIO) or has no room for (-ENOSPC).
 *   - Growth takes the disk's space first: a full disk is -ENOSPC from the call that grows, with
 *     the map unchanged. With a reservation, growth never moves the bytes.
 *   - A write-back that failed stays reported until mete_map_error() has told of it.
 *
 * How: one SIGBUS handler for the whole process, installed by the first map of a file. It looks
 * at faults in maps only; every other goes to the program's own handler, or to the default. A
 * program that installs a handler later calls mete_map_repair() from it first (or opens another
 * map: that puts mete's in front again); with the shared libmete_malloc it need not. A thread that
 * blocks SIGBUS cannot be helped: the kernel ends the process at once. System calls given lost
 * bytes fail with EFAULT, as ever. Valgrind goes on rightly after a fault only if it is given
 * --vex-iropt-register-updates=allregs-at-mem-access.
 *
 * A map keeps a descriptor of its file open: close-on-exec, and never 0, 1 or 2, so that nothing is
 * printed into the file. A program that closes it behind the map's back loses growth and
 * flush_async (-EBADF), never data.
 *
 * Errors: negative errno values, with outputs and the map untouched; -EINVAL for what makes no
 * sense, such as a range that does not lie in the map. A `length` of 0 means up to the map's end.
 * Offsets and lengths are bytes and need not be those of pages.
 *
 * Threads: one map may be used by any threads at once, but for close, resize, split, protect, seal
 * and commit, which nobody else may use the map beside; growth inside a reservation may go on
 * beside readers and writers of the old bytes. A child of fork has its own copy of each map, to be
 * closed for itself. In signal handlers data, size, read, write, probe, error and repair may be
 * called.
 */
#ifndef METE_MAP_H
#define METE_MAP_H

#include <mete/attributes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

METE_BEGIN_DECLS

typedef struct mete_map mete_map;

/* ---- opening ---- */

/* What the program may do with the bytes: bits of mete_map_options.access. */
#define METE_MAP_READ  1u
#define METE_MAP_WRITE 2u /* stores reach the file and everybody who maps it; includes READ */
#define METE_MAP_COPY  4u /* stores stay this map's own; includes READ, and goes before WRITE */
#define METE_MAP_EXEC  8u

/* How: bits of mete_map_options.flags. What is marked "wish" never makes opening fail;
 * mete_map_info.obtained says what became of it. No option is ignored: one that means nothing to
 * the function it is given to, as METE_MAP_STACK to a file, is -EINVAL. */
#define METE_MAP_POPULATE   (1u << 8)  /* wish: every page present from the start */
#define METE_MAP_LOCK       (1u << 9)  /* wish: never swapped out; implies present */
#define METE_MAP_HUGE       (1u << 10) /* wish: huge pages, of options.page_size if that is given */
#define METE_MAP_NO_RESERVE (1u << 11) /* wish: no swap space is set aside */
#define METE_MAP_STACK      (1u << 12) /* meant for a stack; anonymous maps only */
#define METE_MAP_SPARSE     (1u << 13) /* take no disk space for what create_size or growth adds */
#define METE_MAP_STAY       (1u << 14) /* resize fails with -ENOMEM rather than move the bytes */
#define METE_MAP_SHARED                                                                     \
    (1u << 15)                        /* shared with children of fork; anonymous maps only, \
                                         and not with COPY */
#define METE_MAP_NEW       (1u << 16) /* paths, with create_size: -EEXIST where there is a file */
#define METE_MAP_NO_FOLLOW (1u << 17) /* paths: -ELOOP where the last part is a symbolic link */
/* Only in obtained. */
#define METE_MAP_NAMED (1u << 24) /* the kernel shows the name in /proc/self/maps */

typedef struct mete_map_options {
    unsigned access;      /* METE_MAP_READ …; 0: METE_MAP_READ; of fresh memory READ | WRITE */
    unsigned flags;       /* METE_MAP_POPULATE … */
    uint64_t offset;      /* where in the file the map begins, bytes */
    size_t length;        /* 0: to the end of the file */
    uint64_t create_size; /* creates the file where absent, and extends it to this many bytes where
                             it is shorter; never cuts it. 0: the file must be there */
    unsigned create_mode; /* with create_size, or a replacement: permissions of a file that is
                             created, less the umask; 0: 0666 */
    size_t reserve;       /* address space to keep, so that resize up to this many bytes stays */
    size_t page_size;     /* with METE_MAP_HUGE: bytes, as 2 MiB or 1 GiB; 0: the usual huge page */
    const char *name;     /* for statistics, reports and /proc; copied, cut to 47 bytes.
                             NULL: the file's path, or "file map" */
} mete_map_options;

/* Maps the file. options NULL: reading, all of it. A file or range of no bytes is a map of size 0.
 * -ENODEV for what is no regular file or block device; -ENXIO where the range does not lie in the
 * file; -EOVERFLOW for a length above PTRDIFF_MAX; -EFBIG above RLIMIT_FSIZE; -ENOSPC, -EDQUOT
 * where the disk has no room for create_size; -EINVAL; what open and mmap say else. A file that
 * opening has grown or created, and could then not map, is as it was before. */
METE_API METE_NODISCARD int mete_map_open(mete_map **out, const char *path,
                                          const mete_map_options *options);

/* The same of an open file, a memory file received from elsewhere, say. The descriptor stays the
 * caller's; the map has its own duplicate of it. -EACCES where it was not opened for `access`. */
METE_API METE_NODISCARD int mete_map_open_file(mete_map **out, int file,
                                               const mete_map_options *options);

/* A new file without a name, in memory, of `size` zero bytes: it can be sealed, handed on to other
 * processes (mete_map_file) and grown. options: access, flags (METE_MAP_SPARSE is what it is in any
 * case), reserve, page_size, name. */
METE_API METE_NODISCARD int mete_map_memory(mete_map **out, size_t size,
                                            const mete_map_options *options);

/* `size` zero bytes without any file. options: the same. */
METE_API METE_NODISCARD int mete_map_anonymous(mete_map **out, size_t size,
                                               const mete_map_options *options);

/* A new file of create_size zero bytes that nobody sees, until mete_map_commit() puts it in the
 * place of `path` in one step. Closing without a commit leaves the old file as it was. It gets the
 * old file's permissions (create_mode where there is none). access is READ | WRITE if not given.
 * -ELOOP where path is a symbolic link. */
METE_API METE_NODISCARD int mete_map_replace(mete_map **out, const char *path,
                                             const mete_map_options *options);

/* Writes the bytes to the disk, gives the file its name, and writes the directory to the disk: at
 * every instant, a power cut included, `path` is the old file whole or the new file whole. Then the
 * map is one of that file. Where it fails before the new name, the old file is still there and it
 * can be tried again. -EINVAL for a map that is no replacement, or committed already. */
METE_API METE_NODISCARD int mete_map_commit(mete_map *map);

/* Ends the map, or this view of it; the memory goes when its last view is closed. Does not write
 * back (the kernel does, later: mete_map_flush). 0, or the error of a write-back that nobody has
 * been told of; the map is closed in any case. NULL is ignored. */
METE_API int mete_map_close(mete_map *map);

/* ---- what it is ---- */

/* The first byte. Not NULL, also where size is 0; valid until close, or a resize that moves. */
METE_API void *mete_map_data(const mete_map *map) METE_NONNULL(1);
METE_API size_t mete_map_size(const mete_map *map) METE_NONNULL(1);

/* What is wrong with the map's bytes:
 *   0        nothing: all of them are the file's
 *   -ENXIO   the file was cut short; from now on, until a resize maps it anew
 *   -EIO     a page could not be read; -ENOSPC, -EDQUOT: it had no room on the disk; from now on
 *   other    a write-back failed since the last call; told once
 * Looks at the file's length as well, and so finds a cut that nobody has met yet. */
METE_API int mete_map_error(const mete_map *map) METE_NONNULL(1);

/* The descriptor of the map's file, -1 for anonymous maps. It stays the map's. */
METE_API int mete_map_file(const mete_map *map) METE_NONNULL(1);

typedef struct mete_map_info {
    const void *data;
    size_t size;            /* bytes of this map or view */
    uint64_t file_offset;   /* of the first byte */
    uint64_t device, inode; /* of the file; 0 without */
    size_t page_size;       /* bytes of the pages it is made of */
    size_t reserved_bytes;  /* address space held, shared by all views */
    size_t resident_bytes;  /* in memory now */
    size_t huge_bytes;      /* in huge pages now */
    unsigned access;        /* METE_MAP_READ …, as it is now */
    unsigned obtained;      /* which of the wishes came true, and METE_MAP_NAMED */
    unsigned seals;         /* METE_MAP_SEAL_* */
    unsigned views;         /* maps that share the memory, this one included */
} mete_map_info;

METE_API int mete_map_info_read(const mete_map *map, mete_map_info *out) METE_NONNULL(1, 2);

/* ---- copies that never fault ---- */

/* Copies bytes out of or into the map. The number copied: less than `size` where the map ends
 * (0 at its end), or at the first byte that is lost; a negative errno, that of mete_map_error,
 * where that is the very first. -EACCES for writing to a map without WRITE or COPY. A file cut in
 * the middle of a page while the copy runs reads as zeros to that page's end. */
METE_API METE_NODISCARD ptrdiff_t mete_map_read(const mete_map *map, size_t offset, void *to,
                                                size_t size) METE_NONNULL(1);
METE_API METE_NODISCARD ptrdiff_t mete_map_write(mete_map *map, size_t offset, const void *from,
                                                 size_t size) METE_NONNULL(1);

/* Reads the range in from the disk, and says how many bytes from `offset` on are there: exact to
 * the byte, and, other than a read, it leaves the map alone. A negative errno where none is. */
METE_API METE_NODISCARD ptrdiff_t mete_map_probe(const mete_map *map, size_t offset, size_t length)
    METE_NONNULL(1);

/* For a program's own SIGBUS handler (`address` is its si_addr): whether the fault was in a map and
 * is repaired, so that the handler returns. Async-signal-safe. */
METE_API bool mete_map_repair(const void *address);

/* ---- to the disk ---- */

/* Writes the range to the disk and waits for it; if opening created the file, its directory, too.
 * -EINVAL for a read-only or private map (not for one that mete_map_protect made read-only: it may
 * have been stored to before); -ENXIO where bytes of the range are lost; the error of a write-back
 * that failed, now or earlier, until mete_map_error() has told of it. */
METE_API METE_NODISCARD int mete_map_flush(mete_map *map, size_t offset, size_t length)
    METE_NONNULL(1);

/* Starts the writing (msync's MS_ASYNC does not) and does not wait for it. Errors as above; those
 * of this write-back come with the next flush. */
METE_API int mete_map_flush_async(mete_map *map, size_t offset, size_t length) METE_NONNULL(1);

/* ---- size ---- */

/* Gives the map `size` bytes. A file that is shorter than that grows (map with WRITE), its disk
 * space taken first unless METE_MAP_SPARSE; it is never cut. Bytes of the file that were lost or
 * appeared since are mapped anew, and mete_map_error() begins again. -EBUSY where there are views;
 * -ENXIO where the file is too short and the map may not write; -ENOMEM where the bytes would have
 * to move and may not (METE_MAP_STAY), or beyond the reservation; -EAGAIN where the map is locked
 * and what is added cannot be; -EINVAL where memory of METE_MAP_SHARED would grow without a
 * reservation (in one, what is added is shared with children of later forks); -ENOSPC, -EDQUOT,
 * -EFBIG. */
METE_API METE_NODISCARD int mete_map_resize(mete_map *map, size_t size) METE_NONNULL(1);

/* Cuts the file where the map ends. -EINVAL for a read-only, private or anonymous map. */
METE_API METE_NODISCARD int mete_map_cut(mete_map *map) METE_NONNULL(1);

/* ---- parts ---- */

/* A map of a part of the map: the same memory, kept until both are closed. A length of 0 means up
 * to the end. */
METE_API METE_NODISCARD int mete_map_view(mete_map **out, const mete_map *map, size_t offset,
                                          size_t length) METE_NONNULL(1, 2);

/* Cuts the map in two at `offset`: the map keeps what is before, *out gets the rest. */
METE_API METE_NODISCARD int mete_map_split(mete_map *map, size_t offset, mete_map **out)
    METE_NONNULL(1, 3);

/* ---- pages ---- */

/* Allows other things from now on: to make a map read-only, writable, executable. COPY and WRITE
 * cannot be exchanged (-EINVAL). -EACCES where the file was not opened for it; -EBUSY where there
 * are views. */
METE_API METE_NODISCARD int mete_map_protect(mete_map *map, unsigned access) METE_NONNULL(1);

/* What the kernel is told of a range of pages. */
typedef enum mete_map_advice {
    METE_MAP_ADVICE_NORMAL = 1,
    METE_MAP_ADVICE_RANDOM,         /* no reading ahead */
    METE_MAP_ADVICE_SEQUENTIAL,     /* much reading ahead */
    METE_MAP_ADVICE_WILL_NEED,      /* start reading it now */
    METE_MAP_ADVICE_POPULATE_READ,  /* read it now, and wait: -ENXIO, -EIO as mete_map_error */
    METE_MAP_ADVICE_POPULATE_WRITE, /* the same, ready to be stored to; -ENOSPC on a full disk */
    METE_MAP_ADVICE_COLD,           /* first to go where memory is short */
    METE_MAP_ADVICE_PAGE_OUT,       /* out of memory now */
    METE_MAP_ADVICE_HUGE,           /* huge pages are welcome */
    METE_MAP_ADVICE_NO_HUGE,
    METE_MAP_ADVICE_COLLAPSE, /* make huge pages of it now; -EINVAL before Linux 6.1 */
    METE_MAP_ADVICE_MERGEABLE,
    METE_MAP_ADVICE_UNMERGEABLE,
    METE_MAP_ADVICE_DONT_FORK, /* children of fork do not have it */
    METE_MAP_ADVICE_DO_FORK,
    METE_MAP_ADVICE_WIPE_ON_FORK, /* children of fork find zeros; anonymous maps only */
    METE_MAP_ADVICE_KEEP_ON_FORK,
    METE_MAP_ADVICE_DONT_DUMP, /* not in core files */
    METE_MAP_ADVICE_DO_DUMP,
    METE_MAP_ADVICE_HW_POISON, /* tests: as if the memory had failed; -EPERM */
    /* These destroy, and so apply to the pages that lie in the range as a whole; a length of 0 is
     * refused with -EINVAL. */
    METE_MAP_ADVICE_DONT_NEED, /* forget the pages: the file's bytes, or zeros, come back */
    METE_MAP_ADVICE_FREE,      /* the same, but lazily; private anonymous maps only */
    METE_MAP_ADVICE_REMOVE,    /* punch a hole into the file, or the shared memory */
} mete_map_advice;

/* 0 where the kernel has taken it; else what it says, -EINVAL for an advice that it does not know
 * or that does not go with this kind of map. */
METE_API int mete_map_advise(mete_map *map, size_t offset, size_t length, mete_map_advice advice)
    METE_NONNULL(1);

/* Keeps the range in memory, or lets it go again. -ENOMEM, -EPERM above RLIMIT_MEMLOCK; -EAGAIN,
 * -ENOMEM where a page cannot be had. A page is locked or not: unlocking once is enough. */
METE_API int mete_map_lock(mete_map *map, size_t offset, size_t length) METE_NONNULL(1);
METE_API int mete_map_unlock(mete_map *map, size_t offset, size_t length) METE_NONNULL(1);

/* How many bytes of the range's pages are in memory now. */
METE_API METE_NODISCARD int mete_map_residency(const mete_map *map, size_t offset, size_t length,
                                               size_t *resident_bytes) METE_NONNULL(1, 4);

/* ---- seals ---- */

/* What can never be done again to a memory file, by anybody. */
#define METE_MAP_SEAL_SEAL         1u /* setting further seals */
#define METE_MAP_SEAL_SHRINK       2u
#define METE_MAP_SEAL_GROW         4u
#define METE_MAP_SEAL_WRITE        8u  /* this map becomes read-only; -EBUSY while others write */
#define METE_MAP_SEAL_FUTURE_WRITE 16u /* by maps and writes that do not exist yet */

/* Adds seals. -EINVAL where the file is none that can be sealed; -EPERM after METE_MAP_SEAL_SEAL;
 * -EBUSY (METE_MAP_SEAL_WRITE only) also where there are views, and to most kernels a map for
 * reading is another writer, too, if its descriptor may be written to. mete_map_info has those
 * there are: a receiver who finds SHRINK there knows that no byte will be lost. */
METE_API METE_NODISCARD int mete_map_seal(mete_map *map, unsigned seals) METE_NONNULL(1);

METE_END_DECLS

#endif
