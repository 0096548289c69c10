/* track/unwind_row.h: compiling and remembering. */
#include "track/unwind_row.h"

#include "os/meta.h"
#include "track/modules.h"
#include "track/unwind_cfi.h"
#include "track/unwind_exact.h"

enum {
    TABLE_WORDS = METE__ROW_LINE_WORDS << METE__ROW_LINE_BITS,
    TABLE_BYTES = TABLE_WORDS * 8,
    FAR_OFFSETS =
        1024, /* frames of more than 64 KiB without a frame pointer; further ones are slow */
};

uint64_t *mete__unwind_row_table;
int64_t mete__unwind_row_far[FAR_OFFSETS]; /* atomic, 0: free */

/* The number under which an offset is kept, or -1. */
static int32_t far_number(int64_t offset) {
    for (int32_t i = 0; i < FAR_OFFSETS; i++) {
        int64_t there = __atomic_load_n(&mete__unwind_row_far[i], __ATOMIC_RELAXED);
        if (there == 0 && __atomic_compare_exchange_n(&mete__unwind_row_far[i], &there, offset,
                                                      false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return i;
        if (there == offset) return i;
    }
    return -1;
}

#if defined(__x86_64__)

enum { FP_DISTANCE_MAX = 127, CFA_WORDS_MAX = 8191, DEREF = 0x06, FP_PLUS = 0x70 + METE__ARCH_FP };

static uint32_t make_row(enum mete__unwind_kind kind, uint32_t fp_distance, int64_t words) {
    return (uint32_t)kind | fp_distance << 8 | ((uint32_t)words & 0x3fffu) << 15;
}

/* Whether the expression is "fp + offset", followed by a load if `load`. */
static bool is_fp_plus(const struct mete__unwind_tables *tables, struct mete__unwind_rule rule,
                       bool load, int64_t *offset) {
    struct mete__unwind_bytes bytes = mete__unwind_cfi_expression(tables, rule);
    if (mete__unwind_cfi_fixed(&bytes, 1) != FP_PLUS) return false;
    *offset = mete__unwind_cfi_sleb(&bytes);
    if (load && mete__unwind_cfi_fixed(&bytes, 1) != DEREF) return false;
    return !bytes.bad && bytes.at == bytes.end;
}

/* The pattern gcc uses for functions that realign their stack. */
static uint32_t realigned_row(const struct mete__unwind_tables *tables,
                              const struct mete__unwind_rules *rules) {
    int64_t offset, saved;
    struct mete__unwind_rule fp = rules->registers[METE__ARCH_FP];
    if (rules->cfa.how != METE__UNWIND_COMPUTED || fp.how != METE__UNWIND_SAVED_COMPUTED)
        return METE__ROW_COMPLEX;
    if (!is_fp_plus(tables, rules->cfa, true, &offset) || !is_fp_plus(tables, fp, false, &saved))
        return METE__ROW_COMPLEX;
    if (saved != 0 || offset % 8 != 0 || offset / 8 > CFA_WORDS_MAX || offset / 8 < -CFA_WORDS_MAX)
        return METE__ROW_COMPLEX;
    return make_row(METE__ROW_FP_WORD, 0, offset / 8);
}

static uint32_t pack(const struct mete__unwind_tables *tables,
                     const struct mete__unwind_rules *rules) {
    struct mete__unwind_rule fp = rules->registers[METE__ARCH_FP];
    struct mete__unwind_rule ra = rules->registers[METE__ARCH_RA];
    int64_t words = rules->cfa.value / 8;
    uint32_t fp_distance = 0;

    if (ra.how == METE__UNWIND_UNDEFINED) return METE__ROW_END;
    if (rules->signal_frame || ra.how != METE__UNWIND_SAVED || ra.value != -8)
        return METE__ROW_COMPLEX;
    if (rules->registers[METE__ARCH_SP].how != METE__UNWIND_SAME) return METE__ROW_COMPLEX;
    if (rules->cfa.how != METE__UNWIND_OFFSET) return realigned_row(tables, rules);
    if (fp.how == METE__UNWIND_SAVED) {
        if (fp.value % 8 != 0 || fp.value >= 0 || fp.value < -8 * FP_DISTANCE_MAX)
            return METE__ROW_COMPLEX;
        fp_distance = (uint32_t)(-fp.value / 8);
    } else if (fp.how != METE__UNWIND_SAME) {
        return METE__ROW_COMPLEX;
    }
    if (rules->cfa.value % 8 != 0) return METE__ROW_COMPLEX;
    bool fits = words <= CFA_WORDS_MAX && words >= -CFA_WORDS_MAX;
    if (rules->cfa_register == METE__ARCH_FP && fits)
        return make_row(METE__ROW_FP, fp_distance, words);
    if (rules->cfa_register != METE__ARCH_SP) return METE__ROW_COMPLEX;
    if (fits) return make_row(METE__ROW_SP, fp_distance, words);
    int32_t number = far_number(rules->cfa.value);
    return number < 0 ? METE__ROW_COMPLEX : make_row(METE__ROW_SP_FAR, fp_distance, number);
}

#elif defined(__aarch64__)

enum { RA_DISTANCE_MAX = 1023, CFA_WORDS_MAX = 4095 };

static uint32_t make_row(enum mete__unwind_kind kind, bool fp_saved, uint32_t ra_distance,
                         int64_t words) {
    return (uint32_t)kind | (uint32_t)fp_saved << 5 | ra_distance << 6 |
           ((uint32_t)words & 0x1fffu) << 16;
}

static uint32_t pack(const struct mete__unwind_tables *tables,
                     const struct mete__unwind_rules *rules) {
    struct mete__unwind_rule fp = rules->registers[METE__ARCH_FP];
    struct mete__unwind_rule ra = rules->registers[METE__ARCH_RA];
    int64_t words = rules->cfa.value / 8;

    (void)tables;
    if (ra.how == METE__UNWIND_UNDEFINED) return METE__ROW_END;
    if (rules->signal_frame || ra.how != METE__UNWIND_SAVED || ra.value % 8 != 0 || ra.value >= 0 ||
        ra.value < -8 * RA_DISTANCE_MAX)
        return METE__ROW_COMPLEX;
    if (rules->cfa.how != METE__UNWIND_OFFSET || rules->cfa.value % 8 != 0)
        return METE__ROW_COMPLEX;
    bool fp_saved = fp.how == METE__UNWIND_SAVED && fp.value == ra.value - 8;
    if (!fp_saved && fp.how != METE__UNWIND_SAME) return METE__ROW_COMPLEX;
    uint32_t ra_distance = (uint32_t)(-ra.value / 8);
    bool fits = words <= CFA_WORDS_MAX && words >= -CFA_WORDS_MAX;
    if (rules->cfa_register == METE__ARCH_FP && fits)
        return make_row(METE__ROW_FP, fp_saved, ra_distance, words);
    if (rules->cfa_register != METE__ARCH_SP) return METE__ROW_COMPLEX;
    if (fits) return make_row(METE__ROW_SP, fp_saved, ra_distance, words);
    int32_t number = far_number(rules->cfa.value);
    return number < 0 ? METE__ROW_COMPLEX
                      : make_row(METE__ROW_SP_FAR, fp_saved, ra_distance, number);
}

#endif

/* The table, made at its first use. NULL where there is no memory. */
static uint64_t *get_table(void) {
    uint64_t *table = __atomic_load_n(&mete__unwind_row_table, __ATOMIC_ACQUIRE);
    if (table != NULL) return table;
    uint64_t *fresh = mete__meta_map(TABLE_BYTES);
    if (fresh == NULL) return NULL;
    if (__atomic_compare_exchange_n(&mete__unwind_row_table, &table, fresh, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return fresh;
    mete__meta_unmap(fresh, TABLE_BYTES);
    return table;
}

/* Stores a row in its line: in place of an older one of the same address, in a free word, or over
 * whichever the address's own bits choose. */
static void store(uintptr_t pc, uint32_t row) {
    uint64_t *table = get_table();
    if (table == NULL || pc > METE__ROW_PC_MASK) return;
    uint64_t scrambled = (uint64_t)pc * METE__ROW_SCRAMBLE & METE__ROW_PC_MASK;
    uint64_t tag = scrambled & METE__ROW_TAG_MASK;
    uint64_t *line = table + (scrambled >> METE__ROW_TAG_BITS) * METE__ROW_LINE_WORDS;
    size_t first = tag >> (METE__ROW_TAG_BITS - 3);
    for (size_t i = 0; i < METE__ROW_LINE_WORDS; i++) {
        uint64_t there = __atomic_load_n(&line[first ^ i], __ATOMIC_RELAXED);
        if (there != 0 && there >> METE__ROW_BITS != tag && i < METE__ROW_LINE_WORDS - 1) continue;
        size_t place = first ^ i;
        if (there != 0 && there >> METE__ROW_BITS != tag) place = first; /* full: the oldest goes */
        __atomic_store_n(&line[place], tag << METE__ROW_BITS | row, __ATOMIC_RELAXED);
        return;
    }
}

struct mete__unwind_code mete__unwind_row_compile(uintptr_t pc, bool keep) {
    struct mete__unwind_code code = {.row = METE__ROW_UNKNOWN};
    struct mete__unwind_rules rules;
    struct mete__module module;

    if (!mete__modules_find(pc - 1, &module)) {
        if (mete__unwind_exact_is_sigreturn(pc)) code.row = METE__ROW_COMPLEX;
        code.row |= METE__ROW_FLEETING; /* a module may come to be here */
        return code;
    }
    code.generation = module.generation;
    if (mete__unwind_cfi_rules(&module.tables, pc - 1, &rules) == 0)
        code.row = pack(&module.tables, &rules);
    else if (mete__unwind_cfi_rules(&module.tables, pc, &rules) == 0 && rules.at_start)
        code.row = METE__ROW_END | METE__ROW_START;
    else if (mete__unwind_exact_is_sigreturn(pc))
        code.row = METE__ROW_COMPLEX;
    else if (mete__module_is_entry(&module, pc))
        code.row = METE__ROW_END;
    if (module.fleeting || code.generation >> METE__ROW_GENERATION_BITS != 0) {
        code.row |= METE__ROW_FLEETING;
        return code;
    }
    code.row |= code.generation << 3;
    if (keep) store(pc, code.row);
    return code;
}

void mete__unwind_row_forget(void) {
    uint64_t *table = __atomic_load_n(&mete__unwind_row_table, __ATOMIC_ACQUIRE);
    if (table == NULL) return;
    for (size_t i = 0; i < TABLE_WORDS; i++) {
        /* Reading first leaves pages untouched that never held a row. */
        if (__atomic_load_n(&table[i], __ATOMIC_RELAXED) != 0)
            __atomic_store_n(&table[i], 0, __ATOMIC_RELAXED);
    }
}
