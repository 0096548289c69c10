/*
 * analysis/symbols/backtrace.h - a stack as its reader wants it.
 *
 * The complete stack begins at the caller of malloc. What a person is shown of it leaves out more:
 * wrappers around malloc at the inner end, and what starts a program or a thread at the outer end.
 * A wrapper is also seen from a few frames away: what it calls is its own business.
 */
#ifndef METE_ANALYSIS_SYMBOLS_BACKTRACE_H
#define METE_ANALYSIS_SYMBOLS_BACKTRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/symbols/frame.h"
#include "analysis/symbols/symbols.h"
#include "profile/reader.h"

/* So many frames, seen from one that is no wrapper, may be what a wrapper around them calls. */
#define METE__BACKTRACE_INSIDE 3

/* Zero-initialised it is empty; it may be read into again and again. */
struct mete__backtrace {
    const struct mete__frame **frames; /* innermost first, the allocator's own left out */
    size_t count;
    size_t capacity;
    size_t cut;        /* frames of the allocator's own that were left out */
    size_t shown_from; /* frames [shown_from, shown_to) are for people: never none but of an empty
                          stack */
    size_t shown_to;
    size_t guessed_after; /* callers of this frame are by frame pointers only; SIZE_MAX: none are */
    bool truncated;       /* there were more frames at the outer end */
};

/* Reads the frames of `stack`; those that were not resolved are left out. -ENOMEM. */
int mete__backtrace_read(struct mete__backtrace *backtrace, const struct mete__profile *profile,
                         const struct mete__symbols *symbols, uint32_t stack);
void mete__backtrace_free(struct mete__backtrace *backtrace);

/* A walk from a stack's innermost frame outwards that needs no more names than it has passed. */
struct mete__backtrace_cursor {
    uint32_t node; /* where the next frame is; 0: at the end */
    size_t index;  /* of the next frame among the node's */
};

/* The next frame, and past it. NULL, and the cursor stays: at the end, or where the node has no
 * names yet. */
const struct mete__frame *mete__backtrace_next(const struct mete__profile *profile,
                                               const struct mete__symbols *symbols,
                                               struct mete__backtrace_cursor *cursor);

/* The frame that a site is named after: frames[shown_from] of its backtrace. The cursor is then
 * past it. NULL: the stack is empty, or the cursor's node (not 0) has to be resolved before asking
 * again. */
const struct mete__frame *mete__backtrace_headline(const struct mete__profile *profile,
                                                   const struct mete__symbols *symbols,
                                                   uint32_t stack,
                                                   struct mete__backtrace_cursor *cursor);

/* Whether the frame is among those that start a program or a thread, which people are not shown. */
bool mete__backtrace_starts(const struct mete__frame *frame);

#endif
