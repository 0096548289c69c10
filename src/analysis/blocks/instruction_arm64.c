#include <capstone/arm64.h>

#include "analysis/blocks/instruction_machine.h"

enum { X0 = 0, X29 = 29, X30 = 30, SP = 31 }; /* DWARF's numbers are the machine's */

static int8_t number_of(unsigned capstone_register) {
    /* Capstone numbers these one after the other, the last two of X apart. */
    if (capstone_register >= ARM64_REG_X0 && capstone_register <= ARM64_REG_X28)
        return (int8_t)(capstone_register - ARM64_REG_X0);
    if (capstone_register >= ARM64_REG_W0 && capstone_register <= ARM64_REG_W30)
        return (int8_t)(capstone_register - ARM64_REG_W0);
    switch (capstone_register) {
    case ARM64_REG_X29: return X29;
    case ARM64_REG_X30: return X30;
    case ARM64_REG_SP:
    case ARM64_REG_WSP: return SP;
    default: return METE__NO_REGISTER;
    }
}

/* Registers of 8 bytes, the zero register among them. */
static bool is_whole(const cs_arm64_op *operand) {
    if (operand->type != ARM64_OP_REG) return false;
    return operand->reg == ARM64_REG_XZR || operand->reg == ARM64_REG_SP ||
           operand->reg == ARM64_REG_X29 || operand->reg == ARM64_REG_X30 ||
           (operand->reg >= ARM64_REG_X0 && operand->reg <= ARM64_REG_X28);
}

/* What an operand is multiplied by; 0: it is not shifted to the left. */
static uint8_t scale_of(const cs_arm64_op *operand) {
    if (operand->shift.type == ARM64_SFT_INVALID) return 1;
    if (operand->shift.type != ARM64_SFT_LSL || operand->shift.value > 6) return 0;
    return (uint8_t)(1u << operand->shift.value);
}

static void set_memory(const cs_insn *decoded, const cs_arm64_op *operand,
                       struct mete__instruction *out) {
    const cs_arm64 *arm = &decoded->detail->arm64;

    out->base = number_of(operand->mem.base);
    out->offset = operand->mem.disp;
    if (operand->mem.index != ARM64_REG_INVALID) {
        out->index = number_of(operand->mem.index);
        out->scale = scale_of(operand);
    }
    if (arm->writeback && out->base != METE__NO_REGISTER) out->written |= UINT64_C(1) << out->base;
}

/* Before the access the base moves by the offset, or after it by an operand of its own. */
static void set_step(const cs_insn *decoded, const cs_arm64_op *memory,
                     struct mete__instruction *out) {
    const cs_arm64 *arm = &decoded->detail->arm64;
    const cs_arm64_op *last = &arm->operands[arm->op_count - 1];

    if (!arm->writeback || out->base == METE__NO_REGISTER) return;
    if (last != memory && last->type != ARM64_OP_IMM) return;
    out->step = last == memory ? memory->mem.disp : last->imm;
    if (out->step != 0) out->written &= ~(UINT64_C(1) << out->base);
}

/* --- Instructions --- */

static void translate_load_or_store(const cs_insn *decoded, enum mete__instruction_kind kind,
                                    bool pair, struct mete__instruction *out) {
    const cs_arm64_op *operands = decoded->detail->arm64.operands;
    const cs_arm64_op *memory = &operands[pair ? 2 : 1];

    if (memory->type != ARM64_OP_MEM || operands[0].type != ARM64_OP_REG) return;
    set_memory(decoded, memory, out);
    if (kind == METE__INSTRUCTION_LOAD) {
        if (!is_whole(&operands[0])) return; /* no pointer, nor is there another effect */
        out->to = number_of(operands[0].reg);
    } else if (is_whole(&operands[0])) {
        out->from = number_of(operands[0].reg);
    }
    if (pair && is_whole(&operands[1])) out->second = number_of(operands[1].reg);
    out->kind = kind;
    set_step(decoded, memory, out);
}

