/*
 * map/extent.h - memory that a map, or several views of it, shows.
 *
 * An extent is one range of address space: at its start what is mapped, behind it what is only
 * reserved. It knows the file behind it, and what of that was lost. A mete_map is a window on an
 * extent; the last one that is closed ends it.
 *
 *   start          start + size         start + room
 *     |  mapped, readable  |  reserved, inaccessible  |
 *
 * Invariants:
 *   E1  start, size, room and offset are multiples of page; size <= room; room > 0.
 *   E2  file < 0 if and only if it is anonymous memory.
 *   E3  A view lies in [start, start + size).
 *   E4  room > size only where is_reserved, or size is 0.
 */
#ifndef METE_MAP_EXTENT_H
#define METE_MAP_EXTENT_H

#include <mete/map.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/caller.h"
#include "base/compiler.h"
#include "map/loss.h"
#include "os/backing.h"
#include "registry/registry.h"

/* A file that is to take another's place, and has not yet. */
struct mete__replacement {
    char name[METE__BACKING_NAME_MAX]; /* the file's own for now; "": none */
    char target[256];                  /* whose place it takes, in the same directory */
    uint32_t process;                  /* made here: a forked child does not remove it */
};

struct mete__extent {
    struct mete__holder holder; /* the registry's; first, so that the one is the other */
    struct mete__loss loss;
    struct mete__territory territory; /* the room */
    char *start;
    size_t size;                 /* bytes; atomic: grows beside readers */
    size_t room;                 /* bytes */
    size_t peak_size;            /* highest size */
    size_t shown_from, shown_to; /* bytes from start: what the views show; atomic */
    uint64_t offset;             /* bytes, in the file, of start */
    size_t page;                 /* bytes of its pages; those of the system, or huge ones */
    struct mete__backing_identity identity; /* of the file */
    struct mete__backing_identity directory_identity;
    int file;        /* -1: anonymous */
    int directory;   /* of a file made by opening, not yet written to the disk; else -1. atomic */
    int write_error; /* of a write-back, not yet told; else 0. atomic */
    unsigned access; /* METE_MAP_READ, and WRITE, COPY, EXEC as may be */
    unsigned flags;  /* options.flags */
    unsigned obtained;
    uint32_t views;                        /* atomic */
    uint64_t views_made;                   /* ever; atomic */
    struct mete__replacement *replacement; /* NULL: none, or done */
    bool is_shared;    /* stores reach the file, or all processes that have the memory */
    bool was_writable; /* stores reached the file, once at least: there is something to flush */
    bool writes_file;  /* the descriptor may be written to */
    bool is_reserved;  /* room stays as it is */
    bool is_memory;    /* a memory file: no disk to fill */
};

struct mete_map {
    struct mete__extent *extent;
    size_t offset; /* bytes from the extent's start */
    size_t size;   /* bytes; atomic: grows beside readers */
};

/* How an extent is to be made. */
struct mete__extent_plan {
    int file;         /* -1: anonymous. The extent's own from success on */
    int directory;    /* of a new file, to be written to the disk with it; -1: none. Likewise */
    uint64_t offset;  /* bytes, any */
    size_t size;      /* bytes, any */
    size_t reserve;   /* bytes, any */
    size_t page;      /* bytes of the pages that the file is made of; 0: the usual */
    size_t huge_page; /* anonymous: bytes of the huge pages wished for; 0: the usual size */
    unsigned access;  /* as in struct mete__extent */
    unsigned flags;   /* METE_MAP_* */
    const char *name; /* NULL: none */
    bool is_memory;   /* a memory file of mete's making */
};

/* A map over a new extent. -ENOMEM; what mmap says. */
METE_HIDDEN int mete__extent_make(const struct mete__extent_plan *plan,
                                  const struct mete__caller *caller, mete_map **out);

/* Another window on the extent, which has one already. NULL: no memory. */
METE_HIDDEN mete_map *mete__extent_view(struct mete__extent *extent, size_t offset, size_t size);
/* Notes that all the program sees of the extent is this window, and parts of it. */
METE_HIDDEN void mete__extent_show(const mete_map *map);
/* Ends the window; the extent, too, where it was the last. */
METE_HIDDEN void mete__extent_leave(mete_map *map);

/* Gives the extent room for `size` bytes from its start, mapped; lost pages below are mapped anew.
 * Nobody else uses it, or it is_reserved and grows. Unchanged where it fails. */
METE_HIDDEN int mete__extent_resize(struct mete__extent *extent, size_t size);

/* Maps all of the extent anew, where it is, after a change of access or is_shared. */
METE_HIDDEN int mete__extent_remap(struct mete__extent *extent);

/* The size of the extent's file now. -EBADF where its descriptor has become somebody else's, or it
 * has none. Async-signal-safe. */
METE_HIDDEN int mete__extent_file_size(const struct mete__extent *extent, uint64_t *size);

/* METE__MAPPING_* bits of protection, and those of the mapping's kind as well. */
METE_HIDDEN unsigned mete__extent_protection(unsigned access);

METE_INLINE size_t mete__extent_size(const struct mete__extent *extent) {
    return __atomic_load_n(&extent->size, __ATOMIC_RELAXED);
}

METE_INLINE bool mete__extent_is_shared_by_views(const struct mete__extent *extent) {
    return __atomic_load_n(&extent->views, __ATOMIC_ACQUIRE) > 1;
}

/* ---- a window's range ---- */

METE_INLINE char *mete__extent_data(const mete_map *map) {
    return map->extent->start + map->offset;
}

METE_INLINE size_t mete__extent_view_size(const mete_map *map) {
    return __atomic_load_n(&map->size, __ATOMIC_RELAXED);
}

/* Bytes [from, to) of the process, of a range given by a caller; -EINVAL where it does not lie in
 * the window. */
struct mete__extent_range {
    uintptr_t from, to;
};
METE_HIDDEN int mete__extent_range(const mete_map *map, size_t offset, size_t length,
                                   struct mete__extent_range *out);
/* The pages that any byte of the range is in. */
METE_HIDDEN struct mete__extent_range mete__extent_pages(const mete_map *map,
                                                         struct mete__extent_range range);

#endif
