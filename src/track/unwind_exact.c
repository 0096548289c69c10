/* track/unwind_exact.h: rules applied to a full set of registers, and DWARF expressions. */
#include "track/unwind_exact.h"

#include <stddef.h>

#include "os/probe.h"
#include "track/modules.h"
#include "track/unwind_cfi.h"

enum { DEPTH_MAX = 32, OPERATIONS_MAX = 512 };

struct calculator {
    const struct mete__unwind_registers *registers;
    const struct mete__unwind_reach *reach;
    uintptr_t stack[DEPTH_MAX];
    unsigned depth;
    bool bad;
};

static void push(struct calculator *calculator, uintptr_t value) {
    if (calculator->depth == DEPTH_MAX) {
        calculator->bad = true;
        return;
    }
    calculator->stack[calculator->depth++] = value;
}

/* The value `index` below the top. */
static uintptr_t peek(struct calculator *calculator, uint64_t index) {
    if (index >= calculator->depth) {
        calculator->bad = true;
        return 0;
    }
    return calculator->stack[calculator->depth - 1 - index];
}

static uintptr_t pop(struct calculator *calculator) {
    uintptr_t value = peek(calculator, 0);
    if (calculator->depth > 0) calculator->depth--;
    return value;
}

static void push_register(struct calculator *calculator, uint64_t column, int64_t offset) {
    const struct mete__unwind_registers *registers = calculator->registers;
    if (column == METE__ARCH_RA && !METE__ARCH_RA_IS_REGISTER) {
        push(calculator, registers->pc + (uintptr_t)offset); /* x86-64: the column of rip */
        return;
    }
    if (column >= METE__ARCH_REGISTERS || (registers->known >> column & 1) == 0) {
        calculator->bad = true;
        return;
    }
    push(calculator, registers->values[column] + (uintptr_t)offset);
}

static void load(struct calculator *calculator, uint64_t size) {
    uintptr_t word = 0;
    uintptr_t address = pop(calculator);
    if (calculator->bad || size == 0 || size > sizeof word ||
        !mete__unwind_reach_read(calculator->reach, address, &word)) {
        calculator->bad = true;
        return;
    }
    unsigned unused_bits = 8 * (unsigned)(sizeof word - size);
    push(calculator, word << unused_bits >> unused_bits);
}

/* DW_OP_abs to DW_OP_xor and the comparisons. */
static void compute(struct calculator *calculator, uint8_t code, struct mete__unwind_bytes *bytes) {
    bool unary = code == 0x19 || code == 0x1f || code == 0x20 || code == 0x23;
    uintptr_t right = unary ? 0 : pop(calculator);
    uintptr_t left = pop(calculator);
    intptr_t signed_left = (intptr_t)left, signed_right = (intptr_t)right;
    uintptr_t result = 0;

    switch (code) {
    case 0x19: result = signed_left < 0 ? 0 - left : left; break; /* abs */
    case 0x1a: result = left & right; break;
    case 0x1c: result = left - right; break;
    case 0x1e: result = left * right; break;
    case 0x1f: result = 0 - left; break; /* neg */
    case 0x20: result = ~left; break;
    case 0x21: result = left | right; break;
    case 0x22: result = left + right; break;
    case 0x23: result = left + mete__unwind_cfi_uleb(bytes); break; /* plus_uconst */
    case 0x24: result = right < 64 ? left << right : 0; break;
    case 0x25: result = right < 64 ? left >> right : 0; break;
    case 0x27: result = left ^ right; break;
    case 0x29: result = signed_left == signed_right; break;
    case 0x2a: result = signed_left >= signed_right; break;
    case 0x2b: result = signed_left > signed_right; break;
    case 0x2c: result = signed_left <= signed_right; break;
    case 0x2d: result = signed_left < signed_right; break;
    case 0x2e: result = signed_left != signed_right; break;
    default: calculator->bad = true; break; /* div, mod, shra: not in unwind tables */
    }
    push(calculator, result);
}

/* Moves within the expression by a signed distance. */
static void jump(struct calculator *calculator, struct mete__unwind_bytes *bytes,
                 const uint8_t *start, bool taken) {
    int64_t distance = mete__unwind_cfi_signed(bytes, 2);
    if (!taken) return;
    if (distance < start - bytes->at || distance > bytes->end - bytes->at)
        calculator->bad = true;
    else
        bytes->at += distance;
}

/* DW_OP_dup to DW_OP_rot. */
static void shuffle(struct calculator *calculator, uint8_t code, struct mete__unwind_bytes *bytes) {
    uintptr_t top, second, third;
    switch (code) {
    case 0x12: push(calculator, peek(calculator, 0)); break;
    case 0x13: pop(calculator); break;
    case 0x14: push(calculator, peek(calculator, 1)); break;
    case 0x15: push(calculator, peek(calculator, mete__unwind_cfi_fixed(bytes, 1))); break;
    case 0x16:
        top = pop(calculator), second = pop(calculator);
        push(calculator, top), push(calculator, second);
        break;
    default: /* rot */
        top = pop(calculator), second = pop(calculator), third = pop(calculator);
        push(calculator, top), push(calculator, third), push(calculator, second);
        break;
    }
}

