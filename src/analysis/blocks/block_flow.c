#include "analysis/blocks/block_flow.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/blocks/block_step.h"
#include "analysis/blocks/pointee.h"
#include "analysis/dwarf/dwarf_die.h"
#include "analysis/dwarf/dwarf_split.h"

#define STEPS_MAX  300  /* instructions on all paths together */
#define BEFORE_MAX 8192 /* instructions before the call */
#define PATHS_MAX  24   /* that wait */
#define SEEN_MAX   128  /* targets of branches */

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
    return state->memory.origin != 0;
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
        result = mete__block_step_call(walk, instruction, next); /* the function's last one */
        returned(walk, &result);
        return 0;
    case METE__INSTRUCTION_CALL:
        result = mete__block_step_call(walk, instruction, next);
        mete__block_walk_set(walk, walk->convention->result, result);
        return next;
    case METE__INSTRUCTION_RETURN:
        returned(walk, &walk->state.registers[walk->convention->result]);
        return 0;
    case METE__INSTRUCTION_STOP: return 0;
    default: return next;
    }
}

/* --- Before the call --- */

/* What is known where a branch leads to. */
static struct path *waiting_at(struct paths *paths, uint64_t address) {
    for (size_t i = 0; i < paths->waiting_count; i++)
        if (paths->waiting[i].address == address) return &paths->waiting[i];
    return NULL;
}

static void leads_to(struct paths *paths, uint64_t target) {
    struct path *path = waiting_at(paths, target);

    if (path != NULL) {
        mete__block_step_meet(&path->state, &paths->walk.state);
    } else if (paths->waiting_count < PATHS_MAX) {
        path = &paths->waiting[paths->waiting_count++];
        *path = (struct path){target, paths->walk.state};
    }
}

/* Comes to an instruction from the one in front of it, or else from where branches led here. */
static void arrive(struct paths *paths, uint64_t address, bool comes_from_before) {
    struct mete__block_walk *walk = &paths->walk;
    struct path *path = waiting_at(paths, address);

    if (!comes_from_before) {
        if (path == NULL)
            walk->state = (struct mete__block_state){.is_partial = true};
        else
            walk->state = path->state;
        mete__block_step_frame(walk, address);
    } else if (path != NULL) {
        mete__block_step_meet(&walk->state, &path->state);
    }
    if (path != NULL) *path = paths->waiting[--paths->waiting_count];
}

/* Reads all that lies between in the order in which it lies there. */
static void read_before(struct paths *paths, uint64_t from, uint64_t to) {
    struct mete__block_walk *walk = &paths->walk;
    struct mete__instruction instruction;
    struct mete__block_value result;
    bool goes_on = true;

    walk->state = (struct mete__block_state){0};
    mete__block_step_frame(walk, from);
    memset(walk->flow->arguments, 0, sizeof walk->flow->arguments);
    for (size_t i = 0;
         i < BEFORE_MAX && from < to && mete__block_step_decode(walk, from, &instruction); i++) {
        uint64_t next = from + instruction.bytes;
        arrive(paths, from, goes_on);
        goes_on = true;
        mete__block_step_apply(walk, &instruction, from);
        switch (instruction.kind) {
        case METE__INSTRUCTION_CALL:
            if (next == to) mete__block_step_arguments(walk, &instruction, next);
            result = mete__block_step_call(walk, &instruction, next);
            mete__block_walk_set(walk, walk->convention->result, result);
            break;
        case METE__INSTRUCTION_JUMP:
        case METE__INSTRUCTION_RETURN:
        case METE__INSTRUCTION_STOP: goes_on = false; break;
        default: break;
        }
        if (instruction.kind >= METE__INSTRUCTION_BRANCH_ZERO &&
            instruction.kind <= METE__INSTRUCTION_JUMP && instruction.destination < to)
            leads_to(paths, instruction.destination);
        from = next;
    }
    if (from == to) return;
    walk->state = (struct mete__block_state){0};
    memset(walk->flow->arguments, 0, sizeof walk->flow->arguments);
}

/* To know what registers and the frame hold at the call. What branches lead back to is read once
 * more: what is known there is known only then. */
static void walk_before(struct paths *paths, uint64_t from, uint64_t to) {
    if (from >= to) return;
    read_before(paths, from, to);
    if (paths->waiting_count != 0) read_before(paths, from, to);
    paths->waiting_count = 0;
}

/* --- After it --- */

static void walk_path(struct paths *paths, uint64_t address) {
    struct mete__block_walk *walk = &paths->walk;
    struct mete__instruction instruction;

    while (address != 0 && paths->steps++ < STEPS_MAX && is_known(&walk->state)) {
        mete__block_walk_look(walk, address);
        if (!mete__block_step_decode(walk, address, &instruction)) return;
        mete__block_step_test(walk, &instruction, address);
        mete__block_step_apply(walk, &instruction, address);
        address = next_of(paths, &instruction, address + instruction.bytes);
    }
}

/* Where the block's address is when the call returns: posix_memalign puts it into a variable, and
 * what it returns is a number. No other allocator takes the address of one. */
static void put_block(struct mete__block_walk *walk, uint64_t address) {
    const struct mete__block_value block = {.kind = METE__BLOCK_ADDRESS};
    const struct mete__block_value *at = &walk->first_argument;

    walk->flow->is_stored = walk->source->is_allocator && at->kind == METE__BLOCK_FRAME &&
                            at->stride == 0 &&
                            mete__block_walk_may_be_pointer(walk, at->offset, address);
    if (walk->flow->is_stored)
        mete__block_walk_store(walk, at, block, address);
    else
        mete__block_walk_set(walk, walk->convention->result, block);
}

/* What the callee says it returns. */
static void look_at_callee(struct mete__block_walk *walk) {
    struct mete__block_flow *flow = walk->flow;
    Dwarf_Die type;

    if (flow->has_callee && mete__pointee_type_of(&flow->callee, &type))
        mete__block_walk_clue(walk, &type,
                              (struct mete__clue){.kind = METE__CLUE_RETURNED,
                                                  .name = mete__block_walk_name(&flow->callee),
                                                  .is_callee = true});
}

int mete__block_flow_follow(const struct mete__block_flow_source *source, uint64_t before,
                            uint64_t address, struct mete__block_flow *flow) {
    struct paths *paths = calloc(1, sizeof *paths);

    *flow = (struct mete__block_flow){.callee_numbers = METE__NUMBERS_UNKNOWN,
                                      .callee_registers = METE__NUMBERS_UNKNOWN};
    if (paths == NULL) return -ENOMEM;
    struct mete__block_walk *walk = &paths->walk;
    walk->source = source;
    walk->convention = mete__instruction_decoder_convention(source->decoder);
    walk->flow = flow;
    walk_before(paths, before, address);
    flow->clue_count = flow->access_count = 0; /* of another block, if any */
    walk->state.memory.origin = 0;
    mete__block_step_frame(walk, address);
    put_block(walk, address);
    look_at_callee(walk);
    walk_path(paths, address);
    while (paths->waiting_count > 0 && paths->steps < STEPS_MAX) {
        const struct path *path = &paths->waiting[--paths->waiting_count];
        walk->state = path->state;
        walk_path(paths, path->address);
    }
    free(paths);
    return 0;
}
