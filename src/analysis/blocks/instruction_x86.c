#include <capstone/x86.h>

#include "analysis/blocks/instruction_machine.h"

enum { RAX, RDX, RCX, RBX, RSI, RDI, RBP, RSP }; /* DWARF's order; R8 is 8 */
#define XMM0      17
#define XMM_COUNT 16
#define XMM_LOWER (UINT64_C(0xffff) << XMM0)
#define TO_UPPER  XMM_COUNT /* from the number of a lower half to that of the upper one */

static int8_t number_of(unsigned capstone_register) {
    switch (capstone_register) {
    case X86_REG_RAX:
    case X86_REG_EAX:
    case X86_REG_AX:
    case X86_REG_AH:
    case X86_REG_AL: return RAX;
    case X86_REG_RDX:
    case X86_REG_EDX:
    case X86_REG_DX:
    case X86_REG_DH:
    case X86_REG_DL: return RDX;
    case X86_REG_RCX:
    case X86_REG_ECX:
    case X86_REG_CX:
    case X86_REG_CH:
    case X86_REG_CL: return RCX;
    case X86_REG_RBX:
    case X86_REG_EBX:
    case X86_REG_BX:
    case X86_REG_BH:
    case X86_REG_BL: return RBX;
    case X86_REG_RSI:
    case X86_REG_ESI:
    case X86_REG_SI:
    case X86_REG_SIL: return RSI;
    case X86_REG_RDI:
    case X86_REG_EDI:
    case X86_REG_DI:
    case X86_REG_DIL: return RDI;
    case X86_REG_RBP:
    case X86_REG_EBP:
    case X86_REG_BP:
    case X86_REG_BPL: return RBP;
    case X86_REG_RSP:
    case X86_REG_ESP:
    case X86_REG_SP:
    case X86_REG_SPL: return RSP;
    default: break;
    }
    /* Capstone numbers these one after the other. */
    if (capstone_register >= X86_REG_R8 && capstone_register <= X86_REG_R15)
        return (int8_t)(8 + capstone_register - X86_REG_R8);
    if (capstone_register >= X86_REG_R8B && capstone_register <= X86_REG_R15B)
        return (int8_t)(8 + capstone_register - X86_REG_R8B);
    if (capstone_register >= X86_REG_R8D && capstone_register <= X86_REG_R15D)
        return (int8_t)(8 + capstone_register - X86_REG_R8D);
    if (capstone_register >= X86_REG_R8W && capstone_register <= X86_REG_R15W)
        return (int8_t)(8 + capstone_register - X86_REG_R8W);
    if (capstone_register >= X86_REG_XMM0 && capstone_register < X86_REG_XMM0 + XMM_COUNT)
        return (int8_t)(XMM0 + capstone_register - X86_REG_XMM0);
    return METE__NO_REGISTER;
}

/* --- Operands --- */

static bool is_register(const cs_x86_op *operand) {
    return operand->type == X86_OP_REG && operand->size == 8 &&
           number_of(operand->reg) != METE__NO_REGISTER;
}

static bool set_memory(const cs_insn *decoded, const cs_x86_op *operand,
                       struct mete__instruction *out) {
    const x86_op_mem *memory = &operand->mem;

    if (memory->segment != X86_REG_INVALID) return false; /* thread-local */
    out->offset = memory->disp;
    if (memory->base == X86_REG_RIP) {
        out->absolute = true;
        out->offset = (int64_t)(decoded->address + decoded->size + (uint64_t)memory->disp);
        return memory->index == X86_REG_INVALID;
    }
    if (memory->index != X86_REG_INVALID) {
        out->index = number_of(memory->index);
        if (out->index == METE__NO_REGISTER) return false;
        out->scale = (uint8_t)memory->scale;
    }
    if (memory->base == X86_REG_INVALID) {
        out->absolute = true;
        return true;
    }
    out->base = number_of(memory->base);
    return out->base != METE__NO_REGISTER;
}

