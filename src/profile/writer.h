/*
 * profile/writer.h - writing the profile of this process, while it runs.
 *
 * A process has one profile at most, so the writer is one set of functions without an object. The
 * file is mapped shared at its full (sparse) size when it is opened, and its descriptor closed;
 * from then on appending is arithmetic and stores. Space is taken from the disk step by step, in a
 * way that turns a full disk into an error value, never into a signal. Where nothing can or shall
 * be written to disk, the same tables live in memory.
 *
 * Appending is lock-free, allocates nothing from the heap and is async-signal-safe: any thread, any
 * time. Records never move: the address of one stays good until the writer closes, also in a forked
 * child that has gone on to a file of its own (mete__writer_fork).
 */
#ifndef METE_PROFILE_WRITER_H
#define METE_PROFILE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "profile/format.h"

#define METE__WRITER_LIMIT_DEFAULT ((uint64_t)1 << 30)
#define METE__WRITER_LIMIT_MAX     ((uint64_t)UINT32_MAX) /* offsets fit 32 bits */

struct mete__writer_options {
    /* A new file; a regular one that is there is replaced. NULL: memory only. */
    const char *path;
    /* The file's largest size; 0: METE__WRITER_LIMIT_DEFAULT. Lowered to METE__WRITER_LIMIT_MAX and
     * to what RLIMIT_FSIZE and RLIMIT_AS leave. */
    uint64_t limit_bytes;
};

/* Makes the profile, with the header's fixed part filled (magic to page_size, pid, clocks).
 * Negative errno where it cannot be made (-ENOSPC: disk full, -EFBIG: no room under the limits);
 * then nothing is open and no file left. Not to be raced with anything else. */
METE_HIDDEN int mete__writer_open(const struct mete__writer_options *options);
/* Unmaps; the file keeps its sparse length, `used_bytes` of it in use. For tests and failed starts.
 */
METE_HIDDEN void mete__writer_close(void);
METE_HIDDEN bool mete__writer_is_open(void);
/* Whether readers can find the profile while it grows: false for memory only. */
METE_HIDDEN bool mete__writer_has_file(void);
/* Whether the file has no name, because none of that file system can be mapped shared: the profile
 * is then to be saved when the program ends. */
METE_HIDDEN bool mete__writer_is_unsaved(void);
/* Bytes of address space it takes: the limit, as lowered. */
METE_HIDDEN size_t mete__writer_size(void);

/* The mapped header, or NULL where nothing is open. Fields said to be atomic are stored with
 * __atomic. */
METE_HIDDEN struct mete_profile_header *mete__writer_header(void);

/* Takes the next `count` (at least 1) records of a section, zeroed, and returns the index of the
 * first; they are not published yet. Neighbours in index may lie apart in memory. -ENOSPC where the
 * limit or the disk is reached, -EBADF where nothing is open. */
METE_HIDDEN int64_t mete__writer_reserve(enum mete_profile_section section, uint64_t count);
/* The record's place; it must have been reserved. */
METE_HIDDEN void *mete__writer_record(enum mete_profile_section section, uint64_t index);
/* The inverse; UINT64_MAX for what is no record of the section. */
METE_HIDDEN uint64_t mete__writer_index(enum mete_profile_section section, const void *record);
/* Lets readers see the records up to `index`, itself included. */
METE_HIDDEN void mete__writer_publish(enum mete_profile_section section, uint64_t index);
/* reserve, copy, publish: the index of the new record or a negative errno. */
METE_HIDDEN int64_t mete__writer_append(enum mete_profile_section section, const void *record);
/* Records reserved so far. */
METE_HIDDEN uint64_t mete__writer_count(enum mete_profile_section section);

/* Adds `length` bytes and a NUL to the strings; the reference to store in a record, or 0 where they
 * do not fit. */
METE_HIDDEN uint64_t mete__writer_string(const char *text, size_t length);

/* Writes a copy of the profile, as it is now, to a new file (a regular one that is there is
 * replaced). Async-signal- safe. On failure no file is left. */
METE_HIDDEN int mete__writer_save(const char *path);

/* Ends the growth of the profile, and cuts its file, if that is still the one at `path`, to what is
 * in use. Records may still change. */
METE_HIDDEN int mete__writer_seal(const char *path);

/* In the child of a fork, before it writes anything: gives it a profile of its own at the same
 * addresses. The stack tree, modules, strings, sites and shards are as in the parent (counters as
 * the parent's file has them now: the caller knows what they were at the fork); moments, errors and
 * leaks are empty. `path` as in the options. Where the file cannot be made the reason is returned
 * and the profile is in memory only, or closed where there is no memory. */
METE_HIDDEN int mete__writer_fork(const char *path);

#endif
