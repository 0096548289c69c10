/* track/stack.h: the memo, and the walk that stops where it can. */
#include "track/stack.h"

#include <stddef.h>

#include "os/meta.h"
#include "os/probe.h"
#include "track/modules.h"
#include "track/stack_piece.h"
#include "track/tree.h"
#include "track/unwind_exact.h"
#include "track/unwind_guess.h"
#include "track/unwind_step.h"

enum {
    PIECES_MAX = 16,     /* in one stack */
    NESTED_MAX = 4,      /* captures of one thread, each interrupting the one before */
    OWN_FRAMES_MAX = 64, /* of mete's own between a capture and the program */
    WORDS_MAX = 3 * METE__STACK_DEPTH_MAX,
};

struct frame {
    struct mete__unwind_state state;
    uint32_t row;  /* with METE__ROW_NEEDS_FP where it or a frame outside of it uses this fp */
    uint32_t node; /* of a fresh frame its generation and, from bit 16, METE_NODE_* flags */
};

/* Threads that keep short stacks are many: what those use lies in two places, a page each, where
 * one array begins and the one before it, filled from its end, ends. */
struct mete__stack_memo {
    /* words[0, ends[i]) lead from frame i outwards to the end. */
    uint16_t ends[METE__STACK_DEPTH_MAX];
    struct mete__stack_word words[WORDS_MAX];
    struct frame fresh[METE__STACK_DEPTH_MAX]; /* of the capture in progress: see fresh_frame */
    uintptr_t busy;                  /* a capture's frame while it is in progress; 0: none is */
    struct mete__stack_memo *nested; /* for captures that interrupt one with this memo, or NULL */
    struct mete__stack_pieces *pieces;
    struct mete__unwind_reach reach;
    uint64_t unload_state; /* of the modules at the last capture */
    uintptr_t own_start;   /* mete's own text, where it is a library of its own */
    uintptr_t own_size;
    struct mete__stack_counts counts;
    /* The last capture's stack, outermost frame first. */
    uint32_t depth;
    bool cut; /* frames outside of frames[0] were left out, for depth */
    struct frame frames[METE__STACK_DEPTH_MAX];
};

/* Number `index` of the capture in progress, counted from the innermost. */
METE_INLINE struct frame *fresh_frame(struct mete__stack_memo *memo, uint32_t index) {
    return &memo->fresh[METE__STACK_DEPTH_MAX - 1 - index];
}

enum ending {
    JOINED,  /* at a frame of the memo, whose rest holds */
    ENDED,   /* at the outermost frame */
    CUT,     /* at the depth limit */
    LOST,    /* at a frame whose caller cannot be found */
    COMPLEX, /* at a frame that needs all registers */
};

/* A capture in progress. */
struct walk {
    struct mete__stack_memo *memo;
    struct mete__unwind_state state;
    uint32_t fresh; /* frames in memo->fresh */
    uint32_t joint; /* frames of the memo that still hold */
    bool cached;    /* rows may be remembered */
    bool keep;      /* the result may be remembered */
};

struct mete__stack_memo *mete__stack_memo_create(void) {
    struct mete__stack_memo *memo = mete__meta_alloc(sizeof *memo);
    struct mete__module own;
    if (memo == NULL) return NULL;
    memo->pieces = mete__meta_alloc(sizeof *memo->pieces);
    if (memo->pieces == NULL) {
        mete__meta_free(memo, sizeof *memo);
        return NULL;
    }
    if (mete__modules_find((uintptr_t)&mete__stack_memo_create, &own) && !own.main_program) {
        memo->own_start = own.start;
        memo->own_size = own.end - own.start;
    }
    return memo;
}

const struct mete__stack_counts *mete__stack_memo_counts(const struct mete__stack_memo *memo) {
    return &memo->counts;
}

static uint32_t row_kind_fp(uint32_t row) {
    uint32_t kind = METE__ROW_KIND(row);
    return kind == METE__ROW_FP || kind == METE__ROW_FP_WORD;
}

/* Compares the words that lead from a frame of the memo outwards, from the inside: each is where it
 * is because the ones before it hold, so none is read that may be gone. The index of the outermost
 * frame that is still proven, its own words excepted; UINT32_MAX if everything holds. */
METE_INLINE uint32_t first_changed(struct mete__stack_memo *memo, uint32_t frame) {
    uint32_t word = memo->ends[frame];
    memo->counts.checked_words += word;
    while (word-- > 0) {
        if (METE_UNLIKELY(mete__arch_strip(*memo->words[word].address) !=
                          memo->words[word].value)) {
            while (frame > 0 && memo->ends[frame - 1] > word) frame--;
            return frame;
        }
    }
    return UINT32_MAX;
}