static void run_operation(struct calculator *calculator, uint8_t code,
                          struct mete__unwind_bytes *bytes, const uint8_t *start) {
    if (code >= 0x30 && code <= 0x4f) { /* lit0 to lit31 */
        push(calculator, code - 0x30u);
    } else if (code >= 0x70 && code <= 0x8f) { /* breg0 to breg31 */
        push_register(calculator, code - 0x70u, mete__unwind_cfi_sleb(bytes));
    } else if (code >= 0x12 && code <= 0x17 && code != 0x18) {
        shuffle(calculator, code, bytes);
    } else if ((code >= 0x19 && code <= 0x27) || (code >= 0x29 && code <= 0x2e)) {
        compute(calculator, code, bytes);
    } else if (code >= 0x08 && code <= 0x0f) { /* const1u, const1s, const2u... const8s */
        unsigned size = 1u << ((code - 0x08u) / 2);
        push(calculator, code % 2 == 0 ? mete__unwind_cfi_fixed(bytes, size)
                                       : (uintptr_t)mete__unwind_cfi_signed(bytes, size));
    } else {
        switch (code) {
        case 0x03: push(calculator, mete__unwind_cfi_fixed(bytes, sizeof(uintptr_t))); break;
        case 0x06: load(calculator, sizeof(uintptr_t)); break;
        case 0x10: push(calculator, mete__unwind_cfi_uleb(bytes)); break;
        case 0x11: push(calculator, (uintptr_t)mete__unwind_cfi_sleb(bytes)); break;
        case 0x28: jump(calculator, bytes, start, pop(calculator) != 0); break; /* bra */
        case 0x2f: jump(calculator, bytes, start, true); break;                 /* skip */
        case 0x92: {                                                            /* bregx */
            uint64_t column = mete__unwind_cfi_uleb(bytes);
            push_register(calculator, column, mete__unwind_cfi_sleb(bytes));
            break;
        }
        case 0x94: load(calculator, mete__unwind_cfi_fixed(bytes, 1)); break;
        case 0x96: break; /* nop */
        default: calculator->bad = true; break;
        }
    }
}

/* Evaluates a rule's expression; `cfa` is put on the stack first, unless NULL. */
static bool evaluate(const struct mete__unwind_tables *tables, struct mete__unwind_rule rule,
                     const struct mete__unwind_registers *registers,
                     const struct mete__unwind_reach *reach, const uintptr_t *cfa, uintptr_t *out) {
    struct mete__unwind_bytes bytes = mete__unwind_cfi_expression(tables, rule);
    const uint8_t *start = bytes.at;
    struct calculator calculator;

    calculator.registers = registers;
    calculator.reach = reach;
    calculator.depth = 0;
    calculator.bad = false;
    if (cfa != NULL) push(&calculator, *cfa);
    for (unsigned i = 0; bytes.at < bytes.end; i++) {
        if (i == OPERATIONS_MAX) return false;
        uint8_t code = (uint8_t)mete__unwind_cfi_fixed(&bytes, 1);
        run_operation(&calculator, code, &bytes, start);
        if (calculator.bad || bytes.bad) return false;
    }
    *out = pop(&calculator);
    return !calculator.bad && !bytes.bad;
}

/* One frame's step in progress. */
struct step {
    const struct mete__unwind_tables *tables;
    const struct mete__unwind_rules *rules;
    const struct mete__unwind_registers *from;
    const struct mete__unwind_reach *reach;
    uintptr_t cfa;
};

/* What the caller has in a register. False: unknown. */
static bool recover(const struct step *step, unsigned column, uintptr_t *out) {
    struct mete__unwind_rule rule = step->rules->registers[column];
    const struct mete__unwind_registers *from = step->from;
    uintptr_t place = step->cfa + (uintptr_t)(intptr_t)rule.value;

    switch (rule.how) {
    case METE__UNWIND_SAME:
        *out = column == METE__ARCH_SP ? step->cfa : from->values[column];
        return column == METE__ARCH_SP || (from->known >> column & 1) != 0;
    case METE__UNWIND_SAVED: return mete__unwind_reach_read(step->reach, place, out);
    case METE__UNWIND_OFFSET: *out = place; return true;
    case METE__UNWIND_REGISTER:
        if (rule.value < 0 || rule.value >= METE__ARCH_REGISTERS) return false;
        *out = from->values[rule.value];
        return (from->known >> rule.value & 1) != 0;
    case METE__UNWIND_SAVED_COMPUTED:
        return evaluate(step->tables, rule, from, step->reach, &step->cfa, &place) &&
               mete__unwind_reach_read(step->reach, place, out);
    case METE__UNWIND_COMPUTED:
        return evaluate(step->tables, rule, from, step->reach, &step->cfa, out);
    default: return false;
    }
}