static void set_constant(int8_t to, int64_t value, struct mete__instruction *out) {
    out->kind = METE__INSTRUCTION_ADDRESS;
    out->to = to;
    out->absolute = true;
    out->offset = value;
}

/* --- Instructions --- */

static void translate_move(const cs_insn *decoded, struct mete__instruction *out) {
    const cs_x86_op *to = &decoded->detail->x86.operands[0];
    const cs_x86_op *from = &decoded->detail->x86.operands[1];

    if (to->type == X86_OP_MEM) {
        if (!set_memory(decoded, to, out)) return;
        out->kind = METE__INSTRUCTION_STORE;
        out->access = to->size;
        if (is_register(from)) out->from = number_of(from->reg);
    } else if (from->type == X86_OP_IMM && number_of(to->reg) != METE__NO_REGISTER &&
               to->size >= 4) {
        set_constant(number_of(to->reg), from->imm, out);
    } else if (to->type == X86_OP_REG && from->type == X86_OP_REG && to->size >= 4) {
        out->to = number_of(to->reg);
        out->from = number_of(from->reg);
        if (out->to != METE__NO_REGISTER && out->from != METE__NO_REGISTER)
            out->kind = to->size == 8 ? METE__INSTRUCTION_COPY : METE__INSTRUCTION_NUMBER;
    } else if (is_register(to) && from->type == X86_OP_MEM && set_memory(decoded, from, out)) {
        out->kind = METE__INSTRUCTION_LOAD;
        out->access = from->size;
        out->to = number_of(to->reg);
    } else if (from->type == X86_OP_MEM && set_memory(decoded, from, out)) {
        out->access = from->size;
    }
}

static void translate_add(const cs_insn *decoded, struct mete__instruction *out) {
    const cs_x86_op *to = &decoded->detail->x86.operands[0];
    const cs_x86_op *from = &decoded->detail->x86.operands[1];
    bool subtracts = decoded->id == X86_INS_SUB;

    out->tests = true;
    if (!is_register(to)) {
        if (to->type == X86_OP_MEM && set_memory(decoded, to, out))
            out->kind = METE__INSTRUCTION_STORE;
        return;
    }
    if (from->type == X86_OP_IMM) {
        out->kind = METE__INSTRUCTION_ADDRESS;
        out->to = number_of(to->reg);
        out->base = out->to;
        out->offset = subtracts ? (int64_t)(0 - (uint64_t)from->imm) : from->imm;
    } else if (!subtracts && is_register(from)) {
        out->kind = METE__INSTRUCTION_ADDRESS;
        out->to = number_of(to->reg);
        out->base = out->to;
        out->index = number_of(from->reg);
        out->scale = 1;
    }
}

/* Moves that are made only where the flags say so. */
static bool is_select(const cs_insn *decoded) {
    switch (decoded->id) {
    case X86_INS_CMOVA:
    case X86_INS_CMOVAE:
    case X86_INS_CMOVB:
    case X86_INS_CMOVBE:
    case X86_INS_CMOVE:
    case X86_INS_CMOVG:
    case X86_INS_CMOVGE:
    case X86_INS_CMOVL:
    case X86_INS_CMOVLE:
    case X86_INS_CMOVNE:
    case X86_INS_CMOVNO:
    case X86_INS_CMOVNS:
    case X86_INS_CMOVO:
    case X86_INS_CMOVS: return true;
    default: return false;
    }
}

static void translate_select(const cs_insn *decoded, struct mete__instruction *out) {
    const cs_x86_op *to = &decoded->detail->x86.operands[0];
    const cs_x86_op *from = &decoded->detail->x86.operands[1];

    if (!is_register(to) || !is_register(from)) return;
    out->kind = METE__INSTRUCTION_SELECT;
    out->to = number_of(to->reg);
    out->from = number_of(from->reg);
}

