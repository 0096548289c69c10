/*
 * track/unwind_step.h - from a frame to its caller by a row.
 *
 * The state of a frame is its return address into it, and the stack and frame pointers it finds
 * when that address is reached. If the state is true and the row right, the next state is true.
 */
#ifndef METE_TRACK_UNWIND_STEP_H
#define METE_TRACK_UNWIND_STEP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "track/unwind_reach.h"
#include "track/unwind_row.h"

struct mete__unwind_state {
    uintptr_t pc;
    uintptr_t sp; /* the CFA of the frame it called */
    uintptr_t fp;
};

/* Makes `state` the caller's, by a row of kind SP, FP, FP_WORD or SP_FAR. False, and nothing
 * changed, where the result cannot be: the stack would shrink, or its memory cannot be read. */
METE_INLINE METE_MUST_USE bool mete__unwind_step(struct mete__unwind_state *state, uint32_t row,
                                                 struct mete__unwind_reach *reach) {
    uint32_t kind = METE__ROW_KIND(row);
    intptr_t offset = (intptr_t)METE__ROW_CFA_OFFSET(row) * 8;
    uintptr_t sp = state->sp;
    uintptr_t base = kind == METE__ROW_SP ? sp : state->fp;
    uintptr_t cfa;

    if (METE_UNLIKELY(kind >= METE__ROW_FP_WORD)) {
        if (kind == METE__ROW_SP_FAR) {
            cfa = sp +
                  (uintptr_t)__atomic_load_n(&mete__unwind_row_far[offset / 8], __ATOMIC_RELAXED);
        } else {
            uintptr_t word = base + (uintptr_t)offset;
            if (word % 8 != 0 || word < sp || word > UINTPTR_MAX - 8 ||
                !mete__unwind_reach_holds(reach, sp, word + 8))
                return false;
            cfa = *(const uintptr_t *)word;
        }
    } else {
        cfa = base + (uintptr_t)offset;
    }

    uintptr_t fp_distance = METE__ROW_FP_DISTANCE(row) * 8;
    uintptr_t ra_distance = METE__ROW_RA_DISTANCE(row) * 8;
    uintptr_t lowest = fp_distance > ra_distance ? fp_distance : ra_distance;
    /* One comparison for "rises" and "what is read lies in this frame". */
    if (METE_UNLIKELY(cfa < lowest || cfa - lowest < sp || cfa % 8 != 0 ||
                      !mete__unwind_reach_holds(reach, sp, cfa)))
        return false;
    uintptr_t saved_fp = fp_distance != 0 ? cfa - fp_distance : 0;
    if (METE_UNLIKELY(kind == METE__ROW_FP_WORD)) {
        saved_fp = state->fp;
        if (saved_fp < sp || saved_fp > cfa - 8 || saved_fp % 8 != 0) return false;
    }
    state->pc = mete__arch_strip(*(const uintptr_t *)(cfa - ra_distance));
    if (saved_fp != 0) state->fp = *(const uintptr_t *)saved_fp;
    state->sp = cfa;
    return true;
}

#endif
