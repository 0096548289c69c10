#include "analysis/blocks/variable_places.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>

#include "analysis/blocks/global_table.h"
#include "analysis/blocks/pointee.h"
#include "analysis/dwarf/dwarf_children.h"
#include "analysis/dwarf/dwarf_split.h"

#define DEPTH_MAX     64      /* of scopes */
#define DIES_MAX      1000000 /* looked at in one function */
#define VARIABLES_MAX 65536
#define PLACES_MAX    1000000

struct reading {
    struct mete__variable_places *places;
    Dwarf_Op frame_base; /* atom 0: none that is simple */
    uint32_t inlined;    /* the call whose variables are read */
    int dies;
};

#define GROW(array, count, capacity, first, max) \
    ((count) < (capacity) || grow((void **)&(array), &(capacity), sizeof *(array), first, max))

/* False: no memory, or more than there should be. */
static bool grow(void **array, size_t *capacity, size_t bytes, size_t first, size_t max) {
    size_t wanted = *capacity == 0 ? first : *capacity * 2;

    if (*capacity >= max) return false;
    void *grown = reallocarray(*array, wanted, bytes);
    if (grown == NULL) return false;
    *array = grown;
    *capacity = wanted;
    return true;
}

/* --- One location --- */

static bool is_register(uint8_t atom, uint8_t first) {
    return atom >= first && atom <= first + 31;
}

/* The place that a first operation stands for; false: none of interest. */
static bool first_place(const struct reading *reading, Dwarf_Attribute *location,
                        const Dwarf_Op *operation, struct mete__variable_place *place) {
    uint8_t atom = operation->atom;
    Dwarf_Op based = reading->frame_base;

    if (is_register(atom, DW_OP_reg0) || atom == DW_OP_regx) {
        place->kind = METE__VARIABLE_IN_REGISTER;
        uint64_t number = atom == DW_OP_regx ? operation->number : (uint64_t)atom - DW_OP_reg0;
        place->number = (int16_t)number;
        return number <= INT16_MAX;
    }
    if (is_register(atom, DW_OP_breg0)) {
        place->kind = METE__VARIABLE_IN_MEMORY;
        place->number = (int16_t)(atom - DW_OP_breg0);
        place->offset = (int64_t)operation->number;
        return true;
    }
    uint64_t address;
    if (mete__global_table_address(location, operation, &address)) {
        place->kind = METE__VARIABLE_AT_ADDRESS;
        place->offset = (int64_t)address;
        return true;
    }
    if (atom != DW_OP_fbreg) return false;
    place->offset = (int64_t)operation->number;
    if (based.atom == DW_OP_call_frame_cfa) {
        place->kind = METE__VARIABLE_IN_FRAME;
        return true;
    }
    place->kind = METE__VARIABLE_IN_MEMORY;
    if (is_register(based.atom, DW_OP_reg0)) {
        place->number = (int16_t)(based.atom - DW_OP_reg0);
        return true;
    }
    if (!is_register(based.atom, DW_OP_breg0)) return false;
    place->number = (int16_t)(based.atom - DW_OP_breg0);
    return !__builtin_add_overflow(place->offset, (int64_t)based.number, &place->offset);
}

static bool add_place(struct reading *reading, const struct mete__variable_place *place) {
    struct mete__variable_places *places = reading->places;

    if (!GROW(places->places, places->place_count, places->place_capacity, 64, PLACES_MAX))
        return false;
    places->places[places->place_count++] = *place;
    return true;
}

/* An expression holds for [low, high): one place, or a piece after the other. */
static bool add_expression(struct reading *reading, Dwarf_Attribute *location, uint64_t low,
                           uint64_t high, const Dwarf_Op *operations, size_t count) {
    uint64_t part = 0;

    for (size_t i = 0; i < count;) {
        struct mete__variable_place place = {
            .low = low,
            .high = high,
            .part = part,
            .variable = (uint32_t)reading->places->variable_count - 1,
            .number = -1,
        };
        bool known = operations[i].atom != DW_OP_piece &&
                     first_place(reading, location, &operations[i], &place);
        size_t next = i + (operations[i].atom != DW_OP_piece);
        if (known && next < count && operations[next].atom == DW_OP_stack_value &&
            place.kind == METE__VARIABLE_IN_MEMORY) {
            place.kind = METE__VARIABLE_IS_SUM;
            next++;
        }
        bool ends = next == count || operations[next].atom == DW_OP_piece;
        if (known && ends && !add_place(reading, &place)) return false;
        while (next < count && operations[next].atom != DW_OP_piece) next++;
        if (next < count) part += operations[next].number;
        i = next + 1;
    }
    return true;
}