static bool find_cfa(const struct step *step, uintptr_t *out) {
    const struct mete__unwind_rules *rules = step->rules;
    const struct mete__unwind_registers *from = step->from;
    if (rules->cfa.how == METE__UNWIND_COMPUTED)
        return evaluate(step->tables, rules->cfa, from, step->reach, NULL, out);
    if ((from->known >> rules->cfa_register & 1) == 0) return false;
    *out = from->values[rules->cfa_register] + (uintptr_t)(intptr_t)rules->cfa.value;
    return true;
}

bool mete__unwind_exact_is_sigreturn(uintptr_t pc) {
    return mete__probe_readable(pc) && mete__probe_readable(pc + METE__ARCH_SIGRETURN_BYTES - 8) &&
           mete__arch_is_sigreturn(pc);
}

/* From a handler's return to what it interrupted, by the registers that the kernel saved. */
static enum mete__unwind_outcome leave_handler(struct mete__unwind_registers *registers,
                                               struct mete__unwind_reach *reach) {
    struct mete__unwind_registers caller = {.interrupted = true};
    uintptr_t sp = registers->values[METE__ARCH_SP];
    for (unsigned column = 0; column < METE__ARCH_REGISTERS; column++) {
        if (!mete__unwind_reach_read(reach, mete__arch_interrupted(sp, column),
                                     &caller.values[column]))
            return METE__UNWIND_LOST;
        caller.known |= 1u << column;
    }
    if (!mete__unwind_reach_read(reach, mete__arch_interrupted(sp, METE__ARCH_PC_COLUMN),
                                 &caller.pc))
        return METE__UNWIND_LOST;
    if (!METE__ARCH_RA_IS_REGISTER) caller.known &= ~(1u << METE__ARCH_RA);
    sp = caller.values[METE__ARCH_SP];
    if (!mete__unwind_reach_holds(reach, sp, sp + 8)) return METE__UNWIND_LOST;
    *registers = caller;
    return METE__UNWIND_STEPPED;
}

/* From code without a table. */
static enum mete__unwind_outcome step_without_table(struct mete__unwind_registers *registers,
                                                    struct mete__unwind_reach *reach) {
    if ((registers->known >> METE__ARCH_SP & 1) != 0 && !registers->interrupted &&
        mete__unwind_exact_is_sigreturn(registers->pc))
        return leave_handler(registers, reach);
    return METE__UNWIND_NO_TABLE;
}

enum mete__unwind_outcome mete__unwind_exact_step(struct mete__unwind_registers *registers,
                                                  struct mete__unwind_reach *reach) {
    struct mete__unwind_rules rules;
    struct mete__module module;
    struct mete__unwind_registers caller = {.known = 0};
    uintptr_t address = registers->pc - (registers->interrupted ? 0 : 1);

    if (!mete__modules_find(address, &module)) return step_without_table(registers, reach);
    if (mete__unwind_cfi_rules(&module.tables, address, &rules) != 0) {
        if (mete__module_is_entry(&module, address)) return METE__UNWIND_ENDED;
        return step_without_table(registers, reach);
    }
    if (rules.registers[METE__ARCH_RA].how == METE__UNWIND_UNDEFINED) return METE__UNWIND_ENDED;

    struct step step = {&module.tables, &rules, registers, reach, 0};
    if (!find_cfa(&step, &step.cfa)) return METE__UNWIND_LOST;
    for (unsigned column = 0; column < METE__ARCH_REGISTERS; column++) {
        if (recover(&step, column, &caller.values[column])) caller.known |= 1u << column;
    }
    uint32_t needed = 1u << METE__ARCH_RA | 1u << METE__ARCH_SP;
    if ((caller.known & needed) != needed) return METE__UNWIND_LOST;
    caller.pc = mete__arch_strip(caller.values[METE__ARCH_RA]);
    caller.interrupted = rules.signal_frame;
    if (!METE__ARCH_RA_IS_REGISTER) caller.known &= ~(1u << METE__ARCH_RA);

    /* A signal may have come on another stack; else the stack shrinks as functions return. A leaf
     * on AArch64 has nothing on it. */
    uintptr_t sp = caller.values[METE__ARCH_SP], old_sp = registers->values[METE__ARCH_SP];
    if (!rules.signal_frame) {
        bool leaf = METE__ARCH_RA_IS_REGISTER && registers->interrupted;
        if (sp < old_sp || (sp == old_sp && !leaf)) return METE__UNWIND_LOST;
    } else {
        old_sp = sp;
    }
    if (!mete__unwind_reach_holds(reach, old_sp, sp == old_sp ? sp + 8 : sp))
        return METE__UNWIND_LOST;
    *registers = caller;
    return METE__UNWIND_STEPPED;
}
