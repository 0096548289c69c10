/*
 * map/loss.h - what a map has lost: pages that stand for nothing any more.
 *
 * A file that is cut short, a sector that cannot be read, a disk without room for a hole that is
 * stored into: the processor finds out, and the kernel sends SIGBUS. The fault is looked up in a
 * table of all extents; the page is noted here as lost, and zeros are put in its place, so that the
 * access succeeds. What was lost is never silently found again: see mete__loss_begin.
 *
 * Notes are made before the zeros are there. Whoever has read zeros therefore finds the note.
 *
 * Table and notes are read and written without locks, in signal handlers as well.
 */
#ifndef METE_MAP_LOSS_H
#define METE_MAP_LOSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct mete__extent;

enum { METE__LOSS_PAGES = 12 };

struct mete__loss {
    uintptr_t gone_from;    /* atomic: the file ends before this byte; UINTPTR_MAX: it does not */
    uintptr_t covered_from; /* atomic: zeros from this page on, because the file ended there */
    uint32_t page_count;    /* atomic: pages lost one by one */
    int page_error;         /* atomic: why, of the first of them */
    uintptr_t more_from;    /* atomic: the lowest page that found no room below; all from there on
                               count as lost */
    uintptr_t pages[METE__LOSS_PAGES]; /* atomic; 0: being written */
    void *place;                       /* in the table; NULL: not watched */
};

/* Whether nothing has been noted. */
METE_INLINE bool mete__loss_is_none(const struct mete__loss *loss) {
    return __atomic_load_n(&loss->gone_from, __ATOMIC_ACQUIRE) == UINTPTR_MAX &&
           __atomic_load_n(&loss->page_count, __ATOMIC_ACQUIRE) == 0;
}

/* Nothing is lost (any more). */
METE_HIDDEN void mete__loss_begin(struct mete__loss *loss);

/* From now on faults in the extent's room are repaired. -ENOMEM; what mete__fault_take says. */
METE_HIDDEN int mete__loss_watch(struct mete__extent *extent);
/* The room has moved, or has another size. */
METE_HIDDEN void mete__loss_follow(struct mete__extent *extent);
METE_HIDDEN void mete__loss_forget(struct mete__extent *extent);

/* Whether the address is in an extent that lost its page, and can be read now. */
METE_HIDDEN bool mete__loss_repair(uintptr_t address);

/* Looks at the file's length, and notes a cut below `end`. */
METE_HIDDEN void mete__loss_look(struct mete__extent *extent, uintptr_t end);

/* The first lost byte of [from, to), `to` where there is none. */
METE_HIDDEN uintptr_t mete__loss_first(const struct mete__extent *extent, uintptr_t from,
                                       uintptr_t to);
/* What is wrong with [from, to): 0, -ENXIO, or why a page was lost. */
METE_HIDDEN int mete__loss_error(const struct mete__extent *extent, uintptr_t from, uintptr_t to);

/* Calls visit for ranges of pages that have among them all that zeros were put in. */
METE_HIDDEN int mete__loss_each_cover(const struct mete__extent *extent,
                                      int (*visit)(struct mete__extent *extent, char *start,
                                                   size_t size));

/* Why a page of the file cannot be had, although the file has it: -ENOSPC or -EDQUOT for a hole on
 * a full disk, else -EIO. */
METE_HIDDEN int mete__loss_reason(const struct mete__extent *extent, uintptr_t page);

#endif