/* Whether the capture may end at this frame of the memo: with the depth limit in mind. */
METE_INLINE bool may_join(const struct walk *walk, uint32_t frame) {
    uint32_t total = walk->fresh + frame + 1;
    return walk->memo->cut ? total == METE__STACK_DEPTH_MAX : total <= METE__STACK_DEPTH_MAX;
}

/* Takes frames of the memo, from `from` outwards to `to`, as if they had been unwound. Only what
 * decides the way is proven there, so fp, which is true in walk->state, is followed anew. False
 * where the depth limit is in the way. */
static bool copy_frames(struct walk *walk, uint32_t from, uint32_t to) {
    struct mete__stack_memo *memo = walk->memo;
    uintptr_t fp = walk->state.fp;
    for (uint32_t i = from + 1; i-- > to;) {
        if (walk->fresh == METE__STACK_DEPTH_MAX) return false;
        struct frame frame = memo->frames[i];
        frame.row &= ~METE__ROW_NEEDS_FP;
        frame.node = METE__ROW_GENERATION(frame.row);
        frame.state.fp = fp;
        *fresh_frame(memo, walk->fresh++) = frame;
        walk->state = frame.state;
        if (i == to) break;
        if (METE__ROW_KIND(frame.row) == METE__ROW_FP_WORD)
            fp = *(const uintptr_t *)fp;
        else if (METE__ROW_FP_DISTANCE(frame.row) != 0)
            fp = *(const uintptr_t *)(memo->frames[i - 1].state.sp -
                                      METE__ROW_FP_DISTANCE(frame.row) * 8);
    }
    return true;
}

/* Adds the present frame, with its row. False at the depth limit. */
METE_INLINE bool add_frame(struct walk *walk) {
    uint32_t row = walk->cached ? mete__unwind_row_find(walk->state.pc) : 0;
    uint32_t generation = METE__ROW_GENERATION(row);
    if (METE_UNLIKELY(walk->fresh == METE__STACK_DEPTH_MAX)) return false;
    if (METE_UNLIKELY(row == 0)) {
        struct mete__unwind_code code = mete__unwind_row_compile(walk->state.pc, walk->cached);
        row = code.row;
        generation = code.generation;
        if ((row & METE__ROW_FLEETING) != 0) walk->keep = false;
    }
    *fresh_frame(walk->memo, walk->fresh++) =
        (struct frame){.state = walk->state, .row = row, .node = generation};
    return true;
}

/* From a frame without a table, by its frame pointer. */
static METE_NOINLINE bool guess(struct walk *walk) {
    struct frame *frame = fresh_frame(walk->memo, walk->fresh - 1);
    walk->keep = false;
    if (mete__unwind_guess_step(&walk->state, &walk->memo->reach)) {
        frame->node |= METE_NODE_GUESSED << 16;
        return true;
    }
    /* What does not follow a call was no return address: the frame before was the last one known.
     */
    if (walk->fresh > 1 && !mete__unwind_guess_is_return(walk->state.pc)) walk->fresh--;
    return false;
}

/* Makes the present state that of the last fresh frame's caller. */
METE_INLINE enum ending leave_frame(struct walk *walk) {
    uint32_t row = fresh_frame(walk->memo, walk->fresh - 1)->row;
    uint32_t kind = METE__ROW_KIND(row);
    if (METE_UNLIKELY(kind > METE__ROW_SP_FAR)) {
        if (kind == METE__ROW_END) {
            if (METE__ROW_IS_START(row)) /* its function's first instruction */
                fresh_frame(walk->memo, walk->fresh - 1)->node |= METE_NODE_EXACT_PC << 16;
            return ENDED;
        }
        if (kind == METE__ROW_COMPLEX) return COMPLEX;
        if (!guess(walk)) return LOST;
    } else if (METE_UNLIKELY(!mete__unwind_step(&walk->state, row, &walk->memo->reach))) {
        return LOST;
    }
    if (METE_UNLIKELY(walk->state.pc == 0)) return ENDED;
    if (METE_UNLIKELY(walk->state.pc > METE__ROW_PC_MASK)) return LOST;
    return JOINED; /* so far */
}

METE_INLINE bool is_same_state(const struct frame *frame, const struct mete__unwind_state *state) {
    return frame->state.sp == state->sp && frame->state.pc == state->pc &&
           (frame->state.fp == state->fp || (frame->row & METE__ROW_NEEDS_FP) == 0);
}

