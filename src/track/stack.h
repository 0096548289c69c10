/*
 * track/stack.h - the call stack of the present moment, as a node of the stack tree.
 *
 * Two captures of a thread in a row share almost all frames, so a thread remembers its last one
 * (the memo): of each frame its state and the words of the stack that lead from it to the next. A
 * capture unwinds only until it meets a state of the memo, and from there on asks whether those
 * words are still the same. Equal state and equal words mean equal frames: what an unwinder does
 * next depends on nothing else. Equal words without the equal state would not: under a larger
 * alloca a stale return address may lie in the very place.
 *
 * Exact or cut: a stack has at most METE__STACK_DEPTH_MAX frames, the innermost ones; one that is
 * longer, or whose rest cannot be found, is marked METE_NODE_TRUNCATED.
 */
#ifndef METE_TRACK_STACK_H
#define METE_TRACK_STACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "heap/watch.h"

#define METE__STACK_DEPTH_MAX 512

/* A thread's memory of its last capture; used by one thread at a time, and by whichever takes it
 * over. A signal handler may capture with the memo that it has interrupted a capture with: it gets
 * a memo of its own behind it. */
struct mete__stack_memo;

/* NULL where there is no memory. Never destroyed: it is handed on. */
METE_HIDDEN struct mete__stack_memo *mete__stack_memo_create(void);

/* The node of the stack whose innermost frame is `caller`, which must be live. 0 where there is no
 * memory for it. Async-signal-safe, allocation-free, keeps errno. */
METE_HIDDEN uint32_t mete__stack_capture(struct mete__stack_memo *memo,
                                         const struct mete__caller *caller);

/* The same without use of the memo's memory of earlier captures: to check one against the other. */
METE_HIDDEN uint32_t mete__stack_capture_anew(struct mete__stack_memo *memo,
                                              const struct mete__caller *caller);

/* What captures with a memo cost so far; for tests and benchmarks. */
struct mete__stack_counts {
    uint64_t captures;
    uint64_t fresh_frames;  /* frames that had to be unwound */
    uint64_t checked_words; /* words compared in place of unwinding */
    uint64_t exact;         /* captures that needed all registers */
};
METE_HIDDEN const struct mete__stack_counts *
mete__stack_memo_counts(const struct mete__stack_memo *memo);

#endif
