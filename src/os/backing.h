/*
 * os/backing.h - the program's files, as maps stand on them.
 *
 * os/file.h has the files that mete writes for itself. These belong to the program: they are opened
 * as it asks, looked at without trust in what they are, and grow so that a full disk is found out
 * before anything depends on the growth.
 *
 * Functions return a descriptor, 0 or a negative errno, keep errno, are no cancellation points, and
 * are async-signal-safe. Every descriptor is close-on-exec, and none is that of a standard stream.
 */
#ifndef METE_OS_BACKING_H
#define METE_OS_BACKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

enum {
    METE__BACKING_WRITE = 1,     /* for reading and writing; else for reading */
    METE__BACKING_NEW = 2,       /* creates it; -EEXIST where there is one */
    METE__BACKING_NO_FOLLOW = 4, /* -ELOOP for a symbolic link */
};

/* Which file a descriptor stands for: tells it from another that has got its number. */
struct mete__backing_identity {
    uint64_t device, inode;
};

/* What a map needs to know of a file. */
struct mete__backing_facts {
    uint64_t size; /* bytes */
    struct mete__backing_identity identity;
    unsigned mode; /* permissions only */
    bool mappable; /* a regular file or a block device */
};

/* A path relative to `directory`, or to the working directory (METE__BACKING_HERE). Never waits for
 * the other end of a pipe. -ENODEV for directories and sockets. */
METE_HIDDEN int mete__backing_open(int directory, const char *path, unsigned flags, unsigned mode);
#define METE__BACKING_HERE (-100) /* AT_FDCWD, checked in backing.c */

METE_HIDDEN int mete__backing_duplicate(int file);
METE_HIDDEN void mete__backing_close(int file);
/* The same, unless the number has come to stand for another file: programs close descriptors that
 * are not theirs, and get the numbers again. */
METE_HIDDEN void mete__backing_close_own(int file, const struct mete__backing_identity *identity);
METE_HIDDEN bool mete__backing_is(int file, const struct mete__backing_identity *identity);
METE_HIDDEN int mete__backing_look(int file, struct mete__backing_facts *facts);
/* Bytes of the huge pages that the file is made of; 0: of the usual ones. */
METE_HIDDEN size_t mete__backing_huge_page(int file);
/* Whether the descriptor may be written to. */
METE_HIDDEN bool mete__backing_is_writable(int file);

/* The file gets `new_size` bytes, more than the `old_size` it has; with `take_space` all of the
 * disk space up to there, holes included. Where it fails the file is as long as before. -ENOSPC,
 * -EDQUOT, -EFBIG (never SIGXFSZ), -EPERM (sealed). */
METE_HIDDEN int mete__backing_grow(int file, uint64_t old_size, uint64_t new_size, bool take_space);
/* Takes space for a range within the file. -EOPNOTSUPP where that cannot be asked. */
METE_HIDDEN int mete__backing_take(int file, uint64_t offset, uint64_t size);
METE_HIDDEN int mete__backing_cut(int file, uint64_t size);

/* Starts writing the range's dirty pages to the disk. */
METE_HIDDEN int mete__backing_start_writing(int file, uint64_t offset, uint64_t size);
/* Writes the file, or the directory, to the disk, and waits. */
METE_HIDDEN int mete__backing_sync(int file);

/* ---- directories ---- */

/* The directory that `path`'s last part is in. */
METE_HIDDEN int mete__backing_open_directory(const char *path);
/* The last part itself; empty where there is none ("/", "a/"). */
METE_HIDDEN const char *mete__backing_last_part(const char *path);
/* A new file in the directory: without a name where the system can (*name is "" then), else under
 * one nobody else has. */
enum { METE__BACKING_NAME_MAX = 32 };
METE_HIDDEN int mete__backing_create_hidden(int directory, unsigned mode,
                                            char name[METE__BACKING_NAME_MAX]);
/* Gives a file without a name one that nobody else has. */
METE_HIDDEN int mete__backing_give_name(int file, int directory, char name[METE__BACKING_NAME_MAX]);
METE_HIDDEN int mete__backing_rename(int directory, const char *from, const char *to);
METE_HIDDEN int mete__backing_remove(int directory, const char *name);
/* The permissions of what has that name; -ELOOP for a symbolic link, -ENODEV for what is no regular
 * file. */
METE_HIDDEN int mete__backing_mode_of(int directory, const char *name, unsigned *mode);
METE_HIDDEN int mete__backing_set_mode(int file, unsigned mode);

/* ---- memory files ---- */

/* A file without a name, of no bytes, in memory; huge_page not 0: of pages of so many bytes. */
METE_HIDDEN int mete__backing_create_memory(const char *name, size_t huge_page);
/* Seals are numbered as in mete/map.h. */
METE_HIDDEN int mete__backing_seal(int file, unsigned seals);
/* 0 also where the file is none that can be sealed. */
METE_HIDDEN unsigned mete__backing_seals(int file);

#endif