/* Unwinds from walk->state until it joins the memo or ends. */
METE_INLINE enum ending unwind(struct walk *walk) {
    struct mete__stack_memo *memo = walk->memo;
    uint32_t candidate = memo->depth; /* frames of the memo that may still be met */
    for (;;) {
        while (candidate > 0 && memo->frames[candidate - 1].state.sp < walk->state.sp) candidate--;
        if (candidate > 0 && is_same_state(&memo->frames[candidate - 1], &walk->state)) {
            uint32_t frame = candidate - 1;
            uint32_t changed = first_changed(memo, frame);
            if (METE_LIKELY(changed == UINT32_MAX) && may_join(walk, frame)) {
                walk->joint = candidate;
                return JOINED;
            }
            uint32_t last = changed == UINT32_MAX ? 0 : changed;
            if (!copy_frames(walk, frame, last)) return CUT;
            candidate = last;
        } else if (!add_frame(walk)) {
            return CUT;
        }
        enum ending ending = leave_frame(walk);
        if (METE_UNLIKELY(ending != JOINED)) return ending;
    }
}

/* Adds a frame that has been unwound with all registers. */
static bool add_exact(struct walk *walk, const struct mete__unwind_registers *registers) {
    struct mete__module module;
    if (walk->fresh == METE__STACK_DEPTH_MAX) return false;
    uint32_t generation = 0, flags = registers->interrupted ? METE_NODE_EXACT_PC : 0;
    if (mete__modules_find(registers->pc - (registers->interrupted ? 0 : 1), &module))
        generation = module.generation;
    *fresh_frame(walk->memo, walk->fresh++) =
        (struct frame){.state = {.pc = registers->pc}, .node = generation | flags << 16};
    return true;
}

/* The frame pointer chain where all registers are followed but no table says how. */
static bool guess_exact(struct walk *walk, struct mete__unwind_registers *registers) {
    uint32_t needed = 1u << METE__ARCH_SP | 1u << METE__ARCH_FP;
    if ((registers->known & needed) != needed) return false;
    walk->state = (struct mete__unwind_state){.pc = registers->pc,
                                              .sp = registers->values[METE__ARCH_SP],
                                              .fp = registers->values[METE__ARCH_FP]};
    if (!guess(walk)) return false;
    *registers = (struct mete__unwind_registers){.pc = walk->state.pc, .known = needed};
    registers->values[METE__ARCH_SP] = walk->state.sp;
    registers->values[METE__ARCH_FP] = walk->state.fp;
    return true;
}

/* Unwinds from here, mete's own frames first, with all registers. What has been unwound up to now
 * is kept if the program's first frame is not met on the way. */
static METE_NOINLINE enum ending unwind_exact(struct walk *walk, struct mete__unwind_state from) {
    struct mete__unwind_registers registers = {.known = METE__ARCH_CALLEE_SAVED,
                                               .interrupted = true};
    METE__ARCH_CAPTURE(registers.values, registers.pc);
    struct mete__unwind_reach *reach = &walk->memo->reach;

    walk->keep = false;
    walk->memo->counts.exact++;
    for (unsigned i = 0; registers.pc != from.pc || registers.values[METE__ARCH_SP] != from.sp; i++)
        if (i == OWN_FRAMES_MAX ||
            mete__unwind_exact_step(&registers, reach) != METE__UNWIND_STEPPED)
            return LOST;
    walk->fresh = 0;
    while (add_exact(walk, &registers)) {
        switch (mete__unwind_exact_step(&registers, reach)) {
        case METE__UNWIND_STEPPED: break;
        case METE__UNWIND_ENDED: return ENDED;
        case METE__UNWIND_LOST: return LOST;
        case METE__UNWIND_NO_TABLE:
            if (!guess_exact(walk, &registers)) return LOST;
            break;
        }
        if (registers.pc == 0) return ENDED;
        if (registers.pc > METE__ROW_PC_MASK) return LOST;
    }
    return CUT;
}

static void add_word(struct mete__stack_memo *memo, uint16_t *end, uintptr_t address,
                     uintptr_t value) {
    memo->words[(*end)++] =
        (struct mete__stack_word){.address = (const uintptr_t *)address, .value = value};
}

/* Puts a frame on top of the memo. `caller` is the state it returns to; `needs_fp` whether that or
 * one outside of it uses its fp. */
