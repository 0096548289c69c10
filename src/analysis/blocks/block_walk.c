#include "analysis/blocks/block_walk.h"

#include <dwarf.h>

#include "analysis/blocks/pointee.h"
#include "analysis/blocks/type_fit.h"
#include "analysis/dwarf/dwarf_die.h"

static const struct mete__block_value unknown = {.kind = METE__BLOCK_UNKNOWN};

/* --- Clues --- */

void mete__block_walk_clue(struct mete__block_walk *walk, enum mete__clue_kind kind,
                           Dwarf_Die *pointer_type, int64_t offset, const char *name,
                           const char *holder) {
    struct mete__block_flow *flow = walk->flow;
    struct mete__clue clue = {.kind = kind, .offset = offset, .name = name, .holder = holder};

    if (offset < 0 || !mete__pointee_of(pointer_type, &clue.type)) return;
    for (size_t i = 0; i < flow->clue_count; i++)
        if (flow->clues[i].type.addr == clue.type.addr && flow->clues[i].offset == offset &&
            flow->clues[i].kind >= kind)
            return;
    if (flow->clue_count < METE__CLUES_MAX) flow->clues[flow->clue_count++] = clue;
}

const char *mete__block_walk_name(Dwarf_Die *die) {
    Dwarf_Attribute attribute;

    return dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute));
}

/* --- Variables --- */

/* Where a variable is, as an offset from the canonical frame address. */
static bool frame_offset(const struct mete__block_state *state,
                         const struct mete__variable_place *place, int64_t *offset) {
    if (place->kind == METE__VARIABLE_IN_FRAME) {
        *offset = place->offset;
        return true;
    }
    if (place->kind != METE__VARIABLE_IN_MEMORY || place->number >= METE__REGISTERS) return false;
    const struct mete__block_value *base = &state->registers[place->number];
    return base->kind == METE__BLOCK_FRAME &&
           !__builtin_add_overflow(base->offset, place->offset, offset);
}

static bool holds_at(const struct mete__variable_place *place, uint64_t address) {
    return place->low <= address && address < place->high;
}

/* The type of the scalar `offset` bytes into a variable of which a piece is in `place`. */
static bool scalar_of(struct mete__variable *variable, const struct mete__variable_place *place,
                      int64_t offset, Dwarf_Die *type, const char **member) {
    Dwarf_Word size;

    if (offset < 0 || dwarf_aggregate_size(&variable->type, &size) != 0 || size > INT64_MAX ||
        place->part > size || (uint64_t)offset >= size - place->part)
        return false;
    return mete__pointee_member(&variable->type, offset + (int64_t)place->part, type, member);
}

void mete__block_walk_inside(struct mete__block_walk *walk, enum mete__clue_kind kind,
                             Dwarf_Die *pointer_type, const char *name, const char *holder) {
    Dwarf_Die pointee;
    struct mete__type_fit_shape shape;

    if (mete__pointee_of(pointer_type, &pointee) && mete__type_fit_shape_of(&pointee, &shape) &&
        shape.is_character)
        mete__block_walk_clue(walk, kind, pointer_type, 0, name, holder);
}

static void add_variable(struct mete__block_walk *walk, const struct mete__variable_place *place,
                         int64_t offset, int64_t in_block) {
    struct mete__variable *variable = &walk->source->places->variables[place->variable];
    const char *member = NULL;
    Dwarf_Die type;

    if (!scalar_of(variable, place, offset, &type, &member)) return;
    /* What an inlined function calls its parameter is no more than another function would say. */
    enum mete__clue_kind kind = member != NULL ? METE__CLUE_MEMBER
                                : variable->is_parameter && variable->inlined != 0
                                    ? METE__CLUE_ARGUMENT
                                    : METE__CLUE_VARIABLE;
    const char *function =
        kind != METE__CLUE_ARGUMENT
            ? NULL
            : mete__block_walk_name(&walk->source->places->inlined[variable->inlined - 1]);
    if (kind == METE__CLUE_ARGUMENT)
        mete__block_walk_clue(walk, kind, &type, in_block, function, NULL);
    else
        mete__block_walk_clue(walk, kind, &type, in_block, member != NULL ? member : variable->name,
                              member != NULL ? variable->name : NULL);
}

/* The same where the value is an address somewhere in the block. */
static void add_variable_inside(struct mete__block_walk *walk,
                                const struct mete__variable_place *place, int64_t offset) {
    struct mete__variable *variable = &walk->source->places->variables[place->variable];
    const char *member = NULL;
    Dwarf_Die type;

    if (!scalar_of(variable, place, offset, &type, &member)) return;
    mete__block_walk_inside(walk, member != NULL ? METE__CLUE_MEMBER : METE__CLUE_VARIABLE, &type,
                            member != NULL ? member : variable->name,
                            member != NULL ? variable->name : NULL);
}

