#include "analysis/blocks/block_walk.h"

#include <dwarf.h>
#include <string.h>

#include "analysis/blocks/pointee.h"
#include "analysis/blocks/type_fit.h"
#include "analysis/dwarf/dwarf_die.h"

static const struct mete__block_value unknown = {.kind = METE__BLOCK_UNKNOWN};

/* --- Clues --- */

/* Where a clue more goes; NULL: there is no room. Unions' are many and weak: they make room. */
static struct mete__clue *room_for(struct mete__block_flow *flow, const struct mete__clue *clue) {
    if (flow->clue_count < METE__CLUES_MAX) return &flow->clues[flow->clue_count++];
    for (size_t i = 0; i < METE__CLUES_MAX; i++)
        if (flow->clues[i].is_one_of) return clue->is_one_of ? NULL : &flow->clues[i];
    return NULL;
}

void mete__block_walk_clue(struct mete__block_walk *walk, Dwarf_Die *pointer_type,
                           struct mete__clue clue) {
    struct mete__block_flow *flow = walk->flow;

    if (clue.offset < 0 || !mete__pointee_of(pointer_type, &clue.type)) return;
    for (size_t i = 0; i < flow->clue_count; i++) {
        const struct mete__clue *known = &flow->clues[i];
        if (known->type.addr == clue.type.addr && known->offset == clue.offset &&
            known->kind >= clue.kind && known->is_one_of <= clue.is_one_of)
            return;
    }
    struct mete__clue *room = room_for(flow, &clue);
    if (room != NULL) *room = clue;
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

/* What lies somewhere: of a union all that may. */
struct object {
    struct mete__pointee_member members[METE__POINTEE_MEMBERS_MAX];
    size_t count;
    const char *whole; /* the variable or the struct that they are in; NULL: unknown */
    bool is_variable;  /* a member without a name is all of it */
    bool is_guess;     /* it is known to be there by one of a union's pointers only */
};

static struct mete__clue clue_of(enum mete__clue_kind kind, const struct object *object,
                                 const struct mete__pointee_member *member) {
    bool is_all = object->is_variable && member->name == NULL;

    return (struct mete__clue){
        .kind = kind,
        .name = is_all ? object->whole : member->name,
        .holder = is_all ? NULL : object->whole,
        .is_one_of = object->is_guess || object->count > 1,
    };
}

/* What is `offset` bytes into a variable of which a piece is in `place`. */
static bool scalar_of(struct mete__variable *variable, const struct mete__variable_place *place,
                      int64_t offset, struct object *object) {
    uint64_t size;

    if (offset < 0 || !mete__dwarf_die_size(&variable->type, &size) || size > INT64_MAX ||
        place->part > size || (uint64_t)offset >= size - place->part)
        return false;
    object->whole = variable->name;
    object->is_variable = true;
    object->is_guess = false;
    object->count =
        mete__pointee_members(&variable->type, offset + (int64_t)place->part, object->members);
    return object->count != 0;
}

void mete__block_walk_inside(struct mete__block_walk *walk, Dwarf_Die *pointer_type,
                             struct mete__clue clue) {
    Dwarf_Die pointee;
    struct mete__type_fit_shape shape;

    if (mete__pointee_of(pointer_type, &pointee) && mete__type_fit_shape_of(&pointee, &shape) &&
        shape.is_character)
        mete__block_walk_clue(walk, pointer_type, clue);
}

/* Whether a parameter of an inlined call is the object that a constructor makes. */
static bool is_constructed(const struct mete__block_walk *walk, struct mete__variable *variable) {
    Dwarf_Die class;

    return variable->name != NULL && strcmp(variable->name, "this") == 0 &&
           mete__pointee_of(&variable->type, &class) &&
           mete__dwarf_die_constructs(
               mete__block_walk_name(&walk->source->places->inlined[variable->inlined - 1]),
               &class);
}

static void add_variable(struct mete__block_walk *walk, const struct mete__variable_place *place,
                         int64_t offset, int64_t in_block) {
    struct mete__variable *variable = &walk->source->places->variables[place->variable];
    struct object object;

    if (!scalar_of(variable, place, offset, &object)) return;
    for (size_t i = 0; i < object.count; i++) {
        struct mete__pointee_member *member = &object.members[i];
        /* What an inlined function calls its parameter is no more than another function would say.
         */
        bool is_argument = member->name == NULL && variable->is_parameter && variable->inlined != 0;
        bool constructs = is_argument && is_constructed(walk, variable);
        struct mete__clue clue = clue_of(member->name != NULL ? METE__CLUE_MEMBER
                                         : constructs         ? METE__CLUE_CONSTRUCTED
                                         : is_argument        ? METE__CLUE_ARGUMENT
                                                              : METE__CLUE_VARIABLE,
                                         &object, member);
        if (is_argument)
            clue.name =
                mete__block_walk_name(&walk->source->places->inlined[variable->inlined - 1]);
        clue.offset = in_block;
        mete__block_walk_clue(walk, &member->type, clue);
    }
}

/* The same where the value is an address somewhere in the block. */
static void add_variable_inside(struct mete__block_walk *walk,
                                const struct mete__variable_place *place, int64_t offset) {
    struct mete__variable *variable = &walk->source->places->variables[place->variable];
    struct object object;

    if (!scalar_of(variable, place, offset, &object)) return;
    for (size_t i = 0; i < object.count; i++) {
        struct mete__pointee_member *member = &object.members[i];
        enum mete__clue_kind kind = member->name != NULL ? METE__CLUE_MEMBER : METE__CLUE_VARIABLE;
        mete__block_walk_inside(walk, &member->type, clue_of(kind, &object, member));
    }
}

/* Whether a variable cannot be in a register all the time that it is said to be: gcc says so of the
 * whole scope where one place is all that it knows, and calls change that register. (clang says
 * it of parameters of inlined calls, truly.) */
static bool is_untrue(const struct mete__block_walk *walk,
                      const struct mete__variable_place *place) {
    return place->is_for_scope && !walk->source->places->variables[place->variable].is_parameter &&
           place->number >= 0 && place->number < METE__REGISTERS &&
           (walk->convention->preserved >> place->number & 1) == 0;
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
            if (place->number >= METE__REGISTERS || is_untrue(walk, place)) continue;
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

bool mete__block_walk_may_be_pointer(const struct mete__block_walk *walk, int64_t at,
                                     uint64_t address) {
    const struct mete__variable_places *places = walk->source->places;

    for (size_t i = 0; places != NULL && i < places->place_count; i++) {
        const struct mete__variable_place *place = &places->places[i];
        Dwarf_Die type = places->variables[place->variable].type, bare;
        int64_t offset;
        if (holds_at(place, address) && frame_offset(&walk->state, place, &offset) && offset == at)
            return place->part == 0 && mete__dwarf_die_peel(&type, &bare) &&
                   mete__dwarf_die_is_pointer(dwarf_tag(&bare));
    }
    return true;
}

/* What an object there points to; of several the first. */
static struct mete__block_value pointer_in(struct object *object) {
    struct mete__block_value value = {.kind = METE__BLOCK_POINTER,
                                      .is_guess = object->is_guess || object->count > 1};

    return mete__pointee_of(&object->members[0].type, &value.pointee) ? value : unknown;
}

/* --- Registers and memory --- */

/* Whether it says no more than a variable that has the value does: programs cast what they load
 * from memory that is used for different things, and what they say it is then has a type. */
static bool gives_way(const struct mete__block_value *known,
                      const struct mete__block_value *variable) {
    Dwarf_Die type = variable->pointee, bare;

    if (known->kind == METE__BLOCK_UNKNOWN) return true;
    return known->kind == METE__BLOCK_POINTER && known->offset == 0 && known->stride == 0 &&
           variable->kind == METE__BLOCK_POINTER && !variable->is_guess && variable->offset == 0 &&
           mete__dwarf_die_peel(&type, &bare) && mete__dwarf_die_is_aggregate(dwarf_tag(&bare));
}

/* What a register holds; where the walk does not know, the variable in it may. */
struct mete__block_value mete__block_walk_register(const struct mete__block_walk *walk,
                                                   int8_t number, uint64_t address) {
    const struct mete__variable_places *places = walk->source->places;

    if (number < 0 || number >= METE__REGISTERS) return unknown;
    const struct mete__block_value *known = &walk->state.registers[number];
    if (places == NULL ||
        (known->kind != METE__BLOCK_UNKNOWN && known->kind != METE__BLOCK_POINTER))
        return *known;
    for (size_t i = 0; i < places->place_count; i++) {
        const struct mete__variable_place *place = &places->places[i];
        struct object object;
        if ((place->kind != METE__VARIABLE_IN_REGISTER && place->kind != METE__VARIABLE_IS_SUM) ||
            place->number != number || !holds_at(place, address) ||
            !scalar_of(&places->variables[place->variable], place, 0, &object))
            continue;
        struct mete__block_value value = pointer_in(&object);
        value.offset = mete__block_walk_sum(0, -place->offset);
        if (value.kind != METE__BLOCK_UNKNOWN && gives_way(known, &value)) return value;
    }
    return *known;
}

void mete__block_walk_set(struct mete__block_walk *walk, int8_t number,
                          struct mete__block_value value) {
    if (number >= 0 && number < METE__REGISTERS) walk->state.registers[number] = value;
}

/* What lies `offset` bytes into an object of a type, or any number of strides further on. */
static bool members_at(Dwarf_Die *type, int64_t offset, uint8_t stride, struct object *object) {
    uint64_t size;

    /* A step from one object to the next, or along an array that is inside of one. */
    if (stride > 1 && mete__dwarf_die_size(type, &size) && size != stride) {
        object->count = mete__pointee_element(type, stride, object->members) ? 1 : 0;
        if (object->count != 0) return true;
        if (size % stride != 0) return false;
    }
    object->count = mete__pointee_members(type, offset, object->members);
    return object->count != 0;
}

/* The variable that covers a word of the frame. */
static bool variable_in_frame(struct mete__block_walk *walk, int64_t at, uint8_t stride,
                              uint64_t address, struct object *object) {
    const struct mete__variable_places *places = walk->source->places;

    for (size_t i = 0; places != NULL && i < places->place_count; i++) {
        const struct mete__variable_place *place = &places->places[i];
        int64_t offset;
        if (!holds_at(place, address) || !frame_offset(&walk->state, place, &offset)) continue;
        struct mete__variable *variable = &places->variables[place->variable];
        if (!scalar_of(variable, place, at - offset, object)) continue;
        if (stride != 0 && !members_at(&variable->type, at - offset, stride, object)) continue;
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

    if (state->memory.origin == at) state->memory.origin = 0; /* it points to something else now */
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
    bool swapped = scale == 1 && index->kind > base->kind &&
                   (index->kind != METE__BLOCK_CONSTANT || base->kind == METE__BLOCK_MULTIPLE);
    struct mete__block_value sum = swapped ? *index : *base;
    const struct mete__block_value *number = swapped ? base : index;

    if (sum.kind == METE__BLOCK_UNKNOWN || sum.kind == METE__BLOCK_MULTIPLE) return unknown;
    bool by_size =
        scale == 1 && number->kind == METE__BLOCK_MULTIPLE && number->offset <= UINT8_MAX;
    uint8_t stride = by_size ? (uint8_t)number->offset : scale;
    sum.stride = sum.stride == 0 && stride != 0 ? stride : 1;
    return sum;
}

/* Somewhere in the block: an index along an array from where its address was known, or from there
 * on nobody knows how far. */
static struct mete__block_value inside(const struct mete__block_value *base,
                                       const struct mete__block_value *index, uint8_t scale) {
    bool swapped = !mete__block_walk_is_block(base);
    const struct mete__block_value *address = swapped ? index : base;
    const struct mete__block_value *number = swapped ? base : index;
    struct mete__block_value value = {.kind = METE__BLOCK_INSIDE};

    if (address->kind != METE__BLOCK_ADDRESS) return value;
    value.offset = address->offset;
    value.stride = scale;
    if (scale == 1 && number->kind == METE__BLOCK_MULTIPLE && number->offset <= UINT8_MAX)
        value.stride = (uint8_t)number->offset;
    return value;
}

/* Base, index and offset added up. */
struct mete__block_value mete__block_walk_address(const struct mete__block_walk *walk,
                                                  const struct mete__instruction *instruction,
                                                  uint64_t address) {
    struct mete__block_value value = {.kind = METE__BLOCK_CONSTANT};

    /* Without a base it is an array's index, which the array may be added to later. */
    if (instruction->absolute && instruction->offset == 0 && instruction->index >= 0)
        return instruction->scale > 1 ? (struct mete__block_value){.kind = METE__BLOCK_MULTIPLE,
                                                                   .offset = instruction->scale}
                                      : unknown;
    if (!instruction->absolute) value = mete__block_walk_register(walk, instruction->base, address);
    if (instruction->index >= 0) {
        struct mete__block_value index =
            mete__block_walk_register(walk, instruction->index, address);
        bool is_inside = mete__block_walk_is_block(&value) ||
                         (mete__block_walk_is_block(&index) && instruction->scale == 1);
        if (is_inside)
            value = inside(&value, &index, instruction->scale);
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
                      uint64_t address, struct object *object) {
    Dwarf_Die variable_type, bare;
    uint64_t offset;

    *object = (struct object){.is_guess = at->is_guess};
    switch (at->kind) {
    case METE__BLOCK_POINTER:
        bare = at->pointee;
        if (walk->source->complete != NULL)
            (void)walk->source->complete(walk->source->context, &bare);
        if (!members_at(&bare, at->offset, at->stride, object)) return false;
        object->whole = mete__block_walk_name(&bare);
        if (object->whole == NULL && mete__dwarf_die_peel(&bare, &bare))
            object->whole = mete__block_walk_name(&bare);
        return true;
    case METE__BLOCK_CONSTANT:
        object->is_variable = true;
        return walk->source->global != NULL &&
               walk->source->global(walk->source->context, (uint64_t)at->offset, &variable_type,
                                    &object->whole, &offset) &&
               offset <= INT64_MAX &&
               members_at(&variable_type, (int64_t)offset, at->stride, object);
    case METE__BLOCK_FRAME: return variable_in_frame(walk, at->offset, at->stride, address, object);
    default: return false;
    }
}

static bool remembers(const struct mete__block_memory *memory, const struct mete__block_value *at) {
    return memory->origin != 0 && at->kind == METE__BLOCK_POINTER && at->stride == 0 &&
           at->origin == memory->origin && at->offset == memory->at;
}

/* Whatever is stored elsewhere may be stored there. */
static void remember(struct mete__block_memory *memory, const struct mete__block_value *at,
                     const struct mete__block_value *value) {
    bool is_apart = at->kind == METE__BLOCK_POINTER && at->stride == 0 &&
                    at->origin == memory->origin &&
                    (at->offset >= memory->at + METE__BLOCK_WALK_WORD ||
                     at->offset <= memory->at - METE__BLOCK_WALK_WORD);

    if (value->kind == METE__BLOCK_ADDRESS && at->kind == METE__BLOCK_POINTER && at->stride == 0 &&
        at->origin != 0)
        *memory = (struct mete__block_memory){at->origin, at->offset, *value};
    else if (!is_apart && !mete__block_walk_is_block(at))
        memory->origin = 0;
}

void mete__block_walk_touch(struct mete__block_walk *walk, const struct mete__block_value *at,
                            uint8_t bytes) {
    struct mete__block_flow *flow = walk->flow;
    const struct mete__block_access access = {at->offset, at->stride, bytes};

    if (bytes == 0 || bytes > METE__BLOCK_WALK_WORD || !mete__block_walk_is_block(at) ||
        (at->kind == METE__BLOCK_INSIDE && at->stride <= 1))
        return;
    for (size_t i = 0; i < flow->access_count; i++)
        if (flow->accesses[i].offset == access.offset &&
            flow->accesses[i].stride == access.stride && flow->accesses[i].bytes == bytes)
            return;
    if (flow->access_count < METE__ACCESSES_MAX) flow->accesses[flow->access_count++] = access;
}

struct mete__block_value mete__block_walk_load(struct mete__block_walk *walk,
                                               const struct mete__block_value *at,
                                               uint64_t address) {
    const struct mete__block_slot *slot =
        at->kind == METE__BLOCK_FRAME ? slot_at(&walk->state, at->offset) : NULL;
    struct mete__block_value known = unknown, value = unknown;
    struct object object;

    if (remembers(&walk->state.memory, at)) return walk->state.memory.value;
    if (slot != NULL && at->stride == 0) known = slot->value;
    if (known.kind != METE__BLOCK_UNKNOWN && known.kind != METE__BLOCK_POINTER) return known;
    if (object_at(walk, at, address, &object)) value = pointer_in(&object);
    if (gives_way(&known, &value)) known = value;
    if (at->kind == METE__BLOCK_FRAME && at->stride == 0) known.origin = at->offset;
    return known;
}

void mete__block_walk_store(struct mete__block_walk *walk, const struct mete__block_value *at,
                            struct mete__block_value value, uint64_t address) {
    enum mete__clue_kind kind =
        at->kind == METE__BLOCK_CONSTANT ? METE__CLUE_GLOBAL : METE__CLUE_MEMBER;
    struct object object;

    if (at->kind == METE__BLOCK_FRAME && at->stride == 0) {
        set_slot(&walk->state, at->offset, value); /* variables are looked at by the caller */
        return;
    }
    remember(&walk->state.memory, at, &value);
    if (!mete__block_walk_is_block(&value) || !object_at(walk, at, address, &object)) return;
    for (size_t i = 0; i < object.count; i++) {
        struct mete__pointee_member *member = &object.members[i];
        struct mete__clue clue = clue_of(kind, &object, member);
        if (value.kind == METE__BLOCK_INSIDE) {
            mete__block_walk_inside(walk, &member->type, clue);
        } else {
            clue.offset = value.offset;
            mete__block_walk_clue(walk, &member->type, clue);
        }
    }
}
