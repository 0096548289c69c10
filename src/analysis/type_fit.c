#include "analysis/type_fit.h"

#include <dwarf.h>

#include "analysis/dwarf_die.h"
#include "analysis/pointee.h"

#define MEMBERS_MAX 65536

/* Whether the last member is an array without a length, or of length 0, or (as was written before
 * C99) 1; and where it begins. */
static bool ends_open(Dwarf_Die *type, uint64_t *start) {
    Dwarf_Die child, last = {0}, member_type, array;
    uint64_t elements;
    char text[64];
    int64_t bits;

    if (dwarf_child(type, &child) != 0) return false;
    for (int i = 0; i < MEMBERS_MAX; i++) {
        if (dwarf_tag(&child) == DW_TAG_member && !dwarf_hasattr(&child, DW_AT_external))
            last = child;
        if (dwarf_siblingof(&child, &child) != 0) break;
    }
    if (last.addr == NULL || !mete__pointee_type_of(&last, &member_type) ||
        !mete__dwarf_die_peel(&member_type, &array) || dwarf_tag(&array) != DW_TAG_array_type ||
        !mete__dwarf_die_place(&last, start, &bits) || *start == 0)
        return false;
    return !mete__dwarf_die_dimensions(&array, text, sizeof text, &elements) || elements <= 1;
}

static bool is_character(Dwarf_Die *type) {
    uint64_t encoding;

    return dwarf_tag(type) == DW_TAG_base_type &&
           mete__dwarf_die_number(type, DW_AT_encoding, &encoding) && encoding != DW_ATE_boolean;
}

bool mete__type_fit_shape_of(Dwarf_Die *type, struct mete__type_fit_shape *shape) {
    Dwarf_Die bare;
    Dwarf_Word size;

    *shape = (struct mete__type_fit_shape){0};
    if (!mete__dwarf_die_peel(type, &bare) || dwarf_aggregate_size(&bare, &size) != 0 || size == 0)
        return false;
    shape->bytes = size;
    shape->is_character = size == 1 && is_character(&bare);
    int tag = dwarf_tag(&bare);
    if ((tag == DW_TAG_structure_type || tag == DW_TAG_class_type) &&
        !ends_open(&bare, &shape->flexible))
        shape->flexible = 0;
    return true;
}

enum mete__type_fit mete__type_fit(const struct mete__type_fit_shape *shape, uint64_t allocations,
                                   uint64_t bytes, uint64_t header) {
    uint64_t headers, whole;

    if (shape->bytes == 0 || allocations == 0 ||
        __builtin_mul_overflow(allocations, header, &headers) || bytes < headers ||
        __builtin_mul_overflow(allocations, shape->bytes, &whole))
        return METE__TYPE_FIT_NONE;
    bytes -= headers;
    if (bytes == 0) return METE__TYPE_FIT_NONE;
    if (shape->is_character) return METE__TYPE_FIT_BYTES;
    if (bytes == whole) return METE__TYPE_FIT_ONE;
    if (shape->flexible != 0 && bytes / allocations >= shape->flexible)
        return METE__TYPE_FIT_FLEXIBLE;
    if (bytes < whole) return METE__TYPE_FIT_NONE;
    return bytes % shape->bytes == 0 ? METE__TYPE_FIT_ARRAY : METE__TYPE_FIT_TAIL;
}