/* Multiplications by a constant: of sizes, to find which. */
static void translate_scale(const cs_insn *decoded, struct mete__instruction *out) {
    const cs_x86 *x86 = &decoded->detail->x86;
    const cs_x86_op *to = &x86->operands[0];
    const cs_x86_op *by = &x86->operands[x86->op_count == 0 ? 0 : x86->op_count - 1];
    bool shifts = decoded->id == X86_INS_SHL || decoded->id == X86_INS_SAL;

    out->tests = true;
    if (to->type != X86_OP_REG || to->size < 4 || number_of(to->reg) == METE__NO_REGISTER ||
        by->type != X86_OP_IMM || by->imm <= 0 || by->imm > (shifts ? 30 : 1 << 30))
        return;
    out->kind = METE__INSTRUCTION_SCALE;
    out->to = number_of(to->reg);
    out->offset = shifts ? (int64_t)1 << by->imm : by->imm;
    if (shifts || x86->operands[1].type == X86_OP_REG)
        out->from = number_of(shifts ? to->reg : x86->operands[1].reg);
}

/* Of registers: one of them may hold a size. */
static void translate_product(const cs_insn *decoded, struct mete__instruction *out) {
    const cs_x86 *x86 = &decoded->detail->x86;
    const cs_x86_op *from = &x86->operands[x86->op_count - 1];

    out->tests = true;
    if (x86->op_count == 0 || x86->op_count > 2 || !is_register(from)) return;
    out->kind = METE__INSTRUCTION_MULTIPLY;
    out->to = RAX;
    if (x86->op_count == 2) out->to = number_of(x86->operands[0].reg);
    out->from = number_of(from->reg);
}

/* cltq and movslq: a number of half a register becomes one of a whole. */
static void translate_extension(const cs_insn *decoded, struct mete__instruction *out) {
    const cs_x86_op *operands = decoded->detail->x86.operands;

    if (decoded->id == X86_INS_CDQE) {
        out->to = out->from = RAX;
    } else {
        if (operands[1].type != X86_OP_REG) return;
        out->to = number_of(operands[0].reg);
        out->from = number_of(operands[1].reg);
    }
    if (out->to != METE__NO_REGISTER && out->from != METE__NO_REGISTER)
        out->kind = METE__INSTRUCTION_NUMBER;
}

/* An address, or a multiplication by 2, 3, 4, 5, 8 or 9. */
static void translate_address(const cs_insn *decoded, struct mete__instruction *out) {
    const cs_x86_op *operands = decoded->detail->x86.operands;
    int8_t to = number_of(operands[0].reg);

    if (to == METE__NO_REGISTER || !set_memory(decoded, &operands[1], out)) return;
    out->to = to;
    if (out->index != METE__NO_REGISTER && (out->absolute || out->base == out->index) &&
        out->offset == 0) {
        out->kind = METE__INSTRUCTION_SCALE;
        out->from = out->index;
        out->offset = out->scale + (out->base == out->index);
    } else if (operands[0].size == 8) {
        out->kind = METE__INSTRUCTION_ADDRESS;
    }
}

/* Comparisons of a pointer with zero, and what compilers write to set one to zero. */
static void translate_test(const cs_insn *decoded, struct mete__instruction *out) {
    const cs_x86_op *left = &decoded->detail->x86.operands[0];
    const cs_x86_op *right = &decoded->detail->x86.operands[1];
    bool same = left->type == X86_OP_REG && right->type == X86_OP_REG && left->reg == right->reg;

    out->tests = true;
    switch (decoded->id) {
    case X86_INS_XOR:
        if (same && number_of(left->reg) != METE__NO_REGISTER)
            set_constant(number_of(left->reg), 0, out);
        return;
    case X86_INS_TEST:
        if (!same || !is_register(left)) return;
        break;
    default: /* cmp */
        if (right->type != X86_OP_IMM || right->imm != 0) return;
        if (left->type == X86_OP_MEM && left->size == 8 && set_memory(decoded, left, out)) {
            out->kind = METE__INSTRUCTION_TEST;
            return;
        }
        if (!is_register(left)) return;
        break;
    }
    out->kind = METE__INSTRUCTION_TEST;
    out->from = number_of(left->reg);
}

