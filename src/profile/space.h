/*
 * profile/space.h - the bytes of a profile: one mapping that grows from its front.
 *
 * A space is a sparse file mapped shared at its largest size, or private memory of that size where
 * there is to be no file. Ranges are taken from it one after the other and never given back. A
 * range is inaccessible until taken, so that mlockall does not fill the whole space with pages, and
 * its pages are populated before they are stored to, so that a full disk is an error value and
 * never a SIGBUS.
 *
 * take and populate are lock-free and async-signal-safe; the other functions must not be raced with
 * anything.
 */
#ifndef METE_PROFILE_SPACE_H
#define METE_PROFILE_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "os/file.h"

struct mete__space {
    unsigned char *base; /* NULL: not open */
    size_t mapped;       /* bytes of address space */
    size_t size;         /* bytes that can be taken in all: as mapped, until it is sealed */
    uint64_t used;       /* atomic: bytes taken; where the next range starts */
    bool has_file;       /* a file, named or not, that outlives the process's memory */
    bool unsaved;        /* the file has no name yet: its contents must be written out at the end */
    bool all_present; /* its pages were all taken when it was opened: nothing is populated later */
    struct mete__file_identity file; /* where it has one */
};

/* Opens a space of at most `limit` bytes, the first `front` bytes (whole pages) of it taken and
 * present. `path` names the new file; NULL asks for private memory. The size is lowered to what
 * RLIMIT_FSIZE, RLIMIT_AS and the file system allow. Where files of that kind cannot be mapped
 * shared, the space is a nameless file (unsaved). Negative errno: nothing is open, no file is left.
 */
METE_HIDDEN int mete__space_open(struct mete__space *space, const char *path, uint64_t limit,
                                 size_t front);
METE_HIDDEN void mete__space_close(struct mete__space *space);

/* Takes the next `size` bytes (whole pages); `share` of the space's size, in eighths, may be taken
 * in all. The offset, or -ENOSPC. The bytes are zero, and in a file are to be populated before the
 * first store. */
METE_HIDDEN int64_t mete__space_take(struct mete__space *space, size_t size, unsigned share);
/* Makes the pages of a taken range present. -ENOSPC where the disk is full. */
METE_HIDDEN int mete__space_populate(struct mete__space *space, uint64_t offset, size_t size);

/* From now on nothing can be taken any more, and the named file ends where the last range does.
 * What has been taken stays in use. Races with take. */
METE_HIDDEN int mete__space_seal(struct mete__space *space, const char *path);

/* Gives a forked child a space of its own at the same addresses, with `image`, the first `used`
 * bytes as the child shall find them (from mete__memory_map; taken over in any case). `path` as in
 * open. Where that file cannot be made the reason is returned and private memory takes its place;
 * the space is closed where there is none either. The parent's file is out of reach afterwards,
 * whatever happens. */
METE_HIDDEN int mete__space_replace(struct mete__space *space, const char *path, void *image);

#endif