/* --- Variables --- */

/* What has been added since is said of all of the scope. */
static void mark_for_scope(struct mete__variable_places *places, size_t since) {
    for (size_t i = since; i < places->place_count; i++) places->places[i].is_for_scope = true;
}

/* For all of the scope, whose DIE is the innermost around the variable that has addresses. */
static bool add_for_scope(struct reading *reading, Dwarf_Attribute *location, Dwarf_Die *scope,
                          const Dwarf_Op *operations, size_t count) {
    Dwarf_Addr base, low, high;
    ptrdiff_t next = 0;
    size_t since = reading->places->place_count;

    while ((next = mete__dwarf_split_ranges(scope, next, &base, &low, &high)) > 0)
        if (!add_expression(reading, location, low, high, operations, count)) return false;
    mark_for_scope(reading->places, since);
    return true;
}

static bool add_locations(struct reading *reading, Dwarf_Die *scope, Dwarf_Attribute *location) {
    Dwarf_Addr base, low, high;
    ptrdiff_t next = 0;
    Dwarf_Op *operations;
    size_t count;

    while ((next = dwarf_getlocations(location, next, &base, &low, &high, &operations, &count)) >
           0) {
        bool always = low == 0 && high == (Dwarf_Addr)-1;
        if (!(always ? add_for_scope(reading, location, scope, operations, count)
                     : add_expression(reading, location, low, high, operations, count)))
            return false;
    }
    return true;
}

static bool add_variable(struct reading *reading, Dwarf_Die *scope, Dwarf_Die *die) {
    struct mete__variable_places *places = reading->places;
    struct mete__variable variable = {.inlined = reading->inlined};
    Dwarf_Attribute location, name;

    if (dwarf_attr(die, DW_AT_location, &location) == NULL) return true;
    if (!mete__pointee_type_of(die, &variable.type)) return true;
    variable.name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &name));
    variable.is_parameter = dwarf_tag(die) == DW_TAG_formal_parameter;
    if (!GROW(places->variables, places->variable_count, places->variable_capacity, 16,
              VARIABLES_MAX))
        return false;
    places->variables[places->variable_count++] = variable;
    return add_locations(reading, scope, &location);
}

/* --- Calls --- */

static bool add_call(struct reading *reading, Dwarf_Die *die) {
    struct mete__variable_places *places = reading->places;
    struct mete__variable_call call = {.site = *die};
    Dwarf_Attribute attribute;
    Dwarf_Addr address;

    /* GNU's older form gives the return address as low_pc, and the callee as its origin. */
    if (dwarf_formaddr(dwarf_attr(die, DW_AT_call_return_pc, &attribute), &address) != 0 &&
        dwarf_formaddr(dwarf_attr(die, DW_AT_low_pc, &attribute), &address) != 0)
        return true;
    if ((dwarf_attr(die, DW_AT_call_origin, &attribute) == NULL &&
         dwarf_attr(die, DW_AT_abstract_origin, &attribute) == NULL) ||
        dwarf_formref_die(&attribute, &call.callee) == NULL)
        call.callee = (Dwarf_Die){.addr = NULL};
    call.return_address = address;
    if (!GROW(places->calls, places->call_count, places->call_capacity, 16, VARIABLES_MAX))
        return false;
    places->calls[places->call_count++] = call;
    return true;
}

static int by_return_address(const void *left, const void *right) {
    const struct mete__variable_call *a = left, *b = right;

    return a->return_address < b->return_address ? -1 : a->return_address > b->return_address;
}