static void translate_jump(const cs_insn *decoded, enum mete__instruction_kind kind,
                           struct mete__instruction *out) {
    const cs_x86 *x86 = &decoded->detail->x86;

    out->kind = kind;
    if (x86->op_count == 1 && x86->operands[0].type == X86_OP_IMM)
        out->destination = (uint64_t)x86->operands[0].imm;
}

static void translate_other(const cs_insn *decoded, struct mete__instruction *out) {
    const cs_x86 *x86 = &decoded->detail->x86;
    const cs_x86_op *first = &x86->operands[0];

    /* What is stored in another way is no pointer, but it is where a pointer may have been. */
    out->tests = x86->eflags != 0;
    if (x86->op_count != 0 && first->type == X86_OP_MEM && (first->access & CS_AC_WRITE) != 0 &&
        set_memory(decoded, first, out))
        out->kind = METE__INSTRUCTION_STORE;
}

static bool in_group(const cs_insn *decoded, uint8_t group) {
    for (size_t i = 0; i < decoded->detail->groups_count; i++)
        if (decoded->detail->groups[i] == group) return true;
    return false;
}

static void translate_stack(const cs_insn *decoded, struct mete__instruction *out) {
    const cs_x86_op *operand = &decoded->detail->x86.operands[0];
    int8_t number = METE__NO_REGISTER;

    if (operand->type == X86_OP_REG) number = number_of(operand->reg);
    if (decoded->id == X86_INS_PUSH) {
        out->kind = METE__INSTRUCTION_PUSH;
        out->from = number;
    } else {
        out->kind = METE__INSTRUCTION_POP;
        out->to = number;
    }
}

/* --- Vectors: two pointers that lie side by side are often stored as one --- */

/* The number of the lower half; METE__NO_REGISTER: it is no vector. */
static int8_t lower_half(const cs_x86_op *operand) {
    if (operand->type != X86_OP_REG || number_of(operand->reg) < XMM0) return METE__NO_REGISTER;
    return number_of(operand->reg);
}

/* A word between memory or a general register and one half of a vector, whose other half stays as
 * it is where `keeps`. */
static void translate_half(const cs_insn *decoded, int upper, bool keeps,
                           struct mete__instruction *out) {
    const cs_x86_op *to = &decoded->detail->x86.operands[0];
    const cs_x86_op *from = &decoded->detail->x86.operands[1];
    int8_t vector = lower_half(to), source = lower_half(from);

    if (vector != METE__NO_REGISTER && keeps)
        out->written &= ~(UINT64_C(1) << vector | UINT64_C(1) << (vector + TO_UPPER));
    if (to->type == X86_OP_MEM) {
        if (!set_memory(decoded, to, out)) return;
        out->kind = METE__INSTRUCTION_STORE;
        if (source != METE__NO_REGISTER) out->from = (int8_t)(source + upper);
        return;
    }
    out->to = number_of(to->reg);
    if (vector != METE__NO_REGISTER) out->to = (int8_t)(vector + upper);
    if (from->type == X86_OP_MEM) {
        if (set_memory(decoded, from, out)) out->kind = METE__INSTRUCTION_LOAD;
    } else {
        out->from = number_of(from->reg);
        if (out->from != METE__NO_REGISTER) out->kind = METE__INSTRUCTION_COPY;
    }
    if (out->kind == METE__INSTRUCTION_OTHER && out->to != METE__NO_REGISTER)
        out->written |= UINT64_C(1) << out->to;
}

/* Both words between memory and a vector. */
static void translate_vector(const cs_insn *decoded, struct mete__instruction *out) {
    const cs_x86_op *to = &decoded->detail->x86.operands[0];
    const cs_x86_op *from = &decoded->detail->x86.operands[1];
    int8_t vector = lower_half(to->type == X86_OP_MEM ? from : to);

    if (vector == METE__NO_REGISTER) return;
    if (to->type == X86_OP_MEM && set_memory(decoded, to, out)) {
        out->kind = METE__INSTRUCTION_STORE;
        out->from = vector;
        out->second = (int8_t)(vector + TO_UPPER);
    } else if (from->type == X86_OP_MEM && set_memory(decoded, from, out)) {
        out->kind = METE__INSTRUCTION_LOAD;
        out->to = vector;
        out->second = (int8_t)(vector + TO_UPPER);
    }
}

