/*
 * guard/fence.h - inaccessible memory around a block, and in its place when it is freed.
 *
 * The block has slices of its own (heap/cushion.h). Everything outside of its zones is fenced while
 * it lives, and then all of it. Where the kernel knows no marks for that, each piece is a mapping,
 * of which a process may have some ten thousand; there, and where address space is limited, only so
 * many blocks have a fence.
 */
#ifndef METE_GUARD_FENCE_H
#define METE_GUARD_FENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "heap/cushion.h"

/* Asks the kernel what it can do. Before the others. */
METE_HIDDEN void mete__fence_start(void);
/* The same, without the marks. */
METE_HIDDEN void mete__fence_start_unmarked(void);

/* Bytes of address space that blocks with a fence may take, live and held. */
METE_HIDDEN size_t mete__fence_limit(void);
/* Whether a block that takes so many more is within all limits. */
METE_HIDDEN bool mete__fence_fits(size_t bytes);

/* Fences what lies outside of the zones. False where the kernel refuses: then nothing is fenced. */
METE_HIDDEN METE_MUST_USE bool mete__fence_raise(const struct mete__cushion *cushion);

/* Fences all of it; its contents are gone. False as above. */
METE_HIDDEN METE_MUST_USE bool mete__fence_close(const struct mete__cushion *cushion);

/* Makes all of it accessible. False where the kernel refuses: then it must not be used again. */
METE_HIDDEN METE_MUST_USE bool mete__fence_lift(const struct mete__cushion *cushion);

#endif