static const struct mete__variable_call *call_at(const struct mete__variable_places *places,
                                                 uint64_t return_address) {
    const struct mete__variable_call key = {.return_address = return_address};
    return places->call_count == 0 ? NULL
                                   : bsearch(&key, places->calls, places->call_count,
                                             sizeof *places->calls, by_return_address);
}

bool mete__variable_places_call(const struct mete__variable_places *places, uint64_t return_address,
                                Dwarf_Die *site) {
    const struct mete__variable_call *found = call_at(places, return_address);

    if (found == NULL) return false;
    *site = found->site;
    return true;
}

bool mete__variable_places_callee(const struct mete__variable_places *places,
                                  uint64_t return_address, Dwarf_Die *callee) {
    const struct mete__variable_call *found = call_at(places, return_address);

    if (found == NULL || found->callee.addr == NULL) return false;
    *callee = found->callee;
    return true;
}

/* --- The function --- */

static bool has_addresses(Dwarf_Die *die) {
    return dwarf_hasattr(die, DW_AT_low_pc) != 0 || dwarf_hasattr(die, DW_AT_ranges) != 0;
}

static bool read_scope(struct reading *reading, Dwarf_Die *scope, const uint8_t *limit,
                       Dwarf_Die *around, int depth);

static bool read_inlined(struct reading *reading, Dwarf_Die *die, const uint8_t *end, int depth) {
    struct mete__variable_places *places = reading->places;
    uint32_t outer = reading->inlined;

    if (!GROW(places->inlined, places->inlined_count, places->inlined_capacity, 8, VARIABLES_MAX))
        return false;
    places->inlined[places->inlined_count++] = *die;
    reading->inlined = (uint32_t)places->inlined_count;
    bool whole = read_scope(reading, die, end, die, depth);
    reading->inlined = outer;
    return whole;
}

/* A child of a scope, which ends at `end`. */
static bool read_child(struct reading *reading, Dwarf_Die *die, const uint8_t *end,
                       Dwarf_Die *around, int depth) {
    if (reading->dies++ >= DIES_MAX) return false;
    switch (dwarf_tag(die)) {
    case DW_TAG_variable:
    case DW_TAG_formal_parameter: return add_variable(reading, around, die);
    case DW_TAG_lexical_block:
    case DW_TAG_try_block:
    case DW_TAG_catch_block:
        return read_scope(reading, die, end, has_addresses(die) ? die : around, depth + 1);
    case DW_TAG_inlined_subroutine: return read_inlined(reading, die, end, depth + 1);
    case DW_TAG_call_site:
    case DW_TAG_GNU_call_site: return add_call(reading, die);
    default: return true;
    }
}

/* `around` is the innermost DIE with addresses: the scope itself, or one around it. Of a damaged
 * scope there is what comes before the damage. */
static bool read_scope(struct reading *reading, Dwarf_Die *scope, const uint8_t *limit,
                       Dwarf_Die *around, int depth) {
    struct mete__dwarf_children children;

    if (depth > DEPTH_MAX) return true;
    for (int more = mete__dwarf_children_begin(&children, scope, limit); more > 0;
         more = mete__dwarf_children_next(&children))
        if (!read_child(reading, &children.die, children.end, around, depth)) return false;
    return true;
}

int mete__variable_places_read(struct mete__variable_places *places, Dwarf_Die *function) {
    struct reading reading = {.places = places};
    Dwarf_Attribute attribute;
    Dwarf_Op *operations;
    size_t count;

    *places = (struct mete__variable_places){0};
    if (dwarf_attr(function, DW_AT_frame_base, &attribute) != NULL &&
        dwarf_getlocation(&attribute, &operations, &count) == 0 && count == 1)
        reading.frame_base = operations[0];
    bool whole = read_scope(&reading, function, NULL, function, 0);
    if (places->call_count != 0)
        qsort(places->calls, places->call_count, sizeof *places->calls, by_return_address);
    return whole ? 0 : -ENOMEM;
}

void mete__variable_places_free(struct mete__variable_places *places) {
    free(places->variables);
    free(places->places);
    free(places->calls);
    free(places->inlined);
    *places = (struct mete__variable_places){0};
}
