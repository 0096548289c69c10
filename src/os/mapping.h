/*
 * os/mapping.h - mappings made for the program: of its files, of memory files, of nothing.
 *
 * os/memory.h serves mete's own heap and tables. This is what mete/map.h stands on: mmap and its
 * relatives, each with its errors told apart. Starts and sizes are multiples of the page size
 * (of the huge page's, for those). Functions return 0 or a negative errno, change nothing where
 * they fail unless said otherwise, keep errno, and may be called by any thread.
 */
#ifndef METE_OS_MAPPING_H
#define METE_OS_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

enum {
    METE__MAPPING_READ = 1,
    METE__MAPPING_WRITE = 2,
    METE__MAPPING_EXEC = 4,
    METE__MAPPING_SHARED = 8,
    METE__MAPPING_NO_RESERVE = 16,
    METE__MAPPING_STACK = 32,
    METE__MAPPING_HUGE = 64, /* anonymous: of huge pages that were set aside */
};

struct mete__mapping_request {
    void *where;      /* goes in the place of what is there; NULL: anywhere */
    size_t size;      /* bytes, not 0 */
    unsigned flags;   /* METE__MAPPING_* */
    int file;         /* -1: zeros */
    uint64_t offset;  /* in the file, a multiple of the page size */
    size_t huge_page; /* with HUGE: its bytes; 0: the system's usual one */
};

METE_HIDDEN int mete__mapping_make(const struct mete__mapping_request *request, void **out);
METE_HIDDEN void mete__mapping_remove(void *start, size_t size);

/* Inaccessible address space, uncharged; in the place of what is there, where `where` is not NULL.
 */
METE_HIDDEN int mete__mapping_reserve(void *where, size_t size, void **out);

/* Puts zeros in the place of pages that cannot be had. Async-signal-safe. `flags`: READ, WRITE,
 * EXEC. */
METE_HIDDEN int mete__mapping_cover(void *start, size_t size, unsigned flags);

METE_HIDDEN int mete__mapping_protect(void *start, size_t size, unsigned flags);

/* Gives a mapping another size, elsewhere if it has to and may: *start is where it is then. */
METE_HIDDEN int mete__mapping_resize(void **start, size_t old_size, size_t new_size, bool may_move);

enum mete__mapping_advice {
    METE__MAPPING_NORMAL,
    METE__MAPPING_RANDOM,
    METE__MAPPING_SEQUENTIAL,
    METE__MAPPING_WILL_NEED,
    METE__MAPPING_COLD,
    METE__MAPPING_PAGE_OUT,
    METE__MAPPING_WANTS_HUGE,
    METE__MAPPING_NO_HUGE,
    METE__MAPPING_COLLAPSE,
    METE__MAPPING_MERGEABLE,
    METE__MAPPING_UNMERGEABLE,
    METE__MAPPING_DONT_FORK,
    METE__MAPPING_DO_FORK,
    METE__MAPPING_WIPE_ON_FORK,
    METE__MAPPING_KEEP_ON_FORK,
    METE__MAPPING_DONT_DUMP,
    METE__MAPPING_DO_DUMP,
    METE__MAPPING_HW_POISON,
    METE__MAPPING_DONT_NEED,
    METE__MAPPING_FREE,
    METE__MAPPING_REMOVE,
};
METE_HIDDEN int mete__mapping_advise(void *start, size_t size, enum mete__mapping_advice advice);

/* Has every page of the range present, for stores too where `writable`, and raises no signal.
 * -EFAULT where a page cannot be had (those before it may be there), -ENOSYS before Linux 5.14. */
METE_HIDDEN int mete__mapping_populate(void *start, size_t size, bool writable);

/* Writes what was stored into a shared mapping of a file to the disk, and waits. */
METE_HIDDEN int mete__mapping_sync(void *start, size_t size);

METE_HIDDEN int mete__mapping_lock(void *start, size_t size);
METE_HIDDEN int mete__mapping_unlock(void *start, size_t size);

/* Bytes of the range's pages that are in memory. */
METE_HIDDEN int mete__mapping_resident(void *start, size_t size, size_t *bytes);
/* Bytes of the range that are in huge pages, of whichever kind; 0 also where nobody can tell. Reads
 * the process's list of mappings: milliseconds in a large one. */
METE_HIDDEN size_t mete__mapping_huge(void *start, size_t size);

/* Gives an anonymous range a name that /proc/self/maps shows. A negative errno where the kernel
 * knows no such names. */
METE_HIDDEN int mete__mapping_name(void *start, size_t size, const char *name);

/* Bytes of the system's usual huge page; 0 where it has none. */
METE_HIDDEN size_t mete__mapping_huge_page(void);

/* Makes instructions stored in the range visible to their execution. */
METE_HIDDEN void mete__mapping_ready_code(void *start, size_t size);

#endif