/* false: it is no instruction of vectors that pointers go through. */
static bool translate_vectors(const cs_insn *decoded, struct mete__instruction *out) {
    const cs_x86 *x86 = &decoded->detail->x86;

    switch (decoded->id) {
    case X86_INS_MOVQ:
    case X86_INS_MOVLPS:
    case X86_INS_MOVLPD: translate_half(decoded, 0, decoded->id != X86_INS_MOVQ, out); return true;
    case X86_INS_MOVHPS:
    case X86_INS_MOVHPD:
    case X86_INS_PUNPCKLQDQ: translate_half(decoded, TO_UPPER, true, out); return true;
    case X86_INS_PINSRQ:
        translate_half(decoded, x86->operands[2].imm == 0 ? 0 : TO_UPPER, true, out);
        return true;
    case X86_INS_MOVUPS:
    case X86_INS_MOVAPS:
    case X86_INS_MOVUPD:
    case X86_INS_MOVAPD:
    case X86_INS_MOVDQU:
    case X86_INS_MOVDQA: translate_vector(decoded, out); return true;
    default: return false;
    }
}

static void translate(const cs_insn *decoded, struct mete__instruction *out) {
    out->written |= (out->written & XMM_LOWER) << TO_UPPER;
    if (translate_vectors(decoded, out)) return;
    switch (decoded->id) {
    case X86_INS_MOV:
    case X86_INS_MOVABS: translate_move(decoded, out); return;
    case X86_INS_LEA: translate_address(decoded, out); return;
    case X86_INS_SHL:
    case X86_INS_SAL: translate_scale(decoded, out); return;
    case X86_INS_MUL: translate_product(decoded, out); return;
    case X86_INS_IMUL:
        if (decoded->detail->x86.op_count == 3)
            translate_scale(decoded, out);
        else
            translate_product(decoded, out);
        return;
    case X86_INS_CDQE:
    case X86_INS_MOVSXD: translate_extension(decoded, out); return;
    case X86_INS_ADD:
    case X86_INS_SUB: translate_add(decoded, out); return;
    case X86_INS_XOR:
    case X86_INS_TEST:
    case X86_INS_CMP: translate_test(decoded, out); return;
    case X86_INS_PUSH:
    case X86_INS_POP: translate_stack(decoded, out); return;
    case X86_INS_LEAVE:
        out->kind = METE__INSTRUCTION_LEAVE;
        out->to = RBP;
        return;
    case X86_INS_JE: translate_jump(decoded, METE__INSTRUCTION_BRANCH_ZERO, out); return;
    case X86_INS_JNE: translate_jump(decoded, METE__INSTRUCTION_BRANCH_NONZERO, out); return;
    case X86_INS_JMP: translate_jump(decoded, METE__INSTRUCTION_JUMP, out); return;
    case X86_INS_CALL: translate_jump(decoded, METE__INSTRUCTION_CALL, out); return;
    case X86_INS_RET: out->kind = METE__INSTRUCTION_RETURN; return;
    case X86_INS_HLT:
    case X86_INS_UD2:
    case X86_INS_INT3: out->kind = METE__INSTRUCTION_STOP; return;
    default: break;
    }
    if (in_group(decoded, X86_GRP_JUMP))
        translate_jump(decoded, METE__INSTRUCTION_BRANCH, out);
    else if (is_select(decoded))
        translate_select(decoded, out);
    else
        translate_other(decoded, out);
}

const struct mete__machine mete__instruction_x86 = {
    .convention =
        {
            .stack = RSP,
            .frame = RBP,
            .result = RAX,
            .arguments = {RDI, RSI, RDX, RCX, 8, 9},
            .argument_count = 6,
            .preserved = 1u << RBX | 1u << RBP | 1u << RSP | 0xf000u, /* and r12 to r15 */
        },
    .number = number_of,
    .translate = translate,
};