static void remember(struct mete__stack_memo *memo, struct frame frame, uint32_t node,
                     const struct mete__unwind_state *caller, bool needs_fp) {
    uint32_t depth = memo->depth, row = frame.row, kind = METE__ROW_KIND(row);
    uint16_t end = depth > 0 ? memo->ends[depth - 1] : 0;
    if (caller != NULL) {
        bool saved = METE__ROW_FP_DISTANCE(row) != 0 || kind == METE__ROW_FP_WORD;
        if (needs_fp && saved)
            add_word(memo, &end,
                     kind == METE__ROW_FP_WORD ? frame.state.fp
                                               : caller->sp - METE__ROW_FP_DISTANCE(row) * 8,
                     caller->fp);
        add_word(memo, &end, caller->sp - METE__ROW_RA_DISTANCE(row) * 8, caller->pc);
        if (kind == METE__ROW_FP_WORD) /* read first, and so checked first */
            add_word(memo, &end,
                     frame.state.fp + (uintptr_t)((intptr_t)METE__ROW_CFA_OFFSET(row) * 8),
                     caller->sp);
        if (row_kind_fp(row) || (needs_fp && !saved)) frame.row |= METE__ROW_NEEDS_FP;
    }
    frame.node = node;
    memo->frames[depth] = frame;
    memo->ends[depth] = end;
    memo->depth = depth + 1;
}

/* Cuts what was pushed on the memo into pieces, from the inside outwards to `joint`. */
static void remember_pieces(struct mete__stack_memo *memo, uint32_t joint) {
    uint32_t inner = memo->depth - 1;
    while (inner > joint) {
        uint32_t outer = inner - 1;
        while (outer > joint &&
               memo->ends[inner] - memo->ends[outer - 1] <= METE__STACK_PIECE_WORDS)
            outer--;
        const struct frame *from = &memo->frames[inner], *to = &memo->frames[outer];
        struct mete__stack_piece outline = {
            .from = from->state,
            .to = to->state,
            .node = from->node,
            .parent = to->node,
            .frames = (uint16_t)(inner - outer),
            .from_needs_fp = (from->row & METE__ROW_NEEDS_FP) != 0,
            .to_has_fp = (to->row & METE__ROW_NEEDS_FP) != 0,
            .joint = (uint16_t)outer,
        };
        mete__stack_piece_add(memo->pieces, &outline, &memo->words[memo->ends[outer]],
                              (uint32_t)memo->ends[inner] - memo->ends[outer]);
        inner = outer;
    }
}

/* Gives the fresh frames their nodes, from the outside in, and remembers them. The innermost
 * frame's node, or 0. */
static uint32_t settle(struct walk *walk, enum ending ending) {
    struct mete__stack_memo *memo = walk->memo;
    const struct mete__unwind_state *caller = NULL;
    uint32_t node = 0;
    bool needs_fp = false;

    memo->depth = walk->joint;
    if (walk->joint > 0) {
        const struct frame *frame = &memo->frames[walk->joint - 1];
        node = frame->node;
        caller = &frame->state;
        needs_fp = (frame->row & METE__ROW_NEEDS_FP) != 0;
    } else {
        memo->cut = ending == CUT;
        /* A return address of 0 ends a stack as well, and may be another one next time. */
        if (ending == ENDED && walk->state.pc == 0) caller = &walk->state;
    }
    for (uint32_t i = walk->fresh; i-- > 0;) {
        const struct frame *frame = fresh_frame(memo, i);
        uint32_t flags = frame->node >> 16;
        if (i == walk->fresh - 1 && (ending == CUT || ending == LOST)) flags |= METE_NODE_TRUNCATED;
        node = mete__tree_child(node, mete__tree_key(frame->state.pc, frame->node & 0xffff, flags));
        if (METE_UNLIKELY(node == 0)) break;
        if (METE_UNLIKELY(!walk->keep)) continue;
        remember(memo, *frame, node, caller, needs_fp);
        caller = &frame->state;
        needs_fp = (memo->frames[memo->depth - 1].row & METE__ROW_NEEDS_FP) != 0;
    }
    if (memo->depth > walk->joint) remember_pieces(memo, walk->joint > 0 ? walk->joint - 1 : 0);
    return node;
}