/* Adds the variables that the block's address is the value of, before the instruction there. */
void mete__block_walk_look(struct mete__block_walk *walk, uint64_t address) {
    const struct mete__variable_places *places = walk->source->places;
    const struct mete__block_state *state = &walk->state;

    for (size_t i = 0; places != NULL && i < places->place_count; i++) {
        const struct mete__variable_place *place = &places->places[i];
        int64_t offset;
        if (!holds_at(place, address)) continue;
        if (place->kind == METE__VARIABLE_IN_REGISTER || place->kind == METE__VARIABLE_IS_SUM) {
            if (place->number >= METE__REGISTERS) continue;
            const struct mete__block_value *value = &state->registers[place->number];
            if (value->kind == METE__BLOCK_ADDRESS &&
                !__builtin_add_overflow(value->offset, place->offset, &offset))
                add_variable(walk, place, 0, offset);
            if (value->kind == METE__BLOCK_INSIDE) add_variable_inside(walk, place, 0);
        } else if (frame_offset(state, place, &offset)) {
            for (size_t j = 0; j < state->slot_count; j++) {
                const struct mete__block_slot *slot = &state->slots[j];
                if (slot->value.kind == METE__BLOCK_ADDRESS)
                    add_variable(walk, place, slot->at - offset, slot->value.offset);
                if (slot->value.kind == METE__BLOCK_INSIDE)
                    add_variable_inside(walk, place, slot->at - offset);
            }
        }
    }
}

static struct mete__block_value pointer_to(Dwarf_Die *pointer_type) {
    struct mete__block_value value = {.kind = METE__BLOCK_POINTER};

    return mete__pointee_of(pointer_type, &value.pointee) ? value : unknown;
}

/* --- Registers and memory --- */

/* What a register holds; where the walk does not know, the variable in it may. */
struct mete__block_value mete__block_walk_register(const struct mete__block_walk *walk,
                                                   int8_t number, uint64_t address) {
    const struct mete__variable_places *places = walk->source->places;

    if (number < 0 || number >= METE__REGISTERS) return unknown;
    if (walk->state.registers[number].kind != METE__BLOCK_UNKNOWN || places == NULL)
        return walk->state.registers[number];
    for (size_t i = 0; i < places->place_count; i++) {
        const struct mete__variable_place *place = &places->places[i];
        const char *ignored;
        Dwarf_Die type;
        if ((place->kind != METE__VARIABLE_IN_REGISTER && place->kind != METE__VARIABLE_IS_SUM) ||
            place->number != number || !holds_at(place, address) ||
            !scalar_of(&places->variables[place->variable], place, 0, &type, &ignored))
            continue;
        struct mete__block_value value = pointer_to(&type);
        value.offset = mete__block_walk_sum(0, -place->offset);
        if (value.kind != METE__BLOCK_UNKNOWN) return value;
    }
    return unknown;
}

void mete__block_walk_set(struct mete__block_walk *walk, int8_t number,
                          struct mete__block_value value) {
    if (number >= 0 && number < METE__REGISTERS) walk->state.registers[number] = value;
}

/* What lies `offset` bytes into an object of a type, or any number of strides further on. */
static bool member_at(Dwarf_Die *type, int64_t offset, uint8_t stride, Dwarf_Die *member,
                      const char **name) {
    Dwarf_Word size;

    /* A step from one object to the next, or along an array that is inside of one. */
    if (stride > 1 && dwarf_aggregate_size(type, &size) == 0 && size != stride) {
        if (mete__pointee_element(type, stride, member, name)) return true;
        if (size % stride != 0) return false;
    }
    return mete__pointee_member(type, offset, member, name);
}

/* The variable that covers a word of the frame. */
static bool variable_in_frame(struct mete__block_walk *walk, int64_t at, uint8_t stride,
                              uint64_t address, Dwarf_Die *type, const char **name,
                              const char **holder) {
    const struct mete__variable_places *places = walk->source->places;

    for (size_t i = 0; places != NULL && i < places->place_count; i++) {
        const struct mete__variable_place *place = &places->places[i];
        int64_t offset;
        if (!holds_at(place, address) || !frame_offset(&walk->state, place, &offset)) continue;
        struct mete__variable *variable = &places->variables[place->variable];
        if (!scalar_of(variable, place, at - offset, type, name)) continue;
        if (stride != 0 && !member_at(&variable->type, at - offset, stride, type, name)) continue;
        *holder = *name == NULL ? NULL : variable->name;
        if (*name == NULL) *name = variable->name;
        return true;
    }
    return false;
}

static struct mete__block_slot *slot_at(struct mete__block_state *state, int64_t at) {
    for (size_t i = 0; i < state->slot_count; i++)
        if (state->slots[i].at == at) return &state->slots[i];
    return NULL;
}

static void set_slot(struct mete__block_state *state, int64_t at, struct mete__block_value value) {
    struct mete__block_slot *slot = slot_at(state, at);

    if (slot == NULL && value.kind != METE__BLOCK_UNKNOWN &&
        state->slot_count < METE__BLOCK_WALK_SLOTS) {
        slot = &state->slots[state->slot_count++];
        slot->at = at;
    }
    if (slot != NULL) slot->value = value;
}

