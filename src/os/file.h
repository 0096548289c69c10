/*
 * os/file.h - files that the runtime writes and maps.
 *
 * Descriptors live only as long as one operation needs them: programs close, count and inherit
 * theirs, and must never meet one of mete's. System calls are made directly, so that none is a
 * cancellation point or somebody's interposed wrapper.
 *
 * Everything returns a negative errno on failure, keeps errno, and is async-signal-safe and
 * allocation-free.
 */
#ifndef METE_OS_FILE_H
#define METE_OS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/* A new file, always a new inode, mode 0600, open for reading and writing; its descriptor is not
 * inherited by exec. A regular file of that name is replaced; anything else there (a link, a
 * directory) is -EEXIST. */
METE_HIDDEN int mete__file_create(const char *path);
/* An existing regular file, for reading and writing. Never waits, never follows a link (-ELOOP);
 * what is no regular file is -ENODEV. */
METE_HIDDEN int mete__file_open(const char *path);
/* Any regular file, links followed, to be read; otherwise as above. */
METE_HIDDEN int mete__file_open_to_read(const char *path);
/* The same as create, without a name, in memory. */
METE_HIDDEN int mete__file_create_memory(void);
METE_HIDDEN void mete__file_close(int file);
METE_HIDDEN int mete__file_remove(const char *path);
/* -EEXIST where there is a `to` already. */
METE_HIDDEN int mete__file_rename(const char *from, const char *to);

/* Sets the length; what is added is a hole. -EFBIG beyond the file system's or the process's limit.
 */
METE_HIDDEN int mete__file_set_size(int file, uint64_t size);
/* Which file it is: tells it from another that has got its name. */
struct mete__file_identity {
    uint64_t device, inode;
};
METE_HIDDEN int mete__file_identify(int file, struct mete__file_identity *identity);
/* Cuts the file of that name to `size`, where it is longer. -ESTALE where it is another file. */
METE_HIDDEN int mete__file_trim(const char *path, const struct mete__file_identity *identity,
                                uint64_t size);
/* Takes the file's first `size` bytes from the disk now. -EOPNOTSUPP where the file system cannot.
 */
METE_HIDDEN int mete__file_take_space(int file, uint64_t size);
/* Bytes read at `offset`: fewer than `size` only at the file's end. */
METE_HIDDEN int64_t mete__file_read(int file, void *data, size_t size, uint64_t offset);
/* Writes all of it at the descriptor's own position, which may be no file's: a pipe, a terminal.
 * Where it fails part may be written. */
METE_HIDDEN int mete__file_append(int file, const void *data, size_t size);
/* Writes all of it at `offset`. */
METE_HIDDEN int mete__file_write(int file, const void *data, size_t size, uint64_t offset);

/* Maps the file's first `size` bytes shared, inaccessible at first (mete__memory_commit opens
 * ranges): what mlockall finds inaccessible it does not fill with pages. */
METE_HIDDEN int mete__file_map(int file, size_t size, void **out);
/* Moves a whole mapping over another place, which becomes it at once: no moment without a mapping.
 */
METE_HIDDEN int mete__file_move_map(void *from, size_t size, void *to);
/* Makes every page of a committed range present and writable, so that a store there cannot fail any
 * more. -ENOSPC where the disk is full, -ENOSYS before Linux 5.14. The range may start and end
 * inside pages. */
METE_HIDDEN int mete__file_populate(void *start, size_t size);

/* The largest file the process may write (RLIMIT_FSIZE); UINT64_MAX where unlimited. Beyond it,
 * growing a file raises SIGXFSZ. */
METE_HIDDEN uint64_t mete__file_size_limit(void);

/* `path` as it reads from the root, into `out`. -ENAMETOOLONG where it does not fit. */
METE_HIDDEN int mete__file_absolute(const char *path, char *out, size_t out_size);

#endif
