#include "analysis/blocks/call_site.h"

#include <dwarf.h>

#include "analysis/dwarf/dwarf_die.h"

enum { PARAMETERS_MAX = 64, OPERATIONS_MAX = 256, STACK_MAX = 16 };

bool mete__call_site_type(Dwarf_Die *site, Dwarf_Die *type) {
    return mete__dwarf_die_follow(site, METE__DW_AT_LLVM_ALLOC_TYPE, type);
}

/* --- Expressions: what is known of the values on their stack --- */

static const struct mete__argument unknown = {.kind = METE__ARGUMENT_UNKNOWN};

static struct mete__argument constant(uint64_t number) {
    return (struct mete__argument){.kind = METE__ARGUMENT_CONSTANT, .number = number};
}

static struct mete__argument product(struct mete__argument a, struct mete__argument b) {
    bool is_constant = a.kind == METE__ARGUMENT_CONSTANT && b.kind == METE__ARGUMENT_CONSTANT;
    struct mete__argument result = {.kind = METE__ARGUMENT_MULTIPLE, .number = 1};

    if (a.kind != METE__ARGUMENT_UNKNOWN) result.number = a.number;
    if (b.kind != METE__ARGUMENT_UNKNOWN &&
        __builtin_mul_overflow(result.number, b.number, &result.number))
        return unknown;
    if (is_constant) result.kind = METE__ARGUMENT_CONSTANT;
    return is_constant || result.number > 1 ? result : unknown;
}

static struct mete__argument sum(struct mete__argument a, struct mete__argument b) {
    if (a.kind == METE__ARGUMENT_CONSTANT && b.kind == METE__ARGUMENT_CONSTANT)
        return constant(a.number + b.number);
    if (a.kind == METE__ARGUMENT_CONSTANT && a.number == 0) return b;
    if (b.kind == METE__ARGUMENT_CONSTANT && b.number == 0) return a;
    return unknown;
}

static bool is_constant(const Dwarf_Op *operation, uint64_t *number) {
    *number = operation->number;
    switch (operation->atom) {
    case DW_OP_const1u:
    case DW_OP_const1s:
    case DW_OP_const2u:
    case DW_OP_const2s:
    case DW_OP_const4u:
    case DW_OP_const4s:
    case DW_OP_const8u:
    case DW_OP_const8s:
    case DW_OP_constu:
    case DW_OP_consts: return true;
    default: break;
    }
    if (operation->atom < DW_OP_lit0 || operation->atom > DW_OP_lit31) return false;
    *number = (uint64_t)operation->atom - DW_OP_lit0;
    return true;
}

/* What an operation makes of the stack; false: nobody knows. */
static bool apply(const Dwarf_Op *operation, struct mete__argument *stack, size_t *depth) {
    uint64_t number;

    if (is_constant(operation, &number)) {
        if (*depth == STACK_MAX) return false;
        stack[(*depth)++] = constant(number);
        return true;
    }
    if ((operation->atom >= DW_OP_breg0 && operation->atom <= DW_OP_breg31) ||
        operation->atom == DW_OP_fbreg || operation->atom == DW_OP_entry_value ||
        operation->atom == DW_OP_GNU_entry_value) {
        if (*depth == STACK_MAX) return false;
        stack[(*depth)++] = unknown;
        return true;
    }
    switch (operation->atom) {
    case DW_OP_nop:
    case DW_OP_stack_value: return true;
    case DW_OP_deref:
    case DW_OP_deref_size:
    case DW_OP_neg:
        if (*depth < 1) return false;
        stack[*depth - 1] = unknown;
        return true;
    default: break;
    }
    if (*depth < 2) return false;
    struct mete__argument *left = &stack[*depth - 2], right = stack[*depth - 1];
    --*depth;
    switch (operation->atom) {
    case DW_OP_mul: *left = product(*left, right); return true;
    case DW_OP_shl:
        *left = right.kind == METE__ARGUMENT_CONSTANT && right.number < 63
                    ? product(*left, constant((uint64_t)1 << right.number))
                    : unknown;
        return true;
    case DW_OP_plus: *left = sum(*left, right); return true;
    case DW_OP_minus:
    case DW_OP_and:
    case DW_OP_or:
    case DW_OP_shr:
    case DW_OP_shra: *left = unknown; return true;
    default: return false;
    }
}

static struct mete__argument value_of(const Dwarf_Op *operations, size_t count) {
    struct mete__argument stack[STACK_MAX];
    size_t depth = 0;

    if (count > OPERATIONS_MAX) return unknown;
    for (size_t i = 0; i < count; i++)
        if (!apply(&operations[i], stack, &depth)) return unknown;
    return depth == 0 ? unknown : stack[depth - 1];
}

/* --- Parameters --- */

/* An attribute's expression, in DWARF 5 or in GNU's older form. */
static bool expression(Dwarf_Die *die, unsigned attribute, unsigned older, Dwarf_Op **operations,
                       size_t *count) {
    Dwarf_Attribute found;

    if (dwarf_attr(die, attribute, &found) == NULL && dwarf_attr(die, older, &found) == NULL)
        return false;
    return dwarf_getlocation(&found, operations, count) == 0 && *count > 0;
}

/* The register that a parameter is passed in; -1: none. */
static int register_of(Dwarf_Die *parameter) {
    Dwarf_Op *operations;
    size_t count;

    if (!expression(parameter, DW_AT_location, DW_AT_location, &operations, &count) || count != 1)
        return -1;
    if (operations[0].atom == DW_OP_regx && operations[0].number < METE__REGISTERS)
        return (int)operations[0].number;
    if (operations[0].atom < DW_OP_reg0 || operations[0].atom > DW_OP_reg31) return -1;
    return operations[0].atom - DW_OP_reg0;
}

static void read_parameter(Dwarf_Die *parameter, const struct mete__convention *convention,
                           struct mete__argument *arguments) {
    Dwarf_Op *operations;
    size_t count;
    int number = register_of(parameter);

    if (number < 0 ||
        !expression(parameter, DW_AT_call_value, DW_AT_GNU_call_site_value, &operations, &count))
        return;
    for (size_t i = 0; i < convention->argument_count; i++)
        if (convention->arguments[i] == number && arguments[i].kind == METE__ARGUMENT_UNKNOWN)
            arguments[i] = value_of(operations, count);
}

void mete__call_site_arguments(Dwarf_Die *site, const struct mete__convention *convention,
                               struct mete__argument *arguments) {
    Dwarf_Die child;

    if (dwarf_child(site, &child) != 0) return;
    for (int i = 0; i < PARAMETERS_MAX; i++) {
        int tag = dwarf_tag(&child);
        if (tag == DW_TAG_call_site_parameter || tag == DW_TAG_GNU_call_site_parameter)
            read_parameter(&child, convention, arguments);
        if (dwarf_siblingof(&child, &child) != 0) break;
    }
}
