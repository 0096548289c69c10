/*
 * track/unwind_row.h - what to do at a return address, in one word.
 *
 * Nearly all frames follow one of a few patterns: the CFA is the stack pointer or the frame pointer
 * plus a constant, the return address is next to it, and the frame pointer is either untouched or
 * saved at a constant distance. A row says which, in 29 bits, so that row and address fit one word,
 * which one atomic load reads whole. What does not fit says so and goes the slow way.
 *
 * Rows are compiled from the unwind tables when a return address is first met, and kept in a hash
 * table of lines of eight; a full line forgets one. Any thread, lock-free, async-signal-safe.
 */
#ifndef METE_TRACK_UNWIND_ROW_H
#define METE_TRACK_UNWIND_ROW_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "track/unwind_arch.h"

enum mete__unwind_kind {
    METE__ROW_ABSENT,  /* (no row) */
    METE__ROW_SP,      /* CFA = sp + offset */
    METE__ROW_FP,      /* CFA = fp + offset */
    METE__ROW_FP_WORD, /* CFA = word at fp + offset; fp is saved where it points: a realigned stack
                        */
    METE__ROW_SP_FAR,  /* CFA = sp + the offset kept under this number */
    METE__ROW_END,     /* the outermost frame */
    METE__ROW_COMPLEX, /* needs other registers, or computing: unwind_exact.h */
    METE__ROW_UNKNOWN, /* no table describes it: unwind_guess.h */
};

/* The fields of a row, from bit 0: kind (3), generation of the module, then what the architecture
 * needs. All distances are in words of 8 bytes. */
#define METE__ROW_BITS      29
#define METE__ROW_KIND(row) ((row)&7u)
#define METE__ROW_FLEETING  (1u << 30) /* beside a row: not to be remembered */
#define METE__ROW_NEEDS_FP  (1u << 31) /* beside a row, for its user's own purpose */

#if defined(__x86_64__)
/* kind 3, generation 5, distance of the saved fp below the CFA 7 (0: fp is untouched), CFA offset
 * 14 signed. The return address is the word below the CFA. */
enum { METE__ROW_GENERATION_BITS = 5, METE__ROW_LINE_BITS = 12, METE__ROW_START_BIT = 8 };
#define METE__ROW_FP_DISTANCE(row) (((row) >> 8) & 0x7fu)
#define METE__ROW_RA_DISTANCE(row) 1u
#define METE__ROW_CFA_OFFSET(row)  ((int32_t)((row) << 3) >> 18)
#elif defined(__aarch64__)
/* kind 3, generation 2, fp saved below the return address 1, distance of the return address below
 * the CFA 10, CFA offset 13 signed. */
enum { METE__ROW_GENERATION_BITS = 2, METE__ROW_LINE_BITS = 13, METE__ROW_START_BIT = 5 };
#define METE__ROW_RA_DISTANCE(row) (((row) >> 6) & 0x3ffu)
#define METE__ROW_FP_DISTANCE(row) (((row) >> 5 & 1u) ? METE__ROW_RA_DISTANCE(row) + 1 : 0u)
#define METE__ROW_CFA_OFFSET(row)  ((int32_t)((row) << 3) >> 19)
#endif
/* Of a row of kind END: the address is a function's first instruction, which nobody called: it was
 * put there as a return address, as makecontext does. */
#define METE__ROW_START           (1u << METE__ROW_START_BIT)
#define METE__ROW_IS_START(row)   (((row) >> METE__ROW_START_BIT & 1u) != 0)
#define METE__ROW_GENERATION(row) (((row) >> 3) & ((1u << METE__ROW_GENERATION_BITS) - 1))

/* Word: the address's tag above the row. Tag and line number together are the address, scrambled by
 * a multiplication that can be undone, so equality of tags in a line is equality of addresses. */
enum {
    METE__ROW_TAG_BITS = METE__ARCH_PC_BITS - METE__ROW_LINE_BITS,
    METE__ROW_LINE_WORDS = METE_CACHE_LINE / 8,
};
static_assert(METE__ROW_TAG_BITS + METE__ROW_BITS <= 64, "tag and row are one word");
#define METE__ROW_SCRAMBLE 0x9e3779b97f4a7c15u /* odd */
#define METE__ROW_PC_MASK  (((uint64_t)1 << METE__ARCH_PC_BITS) - 1)
#define METE__ROW_TAG_MASK (((uint64_t)1 << METE__ROW_TAG_BITS) - 1)

METE_HIDDEN extern uint64_t *mete__unwind_row_table; /* atomic; NULL before the first row */
METE_HIDDEN extern int64_t mete__unwind_row_far[];   /* offsets of METE__ROW_SP_FAR, in bytes */

/* The row for a return address, or 0 where none is remembered. */
METE_INLINE uint32_t mete__unwind_row_find(uintptr_t pc) {
    uint64_t *table = __atomic_load_n(&mete__unwind_row_table, __ATOMIC_ACQUIRE);
    uint64_t scrambled = (uint64_t)pc * METE__ROW_SCRAMBLE & METE__ROW_PC_MASK;
    uint64_t tag = scrambled & METE__ROW_TAG_MASK;
    if (METE_UNLIKELY(table == NULL || pc > METE__ROW_PC_MASK)) return 0;
    uint64_t *line = table + (scrambled >> METE__ROW_TAG_BITS) * METE__ROW_LINE_WORDS;
    size_t first = tag >> (METE__ROW_TAG_BITS - 3);
    for (size_t i = 0; i < METE__ROW_LINE_WORDS; i++) {
        uint64_t word = __atomic_load_n(&line[first ^ i], __ATOMIC_RELAXED);
        if (METE_LIKELY(word >> METE__ROW_BITS == tag && word != 0))
            return (uint32_t)(word & (((uint64_t)1 << METE__ROW_BITS) - 1));
        if (word == 0) return 0;
    }
    return 0;
}

/* What a row does not say. */
struct mete__unwind_code {
    uint32_t row;        /* never 0; with METE__ROW_FLEETING where so */
    uint32_t generation; /* of the module */
};

/* Compiles the row for a return address, and remembers it if `keep`. */
METE_HIDDEN struct mete__unwind_code mete__unwind_row_compile(uintptr_t pc, bool keep);

/* Forgets all rows: code has been unloaded. */
METE_HIDDEN void mete__unwind_row_forget(void);

#endif
