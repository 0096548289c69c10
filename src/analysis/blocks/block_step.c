#include "analysis/blocks/block_step.h"

#include <dwarf.h>
#include <string.h>

#include "analysis/blocks/pointee.h"
#include "analysis/dwarf/dwarf_die.h"

#define STRAIGHT_MAX    48 /* instructions of a function without branches */
#define PLACE_ARGUMENTS 2  /* of its arguments, which it may return a place behind */

static const struct mete__block_value unknown = {.kind = METE__BLOCK_UNKNOWN};

/* --- Calls --- */

bool mete__block_step_decode(const struct mete__block_walk *walk, uint64_t address,
                             struct mete__instruction *out) {
    const struct mete__block_flow_source *source = walk->source;

    if (address < source->code_low || address >= source->code_high) return false;
    return mete__instruction_decode(source->decoder, source->code + (address - source->code_low),
                                    (size_t)(source->code_high - address), address, out);
}

/* Functions that return their first argument. */
static bool returns_argument(Dwarf_Die *callee) {
    static const char *const names[] = {"memset",       "memcpy",      "memmove", "strcpy",
                                        "strncpy",      "strcat",      "strncat", "__memset_chk",
                                        "__memcpy_chk", "__strcpy_chk"};
    const char *name = mete__block_walk_name(callee);

    if (name == NULL) return false;
    if (strncmp(name, "__builtin_", 10) == 0) name += 10;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

static bool is_floating(Dwarf_Die *type) {
    Dwarf_Die bare;
    uint64_t encoding;

    return mete__dwarf_die_peel(type, &bare) && dwarf_tag(&bare) == DW_TAG_base_type &&
           mete__dwarf_die_number(&bare, DW_AT_encoding, &encoding) && encoding == DW_ATE_float;
}

/* The type of the parameter that is passed in argument register `index`. */
static bool parameter_type(Dwarf_Die *function, size_t index, Dwarf_Die *type) {
    Dwarf_Die die, bare;
    uint64_t size;
    size_t passed = 0;

    if (dwarf_child(function, &die) != 0) return false;
    do {
        if (dwarf_tag(&die) != DW_TAG_formal_parameter) continue;
        if (!mete__pointee_type_of(&die, type)) return false;
        if (is_floating(type)) continue;
        if (passed++ == index) return true;
        /* A struct by value may take any number of registers. */
        if (mete__dwarf_die_peel(type, &bare) && mete__dwarf_die_size(&bare, &size) &&
            size > METE__BLOCK_WALK_WORD)
            return false;
    } while (dwarf_siblingof(&die, &die) == 0);
    return false;
}

/* A function may be an instance or a definition of what has the parameters. */
static bool declared(Dwarf_Die *function, Dwarf_Die *with_parameters) {
    Dwarf_Die type;

    *with_parameters = *function;
    return parameter_type(function, 0, &type) ||
           mete__dwarf_die_follow(function, DW_AT_abstract_origin, with_parameters) ||
           mete__dwarf_die_follow(function, DW_AT_specification, with_parameters);
}

/* Whether it makes an object of the class that its first parameter points to. */
static bool is_constructor(Dwarf_Die *function, Dwarf_Die *pointer_type) {
    Dwarf_Die die, class;

    if (dwarf_child(function, &die) != 0 || !mete__pointee_of(pointer_type, &class)) return false;
    while (dwarf_tag(&die) != DW_TAG_formal_parameter)
        if (dwarf_siblingof(&die, &die) != 0) return false;
    Dwarf_Attribute artificial;
    return dwarf_attr_integrate(&die, DW_AT_artificial, &artificial) != NULL &&
           mete__dwarf_die_constructs(mete__block_walk_name(function), &class);
}

/* What parameters a function has: how many of them are integers, and how many registers at most
 * they come in. */
static void count_parameters(Dwarf_Die *function, struct mete__block_flow *flow) {
    Dwarf_Die die, type, bare;
    uint8_t numbers = 0, all = 0;

    if (dwarf_child(function, &die) != 0) return;
    do {
        int tag = dwarf_tag(&die);
        if (tag != DW_TAG_formal_parameter && tag != DW_TAG_unspecified_parameters) continue;
        if (all == METE__NUMBERS_UNKNOWN - 1) return;
        bool is_known = tag == DW_TAG_formal_parameter && mete__pointee_type_of(&die, &type) &&
                        mete__dwarf_die_peel(&type, &bare);
        if (is_known && dwarf_tag(&bare) == DW_TAG_base_type && !is_floating(&type)) numbers++;
        /* Small structs come in two, what is variable in any number. */
        if (!is_known || mete__dwarf_die_is_aggregate(dwarf_tag(&bare)))
            all = METE__ARGUMENTS_MAX;
        else
            all++;
    } while (dwarf_siblingof(&die, &die) == 0);
    flow->callee_numbers = numbers;
    flow->callee_registers = all;
}

static bool callee_of(const struct mete__block_walk *walk,
                      const struct mete__instruction *instruction, uint64_t return_address,
                      Dwarf_Die *callee) {
    const struct mete__block_flow_source *source = walk->source;

    if (source->places != NULL &&
        mete__variable_places_callee(source->places, return_address, callee))
        return true;
    return instruction->destination != 0 && source->callee != NULL &&
           source->callee(source->context, instruction->destination, callee);
}

/* Whether the function there goes straight to returning an argument, or the address so many bytes
 * behind it. gcc keeps such functions where attributes say something of what they return; where
 * nothing is inlined the new of C++ that is given the place is one, and whatever steps over a
 * header. */
static bool returns_place(struct mete__block_walk *walk, uint64_t address, size_t argument,
                          int64_t *offset) {
    const struct mete__convention *convention = walk->convention;
    const struct mete__block_state state = walk->state;
    struct mete__block_flow *flow = walk->flow;
    size_t clues = flow->clue_count, accesses = flow->access_count;
    struct mete__instruction instruction;
    bool returns = false;

    walk->state = (struct mete__block_state){0};
    mete__block_step_frame(walk, address);
    mete__block_walk_set(walk, convention->arguments[argument],
                         (struct mete__block_value){.kind = METE__BLOCK_ADDRESS});
    for (int i = 0; i < STRAIGHT_MAX && mete__block_step_decode(walk, address, &instruction); i++) {
        if (instruction.kind == METE__INSTRUCTION_RETURN) {
            const struct mete__block_value *result = &walk->state.registers[convention->result];
            returns = result->kind == METE__BLOCK_ADDRESS;
            *offset = result->offset;
        }
        if (instruction.kind >= METE__INSTRUCTION_BRANCH_ZERO) break;
        mete__block_step_apply(walk, &instruction, address);
        address += instruction.bytes;
    }
    walk->state = state;
    flow->clue_count = clues;
    flow->access_count = accesses;
    return returns;
}

struct mete__block_value mete__block_step_call(struct mete__block_walk *walk,
                                               const struct mete__instruction *instruction,
                                               uint64_t return_address) {
    const struct mete__convention *convention = walk->convention;
    struct mete__block_value result = unknown;
    Dwarf_Die callee, function, type;
    bool known = callee_of(walk, instruction, return_address, &callee);

    for (size_t i = 0; i < convention->argument_count; i++) {
        const struct mete__block_value *argument = &walk->state.registers[convention->arguments[i]];
        int64_t offset;
        if (i < PLACE_ARGUMENTS && mete__block_walk_is_block(argument) &&
            instruction->destination != 0 &&
            returns_place(walk, instruction->destination, i, &offset)) {
            result = *argument;
            result.offset = mete__block_walk_sum(result.offset, offset);
        }
        if (argument->kind != METE__BLOCK_ADDRESS) continue;
        if (!known) break;
        if (i == 0 && returns_argument(&callee)) result = *argument;
        if (!declared(&callee, &function) || !parameter_type(&function, i, &type)) continue;
        bool constructs = i == 0 && is_constructor(&function, &type);
        mete__block_walk_clue(
            walk, &type,
            (struct mete__clue){.kind = constructs ? METE__CLUE_CONSTRUCTED : METE__CLUE_ARGUMENT,
                                .offset = argument->offset,
                                .name = mete__block_walk_name(&callee)});
    }
    for (int8_t i = 0; i < METE__REGISTERS; i++)
        if ((convention->preserved >> i & 1) == 0) walk->state.registers[i] = unknown;
    walk->state.tested_block = false;
    walk->state.memory.origin = 0;
    /* Where it leads to a pointer, as a slot or an element does, the block may be stored there. */
    if (known && result.kind == METE__BLOCK_UNKNOWN && mete__pointee_type_of(&callee, &type) &&
        mete__pointee_of(&type, &result.pointee))
        result.kind = METE__BLOCK_POINTER;
    return result;
}

/* --- Other instructions --- */

void mete__block_step_frame(struct mete__block_walk *walk, uint64_t address) {
    const struct mete__block_flow_source *source = walk->source;
    int8_t number;
    int64_t offset;

    if (source->frame == NULL || !source->frame(source->context, address, &number, &offset)) return;
    if (offset == INT64_MIN) return;
    mete__block_walk_set(walk, number,
                         (struct mete__block_value){.kind = METE__BLOCK_FRAME, .offset = -offset});
}

/* A constant plus a multiple of something is none of both. */
static bool is_number(const struct mete__block_value *value) {
    return (value->kind == METE__BLOCK_CONSTANT && value->stride == 0) ||
           value->kind == METE__BLOCK_MULTIPLE;
}

/* A value times a small constant. */
static struct mete__block_value scaled(const struct mete__block_value *value, int64_t factor) {
    struct mete__block_value product = {.kind = METE__BLOCK_MULTIPLE, .offset = factor};

    if (is_number(value)) {
        product.kind = value->kind;
        if (__builtin_mul_overflow(value->offset, factor, &product.offset)) return unknown;
    }
    return product.kind == METE__BLOCK_MULTIPLE && product.offset <= 1 ? unknown : product;
}

/* A product of two: what one is a multiple of, that is too. */
static struct mete__block_value product_of(const struct mete__block_value *a,
                                           const struct mete__block_value *b) {
    const struct mete__block_value *factor =
        is_number(b) && (b->kind == METE__BLOCK_CONSTANT || !is_number(a)) ? b : a;

    if (!is_number(factor)) return unknown;
    struct mete__block_value product = scaled(factor == b ? a : b, factor->offset);
    if (product.kind == METE__BLOCK_CONSTANT && factor->kind == METE__BLOCK_MULTIPLE)
        product.kind = METE__BLOCK_MULTIPLE;
    return product;
}

static bool is_null(const struct mete__block_value *value) {
    return value->kind == METE__BLOCK_CONSTANT && value->offset == 0 && value->stride == 0;
}

static bool agree(const struct mete__block_value *a, const struct mete__block_value *b,
                  bool unless_unknown) {
    if (unless_unknown && b->kind == METE__BLOCK_UNKNOWN) return true;
    return a->kind == b->kind && a->stride == b->stride && a->offset == b->offset &&
           a->is_guess == b->is_guess && a->pointee.addr == b->pointee.addr;
}

/* Whether it is the size that C++ asks for where an array would be larger than all memory: no such
 * block is ever there. */
static bool is_too_large(const struct mete__block_value *value) {
    return value->kind == METE__BLOCK_CONSTANT && value->offset == -1 && value->stride == 0;
}

/* What a register holds where two ways meet. */
static void meet(struct mete__block_value *value, const struct mete__block_value *other,
                 bool unless_unknown) {
    if (agree(value, other, unless_unknown) || (is_too_large(other) && is_number(value))) return;
    *value = is_too_large(value) && is_number(other) ? *other : unknown;
}

/* What a register holds that may have got another's value. Where that is null, or instead of it,
 * the block's address is meant. */
static struct mete__block_value select_of(const struct mete__block_value *value,
                                          const struct mete__block_value *other) {
    struct mete__block_value result = *value;

    if (value->kind == METE__BLOCK_ADDRESS && is_null(other)) return *value;
    if (other->kind == METE__BLOCK_ADDRESS && is_null(value)) return *other;
    meet(&result, other, false);
    return result;
}

static void step_base(struct mete__block_walk *walk, const struct mete__instruction *instruction,
                      uint64_t address) {
    struct mete__block_value base = mete__block_walk_register(walk, instruction->base, address);

    if (base.kind == METE__BLOCK_MULTIPLE && instruction->step % base.offset != 0) base = unknown;
    if (base.kind != METE__BLOCK_MULTIPLE)
        base.offset = mete__block_walk_sum(base.offset, instruction->step);
    mete__block_walk_set(walk, instruction->base, base);
}

void mete__block_step_apply(struct mete__block_walk *walk,
                            const struct mete__instruction *instruction, uint64_t address) {
    const struct mete__convention *convention = walk->convention;
    struct mete__block_value at = unknown, value = unknown;

    switch (instruction->kind) {
    case METE__INSTRUCTION_COPY:
        mete__block_walk_set(walk, instruction->to,
                             mete__block_walk_register(walk, instruction->from, address));
        break;
    case METE__INSTRUCTION_NUMBER:
        value = mete__block_walk_register(walk, instruction->from, address);
        mete__block_walk_set(walk, instruction->to, is_number(&value) ? value : unknown);
        break;
    case METE__INSTRUCTION_MULTIPLY:
        value = mete__block_walk_register(walk, instruction->to, address);
        at = mete__block_walk_register(walk, instruction->from, address);
        mete__block_walk_set(walk, instruction->to, product_of(&value, &at));
        at = unknown;
        break;
    case METE__INSTRUCTION_SELECT:
        value = mete__block_walk_register(walk, instruction->to, address);
        at = mete__block_walk_register(walk, instruction->from, address);
        mete__block_walk_set(walk, instruction->to, select_of(&value, &at));
        at = unknown;
        break;
    case METE__INSTRUCTION_SCALE:
        value = mete__block_walk_register(walk, instruction->from, address);
        mete__block_walk_set(walk, instruction->to, scaled(&value, instruction->offset));
        break;
    case METE__INSTRUCTION_ADDRESS:
        mete__block_walk_set(walk, instruction->to,
                             mete__block_walk_address(walk, instruction, address));
        break;
    case METE__INSTRUCTION_LOAD:
        at = mete__block_walk_address(walk, instruction, address);
        value = mete__block_walk_load(walk, &at, address);
        if (instruction->second >= 0) {
            at.offset = mete__block_walk_sum(at.offset, METE__BLOCK_WALK_WORD);
            mete__block_walk_set(walk, instruction->second,
                                 mete__block_walk_load(walk, &at, address));
        }
        mete__block_walk_set(walk, instruction->to, value);
        break;
    case METE__INSTRUCTION_STORE:
        at = mete__block_walk_address(walk, instruction, address);
        mete__block_walk_store(
            walk, &at, mete__block_walk_register(walk, instruction->from, address), address);
        if (instruction->second >= 0) {
            at.offset = mete__block_walk_sum(at.offset, METE__BLOCK_WALK_WORD);
            mete__block_walk_store(
                walk, &at, mete__block_walk_register(walk, instruction->second, address), address);
        }
        break;
    case METE__INSTRUCTION_LEAVE:
        mete__block_walk_set(walk, convention->stack, walk->state.registers[convention->frame]);
        /* fall through */
    case METE__INSTRUCTION_POP:
        at = walk->state.registers[convention->stack];
        if (at.kind == METE__BLOCK_FRAME) value = mete__block_walk_load(walk, &at, address);
        at.offset = mete__block_walk_sum(at.offset, METE__BLOCK_WALK_WORD);
        mete__block_walk_set(walk, convention->stack, at);
        mete__block_walk_set(walk, instruction->to, value);
        break;
    case METE__INSTRUCTION_PUSH:
        at = walk->state.registers[convention->stack];
        at.offset = mete__block_walk_sum(at.offset, -METE__BLOCK_WALK_WORD);
        mete__block_walk_set(walk, convention->stack, at);
        mete__block_walk_store(
            walk, &at, mete__block_walk_register(walk, instruction->from, address), address);
        break;
    default:
        if (instruction->access != 0) at = mete__block_walk_address(walk, instruction, address);
        break;
    }
    mete__block_walk_touch(walk, &at, instruction->access);
    if (instruction->step != 0) step_base(walk, instruction, address);
    for (int8_t i = 0; i < METE__REGISTERS; i++)
        if ((instruction->written >> i & 1) != 0) walk->state.registers[i] = unknown;
}

void mete__block_step_test(struct mete__block_walk *walk,
                           const struct mete__instruction *instruction, uint64_t address) {
    if (instruction->kind == METE__INSTRUCTION_TEST) {
        struct mete__block_value value = unknown;
        if (instruction->from >= 0) {
            value = mete__block_walk_register(walk, instruction->from, address);
        } else {
            const struct mete__block_value at =
                mete__block_walk_address(walk, instruction, address);
            value = mete__block_walk_load(walk, &at, address);
        }
        walk->state.tested_block = value.kind == METE__BLOCK_ADDRESS;
    } else if (instruction->tests) {
        walk->state.tested_block = false;
    }
}

void mete__block_step_arguments(struct mete__block_walk *walk,
                                const struct mete__instruction *instruction,
                                uint64_t return_address) {
    struct mete__argument *arguments = walk->flow->arguments;
    Dwarf_Die callee, function;

    for (size_t i = 0; i < walk->convention->argument_count; i++) {
        const struct mete__block_value *value =
            &walk->state.registers[walk->convention->arguments[i]];
        if (is_number(value))
            arguments[i].kind = value->kind == METE__BLOCK_CONSTANT ? METE__ARGUMENT_CONSTANT
                                                                    : METE__ARGUMENT_MULTIPLE;
        arguments[i].number = (uint64_t)value->offset;
    }
    walk->first_argument = walk->state.registers[walk->convention->arguments[0]];
    walk->flow->is_indirect = instruction->destination == 0;
    walk->flow->has_callee = callee_of(walk, instruction, return_address, &callee);
    if (!walk->flow->has_callee) return;
    walk->flow->callee = callee;
    if (declared(&callee, &function)) count_parameters(&function, walk->flow);
}

void mete__block_step_meet(struct mete__block_state *state, const struct mete__block_state *other) {
    struct mete__block_state partial = *state;

    if (state->is_partial && !other->is_partial) {
        *state = *other;
        other = &partial;
    }
    bool unless_unknown = other->is_partial && !state->is_partial;
    for (size_t i = 0; i < METE__REGISTERS; i++)
        meet(&state->registers[i], &other->registers[i], unless_unknown);
    for (size_t i = 0; i < state->slot_count; i++) {
        struct mete__block_slot *slot = &state->slots[i];
        const struct mete__block_value *value = &unknown;
        for (size_t j = 0; j < other->slot_count; j++)
            if (other->slots[j].at == slot->at) value = &other->slots[j].value;
        meet(&slot->value, value, unless_unknown);
    }
    if (state->memory.origin != other->memory.origin || state->memory.at != other->memory.at)
        state->memory.origin = 0;
    state->tested_block &= other->tested_block;
}