static void translate_move(const cs_insn *decoded, struct mete__instruction *out) {
    const cs_arm64_op *operands = decoded->detail->arm64.operands;
    int8_t to = number_of(operands[0].reg);

    if (operands[0].type != ARM64_OP_REG || to == METE__NO_REGISTER) return;
    out->to = to;
    if (operands[1].type == ARM64_OP_IMM) {
        out->kind = METE__INSTRUCTION_ADDRESS;
        out->absolute = true;
        out->offset = operands[1].imm;
        if (operands[1].shift.type == ARM64_SFT_LSL && operands[1].shift.value < 64)
            out->offset = (int64_t)((uint64_t)out->offset << operands[1].shift.value);
    } else if (operands[1].type == ARM64_OP_REG) {
        out->from = number_of(operands[1].reg);
        out->kind = is_whole(&operands[0]) && is_whole(&operands[1]) ? METE__INSTRUCTION_COPY
                                                                     : METE__INSTRUCTION_NUMBER;
    }
}

static void translate_sum(const cs_insn *decoded, struct mete__instruction *out) {
    const cs_arm64_op *operands = decoded->detail->arm64.operands;
    bool subtracts = decoded->id == ARM64_INS_SUB;

    if (!is_whole(&operands[0]) || !is_whole(&operands[1])) return;
    out->to = number_of(operands[0].reg);
    out->base = number_of(operands[1].reg);
    if (out->to == METE__NO_REGISTER || out->base == METE__NO_REGISTER) return;
    if (operands[2].type == ARM64_OP_IMM) {
        uint64_t sum = (uint64_t)operands[2].imm * scale_of(&operands[2]);
        if (operands[2].shift.type == ARM64_SFT_LSL && operands[2].shift.value == 12)
            sum = (uint64_t)operands[2].imm << 12;
        out->kind = METE__INSTRUCTION_ADDRESS;
        out->offset = (int64_t)(subtracts ? 0 - sum : sum);
    } else if (operands[2].type == ARM64_OP_REG && !subtracts) {
        out->index = number_of(operands[2].reg);
        out->scale = scale_of(&operands[2]);
        if (out->index == METE__NO_REGISTER) return;
        out->kind = METE__INSTRUCTION_ADDRESS;
        if (out->index == out->base) { /* n + 2 n */
            out->kind = METE__INSTRUCTION_SCALE;
            out->from = out->base;
            out->offset = 1 + out->scale;
        }
    }
}

/* Shifts of numbers to the left, extended from half a register or not. */
static void translate_scale(const cs_insn *decoded, struct mete__instruction *out) {
    const cs_arm64_op *operands = decoded->detail->arm64.operands;

    if (operands[0].type != ARM64_OP_REG || operands[1].type != ARM64_OP_REG ||
        operands[2].type != ARM64_OP_IMM || operands[2].imm < 0 || operands[2].imm > 30)
        return;
    out->to = number_of(operands[0].reg);
    if (out->to == METE__NO_REGISTER) return;
    out->from = number_of(operands[1].reg);
    out->kind = METE__INSTRUCTION_SCALE;
    out->offset = (int64_t)1 << operands[2].imm;
}

static void translate_compare(const cs_insn *decoded, struct mete__instruction *out) {
    const cs_arm64_op *operands = decoded->detail->arm64.operands;

    if (!is_whole(&operands[0]) || operands[1].type != ARM64_OP_IMM || operands[1].imm != 0) return;
    out->from = number_of(operands[0].reg);
    if (out->from != METE__NO_REGISTER) out->kind = METE__INSTRUCTION_TEST;
}

/* `operand` is the one that says where to. */
static void translate_jump(const cs_insn *decoded, enum mete__instruction_kind kind, int operand,
                           struct mete__instruction *out) {
    const cs_arm64_op *operands = decoded->detail->arm64.operands;

    out->kind = kind;
    if (decoded->detail->arm64.op_count > operand && operands[operand].type == ARM64_OP_IMM)
        out->destination = (uint64_t)operands[operand].imm;
}

