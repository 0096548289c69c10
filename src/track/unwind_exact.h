/*
 * track/unwind_exact.h - from a frame to its caller with all registers.
 *
 * For what a row cannot say: signal frames, expressions, a CFA in any register. It follows the
 * whole set of registers that the tables can recover, beginning with those that a function must
 * preserve, as they are inside mete itself. Nothing is remembered: some hundred ns a frame.
 * Async-signal-safe, no memory is allocated; about 4 KiB of stack.
 */
#ifndef METE_TRACK_UNWIND_EXACT_H
#define METE_TRACK_UNWIND_EXACT_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "track/unwind_arch.h"
#include "track/unwind_reach.h"

struct mete__unwind_registers {
    uintptr_t pc;
    uint32_t known;   /* bit r: values[r] is what the frame has in register r */
    bool interrupted; /* pc is where a signal came, no return address */
    uintptr_t values[METE__ARCH_REGISTERS];
};
static_assert(METE__ARCH_REGISTERS <= 32, "`known` has a bit for each");

enum mete__unwind_outcome {
    METE__UNWIND_STEPPED,
    METE__UNWIND_ENDED,   /* this was the outermost frame */
    METE__UNWIND_LOST,    /* a description is there, but following it fails */
    METE__UNWIND_NO_TABLE /* no description */
};

/* Makes `registers` the caller's; nothing is changed unless it says STEPPED. */
METE_HIDDEN METE_MUST_USE enum mete__unwind_outcome
mete__unwind_exact_step(struct mete__unwind_registers *registers, struct mete__unwind_reach *reach);

/* Whether a signal handler returns to the code at `pc`, which no table describes. */
METE_HIDDEN bool mete__unwind_exact_is_sigreturn(uintptr_t pc);

#endif
