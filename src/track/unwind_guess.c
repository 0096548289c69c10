/* track/unwind_guess.h: one link of the frame pointer chain, verified. */
#include "track/unwind_guess.h"

#include "os/probe.h"

/* Return addresses that were verified, any one over an older one: asking the kernel again for each
 * frame of a deep stack of made code took most of the time of a capture. What is met here may be
 * other code by now, or none, but it is not looked at, and the frame is marked as a guess. */
enum { VERIFIED_BITS = 10 };
static uintptr_t verified[1 << VERIFIED_BITS]; /* atomic; 0: none */

static uintptr_t *place_of(uintptr_t pc) {
    return &verified[(uint64_t)pc * 0x9e3779b97f4a7c15u >> (64 - VERIFIED_BITS)];
}

bool mete__unwind_guess_is_return(uintptr_t pc) {
    if (pc < METE__PROBE_STEP || pc > METE__ROW_PC_MASK) return false;
    uintptr_t *place = place_of(pc);
    if (__atomic_load_n(place, __ATOMIC_RELAXED) == pc) return true;
    if (!mete__probe_readable(pc - 8) || !mete__arch_follows_call(pc)) return false;
    __atomic_store_n(place, pc, __ATOMIC_RELAXED);
    return true;
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
