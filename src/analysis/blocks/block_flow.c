#include "analysis/blocks/block_flow.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/blocks/block_walk.h"
#include "analysis/blocks/pointee.h"
#include "analysis/dwarf/dwarf_die.h"
#include "analysis/dwarf/dwarf_split.h"

#define IDENTITY_MAX 16  /* instructions */
#define STEPS_MAX    300 /* instructions on all paths together */
#define BEFORE_MAX   400 /* instructions before the call */
#define PATHS_MAX    24  /* that wait */
#define SEEN_MAX     128 /* targets of branches */

struct path {
    uint64_t address;
    struct mete__block_state state;
};

/* All paths of one walk. */
struct paths {
    struct mete__block_walk walk;
    const struct mete__convention *convention;
    struct path waiting[PATHS_MAX];
    size_t waiting_count;
    uint64_t seen[SEEN_MAX]; /* targets that paths have begun at */
    size_t seen_count;
    size_t steps;
};

static const struct mete__block_value unknown = {.kind = METE__BLOCK_UNKNOWN};

static void apply(struct mete__block_walk *walk, const struct mete__instruction *instruction,
                  uint64_t address);
static void set_frame(struct mete__block_walk *walk, uint64_t address);

/* --- Calls --- */

static bool decode(const struct mete__block_walk *walk, uint64_t address,
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

/* How many parameters are integers. */
static uint8_t count_numbers(Dwarf_Die *function) {
    Dwarf_Die die, type, bare;
    uint8_t count = 0;

    if (dwarf_child(function, &die) != 0) return METE__NUMBERS_UNKNOWN;
    do {
        if (dwarf_tag(&die) == DW_TAG_formal_parameter && mete__pointee_type_of(&die, &type) &&
            mete__dwarf_die_peel(&type, &bare) && dwarf_tag(&bare) == DW_TAG_base_type &&
            !is_floating(&type) && count < METE__NUMBERS_UNKNOWN - 1)
            count++;
    } while (dwarf_siblingof(&die, &die) == 0);
    return count;
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

/* Whether the function there does nothing but return its first argument. gcc keeps such functions
 * where attributes say something of what they return. */
static bool is_identity(struct mete__block_walk *walk, uint64_t address) {
    const struct mete__convention *convention = walk->convention;
    const struct mete__block_state state = walk->state;
    size_t clues = walk->flow->clue_count;
    struct mete__instruction instruction;
    bool returns = false;

    walk->state = (struct mete__block_state){0};
    set_frame(walk, address);
    mete__block_walk_set(walk, convention->arguments[0],
                         (struct mete__block_value){.kind = METE__BLOCK_ADDRESS});
    for (int i = 0; i < IDENTITY_MAX && decode(walk, address, &instruction); i++) {
        if (instruction.kind == METE__INSTRUCTION_RETURN) {
            const struct mete__block_value *result = &walk->state.registers[convention->result];
            returns = result->kind == METE__BLOCK_ADDRESS && result->offset == 0;
        }
        if (instruction.kind >= METE__INSTRUCTION_BRANCH_ZERO) break;
        apply(walk, &instruction, address);
        address += instruction.bytes;
    }
    walk->state = state;
    walk->flow->clue_count = clues;
    return returns;
}

/* The call itself; the value it returns. */
static struct mete__block_value call(struct mete__block_walk *walk,
                                     const struct mete__instruction *instruction,
                                     uint64_t return_address) {
    const struct mete__convention *convention = walk->convention;
    struct mete__block_value result = unknown;
    Dwarf_Die callee, function, type;
    bool known = false, looked = false;

    for (size_t i = 0; i < convention->argument_count; i++) {
        const struct mete__block_value *argument = &walk->state.registers[convention->arguments[i]];
        if (i == 0 && mete__block_walk_is_block(argument) && instruction->destination != 0 &&
            is_identity(walk, instruction->destination))
            result = *argument;
        if (argument->kind != METE__BLOCK_ADDRESS) continue;
        if (!looked) known = callee_of(walk, instruction, return_address, &callee);
        looked = true;
        if (!known) break;
        if (i == 0 && returns_argument(&callee)) result = *argument;
        if (declared(&callee, &function) && parameter_type(&function, i, &type))
            mete__block_walk_clue(walk, &type,
                                  (struct mete__clue){.kind = METE__CLUE_ARGUMENT,
                                                      .offset = argument->offset,
                                                      .name = mete__block_walk_name(&callee)});
    }
    for (int8_t i = 0; i < METE__REGISTERS; i++)
        if ((convention->preserved >> i & 1) == 0) walk->state.registers[i] = unknown;
    walk->state.tested_block = false;
    return result;
}

/* The function returns; on one path this address of the block, on another perhaps that. */
static void returned(struct mete__block_walk *walk, const struct mete__block_value *result) {
    struct mete__block_flow *flow = walk->flow;
    Dwarf_Die type, pointee;
    struct mete__clue clue = {.kind = METE__CLUE_RETURNED};
    bool has_type =
        walk->source->function != NULL && mete__pointee_type_of(walk->source->function, &type);
    bool is_other = flow->returned && flow->returned_offset != result->offset;

    /* What a register still holds where a function without a result returns is none. */
    if (walk->source->function != NULL && !has_type) return;
    if (has_type) clue.name = mete__block_walk_name(walk->source->function);
    if (result->kind == METE__BLOCK_INSIDE || (result->kind == METE__BLOCK_ADDRESS && is_other)) {
        if (!has_type || !mete__pointee_of(&type, &pointee)) return;
        flow->returned_inside = true;
        mete__block_walk_inside(walk, &type, clue);
    }
    if (result->kind != METE__BLOCK_ADDRESS || is_other) return;
    flow->returned = true;
    flow->returned_offset = result->offset;
    flow->returned_typed |= has_type && mete__pointee_of(&type, &pointee);
    clue.offset = result->offset;
    if (has_type) mete__block_walk_clue(walk, &type, clue);
}

/* --- Paths --- */

static bool is_inside(const struct mete__block_walk *walk, uint64_t address) {
    Dwarf_Die *function = walk->source->function;
    Dwarf_Addr base, low, high;
    ptrdiff_t next = 0;

    while (function != NULL &&
           (next = mete__dwarf_split_ranges(function, next, &base, &low, &high)) > 0)
        if (low <= address && address < high) return true;
    return function == NULL;
}

static bool is_new(struct paths *paths, uint64_t target) {
    for (size_t i = 0; i < paths->seen_count; i++)
        if (paths->seen[i] == target) return false;
    if (paths->seen_count == SEEN_MAX) return false;
    paths->seen[paths->seen_count++] = target;
    return true;
}

static void add_path(struct paths *paths, uint64_t target) {
    if (paths->waiting_count == PATHS_MAX || !is_inside(&paths->walk, target) ||
        !is_new(paths, target))
        return;
    struct path *path = &paths->waiting[paths->waiting_count++];
    path->address = target;
    path->state = paths->walk.state;
}

/* Whether the block's address is anywhere still. */
static bool is_known(const struct mete__block_state *state) {
    for (size_t i = 0; i < METE__REGISTERS; i++)
        if (mete__block_walk_is_block(&state->registers[i])) return true;
    for (size_t i = 0; i < state->slot_count; i++)
        if (mete__block_walk_is_block(&state->slots[i].value)) return true;
    return false;
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

/* Keeps what the call that is followed is given. */
static void keep_arguments(const struct mete__block_walk *walk, struct mete__argument *arguments) {
    for (size_t i = 0; i < walk->convention->argument_count; i++) {
        const struct mete__block_value *value =
            &walk->state.registers[walk->convention->arguments[i]];
        if (is_number(value))
            arguments[i].kind = value->kind == METE__BLOCK_CONSTANT ? METE__ARGUMENT_CONSTANT
                                                                    : METE__ARGUMENT_MULTIPLE;
        arguments[i].number = (uint64_t)value->offset;
    }
}

static void step_base(struct mete__block_walk *walk, const struct mete__instruction *instruction,
                      uint64_t address) {
    struct mete__block_value base = mete__block_walk_register(walk, instruction->base, address);

    if (base.kind == METE__BLOCK_MULTIPLE && instruction->step % base.offset != 0) base = unknown;
    if (base.kind != METE__BLOCK_MULTIPLE)
        base.offset = mete__block_walk_sum(base.offset, instruction->step);
    mete__block_walk_set(walk, instruction->base, base);
}

/* Effects but those on where the walk goes on. */
static void apply(struct mete__block_walk *walk, const struct mete__instruction *instruction,
                  uint64_t address) {
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
    default: break;
    }
    if (instruction->step != 0) step_base(walk, instruction, address);
    for (int8_t i = 0; i < METE__REGISTERS; i++)
        if ((instruction->written >> i & 1) != 0) walk->state.registers[i] = unknown;
}

static void apply_test(struct mete__block_walk *walk, const struct mete__instruction *instruction,
                       uint64_t address) {
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

/* Where the walk goes on: 0, nowhere. Branches that may be taken wait. */
static uint64_t next_of(struct paths *paths, const struct mete__instruction *instruction,
                        uint64_t next) {
    struct mete__block_walk *walk = &paths->walk;
    bool is_block = instruction->from >= 0
                        ? walk->state.registers[instruction->from].kind == METE__BLOCK_ADDRESS
                        : walk->state.tested_block;
    struct mete__block_value result;

    switch (instruction->kind) {
    case METE__INSTRUCTION_BRANCH_ZERO:
        if (!is_block) add_path(paths, instruction->destination);
        return next;
    case METE__INSTRUCTION_BRANCH_NONZERO:
        add_path(paths, instruction->destination);
        return is_block ? 0 : next;
    case METE__INSTRUCTION_BRANCH: add_path(paths, instruction->destination); return next;
    case METE__INSTRUCTION_JUMP:
        if (instruction->destination == 0) return 0;
        if (is_inside(walk, instruction->destination))
            return is_new(paths, instruction->destination) ? instruction->destination : 0;
        result = call(walk, instruction, next); /* the function's last one */
        returned(walk, &result);
        return 0;
    case METE__INSTRUCTION_CALL:
        result = call(walk, instruction, next);
        mete__block_walk_set(walk, walk->convention->result, result);
        return next;
    case METE__INSTRUCTION_RETURN:
        returned(walk, &walk->state.registers[walk->convention->result]);
        return 0;
    case METE__INSTRUCTION_STOP: return 0;
    default: return next;
    }
}

static void set_frame(struct mete__block_walk *walk, uint64_t address) {
    const struct mete__block_flow_source *source = walk->source;
    int8_t number;
    int64_t offset;

    if (source->frame == NULL || !source->frame(source->context, address, &number, &offset)) return;
    if (offset == INT64_MIN) return;
    mete__block_walk_set(walk, number,
                         (struct mete__block_value){.kind = METE__BLOCK_FRAME, .offset = -offset});
}

/* Reads straight on up to the call, to know what registers hold then. */
static void walk_before(struct mete__block_walk *walk, uint64_t from, uint64_t to) {
    struct mete__instruction instruction;
    Dwarf_Die callee, function;

    if (from >= to) return;
    set_frame(walk, from);
    for (size_t i = 0; i < BEFORE_MAX && from < to && decode(walk, from, &instruction); i++) {
        uint64_t next = from + instruction.bytes;
        apply(walk, &instruction, from);
        switch (instruction.kind) {
        case METE__INSTRUCTION_CALL:
            if (next == to) keep_arguments(walk, walk->flow->arguments);
            if (next == to && callee_of(walk, &instruction, next, &callee) &&
                declared(&callee, &function))
                walk->flow->callee_numbers = count_numbers(&function);
            (void)call(walk, &instruction, next);
            break;
        case METE__INSTRUCTION_JUMP:
        case METE__INSTRUCTION_RETURN:
        case METE__INSTRUCTION_STOP: /* what follows is reached from elsewhere */
            walk->state = (struct mete__block_state){0};
            set_frame(walk, next);
            break;
        default: break;
        }
        from = next;
    }
    if (from == to) return;
    walk->state = (struct mete__block_state){0};
    memset(walk->flow->arguments, 0, sizeof walk->flow->arguments);
}

static void walk_path(struct paths *paths, uint64_t address) {
    struct mete__block_walk *walk = &paths->walk;
    struct mete__instruction instruction;

    while (address != 0 && paths->steps++ < STEPS_MAX && is_known(&walk->state)) {
        mete__block_walk_look(walk, address);
        if (!decode(walk, address, &instruction)) return;
        apply_test(walk, &instruction, address);
        apply(walk, &instruction, address);
        address = next_of(paths, &instruction, address + instruction.bytes);
    }
}

int mete__block_flow_follow(const struct mete__block_flow_source *source, uint64_t before,
                            uint64_t address, struct mete__block_flow *flow) {
    struct paths *paths = calloc(1, sizeof *paths);

    *flow = (struct mete__block_flow){.callee_numbers = METE__NUMBERS_UNKNOWN};
    if (paths == NULL) return -ENOMEM;
    struct mete__block_walk *walk = &paths->walk;
    walk->source = source;
    walk->convention = mete__instruction_decoder_convention(source->decoder);
    walk->flow = flow;
    walk_before(walk, before, address);
    flow->clue_count = 0; /* of another block, if any */
    set_frame(walk, address);
    mete__block_walk_set(walk, walk->convention->result,
                         (struct mete__block_value){.kind = METE__BLOCK_ADDRESS});
    walk_path(paths, address);
    while (paths->waiting_count > 0 && paths->steps < STEPS_MAX) {
        const struct path *path = &paths->waiting[--paths->waiting_count];
        walk->state = path->state;
        walk_path(paths, path->address);
    }
    free(paths);
    return 0;
}
