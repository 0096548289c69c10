/*
 * track/unwind_reach.h - the part of a stack that is known to be readable.
 *
 * An unwinder that follows correct tables from a live frame reads only live frames. This is the
 * second line of defence, for tables that are wrong: no word is read that does not lie between the
 * stack pointer and the end of readable memory above it, without a gap. It needs no idea of whose
 * stack it is, so threads' stacks, alternate signal stacks and those of coroutines are all alike.
 *
 * The range grows by asking the kernel once for each page, and is kept from capture to capture: a
 * stack keeps its pages. One reach belongs to one thread.
 */
#ifndef METE_TRACK_UNWIND_REACH_H
#define METE_TRACK_UNWIND_REACH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct mete__unwind_reach {
    uintptr_t low; /* [low, high) can be read; equal: nothing known */
    uintptr_t high;
};

/* A frame larger than this is not believed. */
#define METE__UNWIND_FRAME_LIMIT ((uintptr_t)64 << 20)

/* Grows the reach, or moves it, so that it holds all of [from, to). False where it cannot: then it
 * may have changed, but holds only what can be read. */
METE_HIDDEN bool mete__unwind_reach_grow(struct mete__unwind_reach *reach, uintptr_t from,
                                         uintptr_t to);

/* Whether [from, to) is, or can be made, part of the reach. */
METE_INLINE bool mete__unwind_reach_holds(struct mete__unwind_reach *reach, uintptr_t from,
                                          uintptr_t to) {
    if (METE_LIKELY(from >= reach->low && to <= reach->high && from <= to)) return true;
    return mete__unwind_reach_grow(reach, from, to);
}

/* Reads a word that may be anywhere, in the reach or not. */
METE_HIDDEN METE_MUST_USE bool mete__unwind_reach_read(const struct mete__unwind_reach *reach,
                                                       uintptr_t address, uintptr_t *out);

#endif
