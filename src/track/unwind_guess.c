/* track/unwind_guess.h: one link of the frame pointer chain, verified. */
#include "track/unwind_guess.h"

#include "os/probe.h"

bool mete__unwind_guess_is_return(uintptr_t pc) {
    return pc >= METE__PROBE_STEP && pc <= METE__ROW_PC_MASK && mete__probe_readable(pc - 8) &&
           mete__arch_follows_call(pc);
}

bool mete__unwind_guess_step(struct mete__unwind_state *state, struct mete__unwind_reach *reach) {
    uintptr_t fp = state->fp;
    if (fp % 8 != 0 || fp < state->sp || fp - state->sp > METE__UNWIND_FRAME_LIMIT) return false;
    if (!mete__unwind_reach_holds(reach, state->sp, fp + 16)) return false;

    const uintptr_t *link = (const uintptr_t *)fp; /* {caller's fp, return address} */
    uintptr_t pc = mete__arch_strip(link[1]);
    if (!mete__unwind_guess_is_return(pc)) return false;
    *state = (struct mete__unwind_state){.pc = pc, .sp = fp + 16, .fp = link[0]};
    return true;
}