/* Base plus index times scale. Of a sum of two either may be the pointer; the other then is an
 * array's index. */
static struct mete__block_value indexed(const struct mete__block_value *base,
                                        const struct mete__block_value *index, uint8_t scale) {
    bool swapped = scale == 1 && index->kind > base->kind && index->kind != METE__BLOCK_CONSTANT;
    struct mete__block_value sum = swapped ? *index : *base;
    const struct mete__block_value *number = swapped ? base : index;

    if (sum.kind == METE__BLOCK_UNKNOWN || sum.kind == METE__BLOCK_MULTIPLE) return unknown;
    bool by_size =
        scale == 1 && number->kind == METE__BLOCK_MULTIPLE && number->offset <= UINT8_MAX;
    uint8_t stride = by_size ? (uint8_t)number->offset : scale;
    sum.stride = sum.stride == 0 && stride != 0 ? stride : 1;
    return sum;
}

/* Base, index and offset added up. */
struct mete__block_value mete__block_walk_address(const struct mete__block_walk *walk,
                                                  const struct mete__instruction *instruction,
                                                  uint64_t address) {
    struct mete__block_value value = {.kind = METE__BLOCK_CONSTANT};

    if (!instruction->absolute) value = mete__block_walk_register(walk, instruction->base, address);
    if (instruction->index >= 0) {
        struct mete__block_value index =
            mete__block_walk_register(walk, instruction->index, address);
        bool is_inside = mete__block_walk_is_block(&value) ||
                         (mete__block_walk_is_block(&index) && instruction->scale == 1);
        if (is_inside)
            value = (struct mete__block_value){.kind = METE__BLOCK_INSIDE};
        else
            value = indexed(&value, &index, instruction->scale);
    }
    if (value.kind == METE__BLOCK_MULTIPLE)
        return instruction->offset % value.offset == 0 ? value : unknown;
    if (value.kind != METE__BLOCK_UNKNOWN)
        value.offset = mete__block_walk_sum(value.offset, instruction->offset);
    return value;
}

/* What has a type and lies at an address. False: nothing that is known. */
static bool object_at(struct mete__block_walk *walk, const struct mete__block_value *at,
                      uint64_t address, Dwarf_Die *type, const char **name, const char **holder) {
    Dwarf_Die variable_type, bare;
    const char *variable;
    uint64_t offset;

    *name = *holder = NULL;
    switch (at->kind) {
    case METE__BLOCK_POINTER:
        bare = at->pointee;
        if (!member_at(&bare, at->offset, at->stride, type, name)) return false;
        *holder = mete__block_walk_name(&bare);
        if (*holder == NULL && mete__dwarf_die_peel(&bare, &bare))
            *holder = mete__block_walk_name(&bare);
        return true;
    case METE__BLOCK_CONSTANT:
        if (walk->source->global == NULL ||
            !walk->source->global(walk->source->context, (uint64_t)at->offset, &variable_type,
                                  &variable, &offset) ||
            offset > INT64_MAX ||
            !member_at(&variable_type, (int64_t)offset, at->stride, type, name))
            return false;
        *holder = *name == NULL ? NULL : variable;
        if (*name == NULL) *name = variable;
        return true;
    case METE__BLOCK_FRAME:
        return variable_in_frame(walk, at->offset, at->stride, address, type, name, holder);
    default: return false;
    }
}

struct mete__block_value mete__block_walk_load(struct mete__block_walk *walk,
                                               const struct mete__block_value *at,
                                               uint64_t address) {
    const struct mete__block_slot *slot =
        at->kind == METE__BLOCK_FRAME ? slot_at(&walk->state, at->offset) : NULL;
    const char *name, *holder;
    Dwarf_Die type;

    if (slot != NULL && slot->value.kind != METE__BLOCK_UNKNOWN && at->stride == 0)
        return slot->value;
    return object_at(walk, at, address, &type, &name, &holder) ? pointer_to(&type) : unknown;
}

void mete__block_walk_store(struct mete__block_walk *walk, const struct mete__block_value *at,
                            struct mete__block_value value, uint64_t address) {
    const char *name, *holder;
    Dwarf_Die type;

    if (at->kind == METE__BLOCK_FRAME && at->stride == 0) {
        set_slot(&walk->state, at->offset, value); /* variables are looked at by the caller */
        return;
    }
    if (value.kind == METE__BLOCK_ADDRESS && object_at(walk, at, address, &type, &name, &holder))
        mete__block_walk_clue(
            walk, at->kind == METE__BLOCK_CONSTANT ? METE__CLUE_GLOBAL : METE__CLUE_MEMBER, &type,
            value.offset, name, holder);
    if (value.kind == METE__BLOCK_INSIDE && object_at(walk, at, address, &type, &name, &holder))
        mete__block_walk_inside(
            walk, at->kind == METE__BLOCK_CONSTANT ? METE__CLUE_GLOBAL : METE__CLUE_MEMBER, &type,
            name, holder);
}
