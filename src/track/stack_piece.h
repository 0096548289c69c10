/*
 * track/stack_piece.h - parts of stacks that a thread has unwound before.
 *
 * A piece leads from the state of a frame to the state of another one some frames outside of it, by
 * the words of the stack that lie between. Who is in the first state and finds those words
 * unchanged is in the second, without unwinding; and if the second one's node is known, so is the
 * first one's. Pieces are found by the pc and sp of their first state, four to a set; the oldest
 * gives way.
 *
 * Pieces only ever remember what has been proven once, and prove it again before it is believed. So
 * none is ever wrong for being old, but for code that has been unloaded: then all must be
 * forgotten.
 *
 * A set of pieces belongs to one thread.
 */
#ifndef METE_TRACK_STACK_PIECE_H
#define METE_TRACK_STACK_PIECE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "track/unwind_step.h"

enum {
    METE__STACK_PIECE_WORDS = 18,
    METE__STACK_PIECE_WAYS = 4,
    METE__STACK_PIECE_SETS = 128, /* 128 KiB in all, touched as used */
};

struct mete__stack_piece {
    struct mete__unwind_state from; /* pc 0: no piece here */
    struct mete__unwind_state to;
    uint32_t node; /* of the frame `from` is the state of, if `to` has node `parent` */
    uint32_t parent;
    uint16_t frames; /* from `from` up to `to`, which is not counted */
    uint8_t words;
    uint8_t turn;       /* of a set's first piece: which way of the set, when full, goes next */
    bool from_needs_fp; /* whether fp in `from` decides what follows */
    bool to_has_fp;     /* whether the words prove fp in `to` */
    uint16_t joint;     /* where `to` was in the memo */
    uint16_t distances[METE__STACK_PIECE_WORDS]; /* of the words above from.sp, in words */
    uintptr_t values[METE__STACK_PIECE_WORDS];   /* innermost first */
} METE_ALIGNED(METE_CACHE_LINE);
static_assert(sizeof(struct mete__stack_piece) == 4 * METE_CACHE_LINE, "a piece is four lines");

struct mete__stack_pieces {
    struct mete__stack_piece sets[METE__STACK_PIECE_SETS][METE__STACK_PIECE_WAYS];
};

/* A word of the stack that decided how the unwinding went on. */
struct mete__stack_word {
    const uintptr_t *address;
    uintptr_t value; /* stripped */
};

METE_INLINE struct mete__stack_piece *
mete__stack_piece_set(struct mete__stack_pieces *pieces, const struct mete__unwind_state *state) {
    uint64_t mixed = (state->pc ^ state->sp << 20) * 0x9e3779b97f4a7c15u;
    return pieces->sets[mixed >> 32 & (METE__STACK_PIECE_SETS - 1)];
}

/* Whether the words that the piece goes by are what they were. They are read from the inside
 * outwards, so that each is there because the ones before it hold. */
METE_INLINE bool mete__stack_piece_holds(const struct mete__stack_piece *piece) {
    const uintptr_t *base = (const uintptr_t *)piece->from.sp;
    for (uint32_t i = 0; i < piece->words; i++)
        if (mete__arch_strip(base[piece->distances[i]]) != piece->values[i]) return false;
    return true;
}

/* The piece that leads outwards from `state`, its words proven; NULL where there is none. */
METE_INLINE const struct mete__stack_piece *
mete__stack_piece_find(struct mete__stack_pieces *pieces, const struct mete__unwind_state *state) {
    const struct mete__stack_piece *set = mete__stack_piece_set(pieces, state);
    for (unsigned way = 0; way < METE__STACK_PIECE_WAYS; way++) {
        const struct mete__stack_piece *piece = &set[way];
        if (piece->from.pc == state->pc && piece->from.sp == state->sp &&
            (piece->from.fp == state->fp || !piece->from_needs_fp) &&
            mete__stack_piece_holds(piece))
            return piece;
    }
    return NULL;
}

/* Remembers a piece: `outline` with everything but its words, and these, outermost first. Where
 * they are too many or too far apart, nothing is remembered. */
METE_HIDDEN void mete__stack_piece_add(struct mete__stack_pieces *pieces,
                                       const struct mete__stack_piece *outline,
                                       const struct mete__stack_word *words, uint32_t count);

METE_HIDDEN void mete__stack_piece_forget(struct mete__stack_pieces *pieces);

#endif
