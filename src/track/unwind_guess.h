/*
 * track/unwind_guess.h - the caller of code that no unwind table describes.
 *
 * Hand-written assembly and code made at run time often keep the chain of frame pointers. Whether
 * this code does, nobody knows, so the step is taken only where everything speaks for it, and the
 * frame it is taken from is marked METE_NODE_GUESSED in the profile: frames may be missing behind
 * it.
 */
#ifndef METE_TRACK_UNWIND_GUESS_H
#define METE_TRACK_UNWIND_GUESS_H

#include <stdbool.h>

#include "track/unwind_step.h"

/* Makes `state` the caller's. False, and nothing changed, where the frame pointer does not look
 * like one: it must point above sp into the stack, at a return address that follows a call. */
METE_HIDDEN METE_MUST_USE bool mete__unwind_guess_step(struct mete__unwind_state *state,
                                                       struct mete__unwind_reach *reach);

/* Whether an address can be a return address: the instruction before it is a call, or was one when
 * it was looked at. */
METE_HIDDEN bool mete__unwind_guess_is_return(uintptr_t pc);

#endif