/* The node of a stack made of pieces and, outside of them, the memo. 0: there are none that fit. */
METE_INLINE uint32_t join_pieces(struct mete__stack_memo *memo, struct mete__unwind_state state) {
    const struct mete__stack_piece *chain[PIECES_MAX];
    uint32_t count = 0, frames = 0;
    bool has_fp = true;
    while (count < PIECES_MAX) {
        const struct mete__stack_piece *piece = mete__stack_piece_find(memo->pieces, &state);
        if (piece == NULL || (piece->from_needs_fp && !has_fp)) return 0;
        chain[count++] = piece;
        frames += piece->frames;
        state = piece->to;
        has_fp = piece->to_has_fp;
        const struct frame *frame = &memo->frames[piece->joint];
        if (piece->joint >= memo->depth || !is_same_state(frame, &state)) continue;
        if ((!has_fp && (frame->row & METE__ROW_NEEDS_FP) != 0) ||
            frames + piece->joint + 1 > METE__STACK_DEPTH_MAX ||
            first_changed(memo, piece->joint) != UINT32_MAX)
            return 0;
        uint32_t node = frame->node;
        while (count > 0 && chain[count - 1]->parent == node) node = chain[--count]->node;
        return count == 0 ? node : 0;
    }
    return 0;
}

/* Leaves mete's own frames. False where that fails. */
static bool skip_own(struct walk *walk) {
    struct mete__stack_memo *memo = walk->memo;
    for (unsigned i = 0; METE_UNLIKELY(walk->state.pc - memo->own_start < memo->own_size); i++) {
        walk->fresh = 0;
        if (i == OWN_FRAMES_MAX || !add_frame(walk) || leave_frame(walk) != JOINED) return false;
    }
    walk->fresh = 0;
    return true;
}

METE_INLINE uint32_t capture(struct mete__stack_memo *memo, const struct mete__caller *caller) {
    uint64_t state = mete__modules_state();
    struct walk walk = {
        .memo = memo,
        .state = {.pc = mete__arch_strip(caller->pc), .sp = caller->cfa, .fp = caller->fp},
        .cached = (state & METE__MODULES_UNLOADING) == 0,
        .keep = (state & METE__MODULES_UNLOADING) == 0,
    };
    if (METE_UNLIKELY(state != memo->unload_state)) {
        memo->depth = 0;
        mete__stack_piece_forget(memo->pieces);
        memo->unload_state = state;
    }
    if (!mete__unwind_reach_holds(&memo->reach, walk.state.sp, walk.state.sp)) return 0;
    if (METE_UNLIKELY(!skip_own(&walk))) return 0;

    struct mete__unwind_state from = walk.state;
    if (memo->depth > 0 && !memo->cut) {
        uint32_t last = memo->depth - 1;
        if (is_same_state(&memo->frames[last], &from) && first_changed(memo, last) == UINT32_MAX)
            return memo->frames[last].node;
        uint32_t node = join_pieces(memo, from);
        if (node != 0) return node;
    }
    enum ending ending = unwind(&walk);
    if (METE_UNLIKELY(ending == COMPLEX)) ending = unwind_exact(&walk, from);
    memo->counts.fresh_frames += walk.fresh;
    if (ending == JOINED && walk.fresh == 0) {
        memo->depth = walk.joint;
        return memo->frames[walk.joint - 1].node;
    }
    return settle(&walk, ending);
}

/* Whether the capture that the memo is busy with will never end, because a signal handler left it
 * by longjmp: its frame is below us on the same stack. */
static bool is_abandoned(const struct mete__stack_memo *memo) {
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    struct mete__unwind_reach between = {0, 0};
    return here > memo->busy && !mete__probe_on_signal_stack() &&
           mete__unwind_reach_holds(&between, memo->busy, here);
}

/* The memo itself, or one for a signal handler that interrupted a capture with it. NULL where there
 * is no memory, or interruptions are too deep to be true. */
static METE_NOINLINE struct mete__stack_memo *idle_memo(struct mete__stack_memo *memo) {
    for (unsigned level = 0; level < NESTED_MAX && memo != NULL; level++) {
        if (memo->busy == 0) return memo;
        if (is_abandoned(memo)) {
            memo->depth = 0;
            mete__stack_piece_forget(memo->pieces);
            return memo;
        }
        if (memo->nested == NULL) memo->nested = mete__stack_memo_create();
        memo = memo->nested;
    }
    return NULL;
}

uint32_t mete__stack_capture(struct mete__stack_memo *memo, const struct mete__caller *caller) {
    if (METE_UNLIKELY(memo->busy != 0)) memo = idle_memo(memo);
    if (METE_UNLIKELY(memo == NULL)) return 0;
    memo->busy = (uintptr_t)__builtin_frame_address(0);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    memo->counts.captures++;
    uint32_t node = capture(memo, caller);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    memo->busy = 0;
    return node;
}

uint32_t mete__stack_capture_anew(struct mete__stack_memo *memo,
                                  const struct mete__caller *caller) {
    if (memo->busy == 0) memo->depth = 0;
    return mete__stack_capture(memo, caller);
}