static void translate_branch(const cs_insn *decoded, struct mete__instruction *out) {
    switch (decoded->detail->arm64.cc) {
    case ARM64_CC_INVALID:
    case ARM64_CC_AL:
    case ARM64_CC_NV: translate_jump(decoded, METE__INSTRUCTION_JUMP, 0, out); return;
    case ARM64_CC_EQ: translate_jump(decoded, METE__INSTRUCTION_BRANCH_ZERO, 0, out); return;
    case ARM64_CC_NE: translate_jump(decoded, METE__INSTRUCTION_BRANCH_NONZERO, 0, out); return;
    default: translate_jump(decoded, METE__INSTRUCTION_BRANCH, 0, out); return;
    }
}

static void translate_compare_and_branch(const cs_insn *decoded, enum mete__instruction_kind kind,
                                         struct mete__instruction *out) {
    const cs_arm64_op *operands = decoded->detail->arm64.operands;
    bool whole = is_whole(&operands[0]) && operands[0].reg != ARM64_REG_XZR;

    translate_jump(decoded, whole ? kind : METE__INSTRUCTION_BRANCH, 1, out);
    if (whole) out->from = number_of(operands[0].reg);
}

static void translate(const cs_insn *decoded, struct mete__instruction *out) {
    const cs_arm64 *arm = &decoded->detail->arm64;

    out->tests = arm->update_flags || decoded->id == ARM64_INS_CMP;
    switch (decoded->id) {
    case ARM64_INS_MOV:
    case ARM64_INS_MOVZ:
    case ARM64_INS_SXTW:
    case ARM64_INS_UXTW:
    case ARM64_INS_ADRP:
    case ARM64_INS_ADR: translate_move(decoded, out); return;
    case ARM64_INS_ADD:
    case ARM64_INS_SUB: translate_sum(decoded, out); return;
    case ARM64_INS_LSL:
    case ARM64_INS_SBFIZ:
    case ARM64_INS_UBFIZ: translate_scale(decoded, out); return;
    case ARM64_INS_CMP: translate_compare(decoded, out); return;
    case ARM64_INS_LDR:
    case ARM64_INS_LDUR:
        translate_load_or_store(decoded, METE__INSTRUCTION_LOAD, false, out);
        return;
    case ARM64_INS_LDP: translate_load_or_store(decoded, METE__INSTRUCTION_LOAD, true, out); return;
    case ARM64_INS_STR:
    case ARM64_INS_STUR:
        translate_load_or_store(decoded, METE__INSTRUCTION_STORE, false, out);
        return;
    case ARM64_INS_STP:
        translate_load_or_store(decoded, METE__INSTRUCTION_STORE, true, out);
        return;
    case ARM64_INS_B: translate_branch(decoded, out); return;
    case ARM64_INS_CBZ:
        translate_compare_and_branch(decoded, METE__INSTRUCTION_BRANCH_ZERO, out);
        return;
    case ARM64_INS_CBNZ:
        translate_compare_and_branch(decoded, METE__INSTRUCTION_BRANCH_NONZERO, out);
        return;
    case ARM64_INS_TBZ:
    case ARM64_INS_TBNZ: translate_jump(decoded, METE__INSTRUCTION_BRANCH, 2, out); return;
    case ARM64_INS_BL:
    case ARM64_INS_BLR: translate_jump(decoded, METE__INSTRUCTION_CALL, 0, out); return;
    case ARM64_INS_BR: out->kind = METE__INSTRUCTION_JUMP; return;
    case ARM64_INS_RET: out->kind = METE__INSTRUCTION_RETURN; return;
    case ARM64_INS_BRK:
    case ARM64_INS_HLT: out->kind = METE__INSTRUCTION_STOP; return;
    default: return;
    }
}

const struct mete__machine mete__instruction_arm64 = {
    .convention =
        {
            .stack = SP,
            .frame = X29,
            .result = X0,
            .arguments = {0, 1, 2, 3, 4, 5, 6, 7},
            .argument_count = 8,
            .preserved = UINT64_C(0x3ff80000) | UINT64_C(1) << SP, /* x19 to x29 */
        },
    .number = number_of,
    .translate = translate,
};
