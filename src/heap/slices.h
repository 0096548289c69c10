/*
 * heap/slices.h - runs of slices: taken, given back, grown, purged.
 *
 * First fit by address, so that a heap that shrinks empties from its end and what stays is dense. A
 * run given back stays resident for a while, because it is likely to be wanted again soon: at most
 * a quarter of the bytes in use (but 4 MiB always), the rest goes back to the system at once.
 *
 * Invariants (heap/audit.h checks them in this order, after those of region.h):
 *   S1  A slice is used exactly where it is metadata or in one span in use; spans do not overlap.
 *   S2  No slice is both used and dirty.
 *   S3  Used slices are committed; no slice from `top` on is committed, used or dirty.
 *   S4  A bit of `full` is set exactly where all 64 slices of its word are used.
 *   S5  No slice from `first` to `lowest` is free.
 *   S6  The counts in mete__slices_read_stats are the sums of the bitmaps; the peak is no lower.
 *   S7  A committed slice that is neither used nor dirty holds only zeros (mete__audit_zeros).
 *
 * Thread-safe, by one lock that is never held while anything but this and region.h runs. A caller
 * that holds it already (a signal handler that interrupted it) is refused, not deadlocked.
 */
#ifndef METE_HEAP_SLICES_H
#define METE_HEAP_SLICES_H

#include "heap/region.h"

/* A run of `count` slices whose first is a multiple of `align` slices (a power of two), as a span
 * of the given kind with owner, lists and counts zero; NULL where there is none. *zeroed: whether
 * every byte of it is 0. */
METE_HIDDEN struct mete__span *mete__slices_take(size_t count, size_t align,
                                                 enum mete__span_kind kind, bool *zeroed);
/* False where the caller holds the lock already: then the run is lost, not broken. */
METE_HIDDEN bool mete__slices_give(struct mete__span *span);

/* To be called now and then: gives back what has been kept long enough. Does nothing where the lock
 * is taken. */
METE_HIDDEN void mete__slices_tick(void);

/* Makes the span `count` slices long where it stands: gives up its tail, or takes the free slices
 * behind it. False where they are not free; nothing has changed then. */
METE_HIDDEN bool mete__slices_resize(struct mete__span *span, size_t count);

/* The span that `address` lies in, or NULL. Lock-free; *memory is the span's first byte. */
METE_HIDDEN struct mete__span *mete__slices_find(const void *address, char **memory);

/* What the descriptor still says of the span that `address` lay in and that has been given back;
 * NULL where nothing is known. Its kind is METE__SPAN_NONE, and of the rest nothing is certain: for
 * naming errors only. */
METE_HIDDEN const struct mete__span *mete__slices_find_former(const void *address, char **memory);

METE_HIDDEN char *mete__slices_memory_elsewhere(const struct mete__span *span);

/* The first byte of a span in use. */
METE_INLINE char *mete__slices_memory(const struct mete__span *span) {
    size_t offset = (uintptr_t)span - mete__region_home.base;
    if (METE_LIKELY(offset < mete__region_home.extent))
        return (char *)mete__region_home.base + (offset << (METE__SLICE_SHIFT - 6));
    return mete__slices_memory_elsewhere(span);
}

/* As mete__slices_find, quickest for an address in the first slice of a span. */
METE_INLINE struct mete__span *mete__slices_find_head(const void *address, char **memory) {
    struct mete__span *span = mete__span_home(address);
    if (METE_UNLIKELY(span == NULL || span->kind == METE__SPAN_NONE))
        return mete__slices_find(address, memory);
    *memory = (char *)mete__round_down((uintptr_t)address, METE__SLICE_SIZE);
    return span;
}

/* Calls visit with every span in use until it returns false; returns false then. Lock-free. */
METE_HIDDEN bool mete__slices_each(bool (*visit)(void *context, struct mete__span *span,
                                                 char *memory),
                                   void *context);

/* Returns free resident slices to the system; the bytes returned. */
METE_HIDDEN size_t mete__slices_purge(void);

struct mete__slices_stats {
    size_t used_bytes;      /* in spans */
    size_t peak_used_bytes; /* the most there ever were */
    size_t dirty_bytes;     /* free but probably resident */
    size_t committed_bytes; /* readable and writable, metadata not counted */
};
METE_HIDDEN void mete__slices_read_stats(struct mete__slices_stats *stats);

/* In the child of a fork, before any other call: whoever held the lock is gone. All is rebuilt from
 * the spans that can be found; one that a vanished thread had just taken or not yet given back
 * entirely may be lost. */
METE_HIDDEN void mete__slices_after_fork(void);

#endif
