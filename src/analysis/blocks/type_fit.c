#include "analysis/blocks/type_fit.h"

#include <dwarf.h>

#include "analysis/blocks/pointee.h"
#include "analysis/dwarf/dwarf_die.h"
#include "analysis/dwarf/dwarf_member.h"

#define MEMBERS_MAX 65536

/* Whether the last member is an array without a length, or of length 0, or (as was written before
 * C99) 1; and where it begins. */
static bool ends_open(Dwarf_Die *type, uint64_t *start) {
    Dwarf_Die child, last = {0}, member_type, array;
    uint64_t elements;
    struct mete__dwarf_member member;
    char text[64];

    if (dwarf_child(type, &child) != 0) return false;
    for (int i = 0; i < MEMBERS_MAX; i++) {
        if (dwarf_tag(&child) == DW_TAG_member && !dwarf_hasattr(&child, DW_AT_external))
            last = child;
        if (dwarf_siblingof(&child, &child) != 0) break;
    }
    if (last.addr == NULL || !mete__pointee_type_of(&last, &member_type) ||
        !mete__dwarf_die_peel(&member_type, &array) || dwarf_tag(&array) != DW_TAG_array_type)
        return false;
    mete__dwarf_member_read(&last, &member);
    *start = member.offset;
    if (*start == 0) return false;
    return !mete__dwarf_die_dimensions(&array, text, sizeof text, &elements) || elements <= 1;
}

static bool is_character(Dwarf_Die *type) {
    uint64_t encoding;

    return dwarf_tag(type) == DW_TAG_base_type &&
           mete__dwarf_die_number(type, DW_AT_encoding, &encoding) && encoding != DW_ATE_boolean;
}

bool mete__type_fit_shape_of(Dwarf_Die *type, struct mete__type_fit_shape *shape) {
    Dwarf_Die bare;
    uint64_t size;

    *shape = (struct mete__type_fit_shape){0};
    if (!mete__dwarf_die_peel(type, &bare) || !mete__dwarf_die_size(&bare, &size) || size == 0)
        return false;
    shape->bytes = size;
    shape->is_character = size == 1 && is_character(&bare);
    int tag = dwarf_tag(&bare);
    shape->is_struct = tag == DW_TAG_structure_type || tag == DW_TAG_class_type;
    if (shape->is_struct && !ends_open(&bare, &shape->flexible)) shape->flexible = 0;
    return true;
}

/* By the average: what no block is may still fit. */
static enum mete__type_fit fit_sum(const struct mete__type_fit_shape *shape, uint64_t allocations,
                                   uint64_t bytes) {
    uint64_t whole;

    if (__builtin_mul_overflow(allocations, shape->bytes, &whole)) return METE__TYPE_FIT_NONE;
    if (bytes == whole) return METE__TYPE_FIT_ONE;
    if (shape->flexible != 0 && bytes / allocations >= shape->flexible)
        return METE__TYPE_FIT_FLEXIBLE;
    if (bytes < whole) return METE__TYPE_FIT_NONE;
    return bytes % shape->bytes == 0 ? METE__TYPE_FIT_ARRAY : METE__TYPE_FIT_TAIL;
}

/* By each: the least is `min`. */
static enum mete__type_fit fit_each(const struct mete__type_fit_shape *shape, uint64_t min,
                                    uint64_t step) {
    if (min == shape->bytes && step == 0) return METE__TYPE_FIT_ONE;
    if (min == 0) return step % shape->bytes == 0 ? METE__TYPE_FIT_ARRAY : METE__TYPE_FIT_NONE;
    if (shape->flexible != 0 && min >= shape->flexible) return METE__TYPE_FIT_FLEXIBLE;
    if (min < shape->bytes) return METE__TYPE_FIT_NONE;
    return min % shape->bytes == 0 && step % shape->bytes == 0 ? METE__TYPE_FIT_ARRAY
                                                               : METE__TYPE_FIT_TAIL;
}

enum mete__type_fit mete__type_fit(const struct mete__type_fit_shape *shape,
                                   const struct mete__type_fit_blocks *blocks, uint64_t header) {
    const struct mete__sizes *sizes = &blocks->sizes;
    uint64_t headers;

    if (shape->bytes == 0 || blocks->allocations == 0 ||
        __builtin_mul_overflow(blocks->allocations, header, &headers) || blocks->bytes <= headers ||
        (sizes->are_known && sizes->min < header))
        return METE__TYPE_FIT_NONE;
    if (shape->is_character) return METE__TYPE_FIT_BYTES;
    return sizes->are_known ? fit_each(shape, sizes->min - header, sizes->step)
                            : fit_sum(shape, blocks->allocations, blocks->bytes - headers);
}

bool mete__type_fit_varies(const struct mete__type_fit_shape *shape,
                           const struct mete__type_fit_blocks *blocks) {
    return blocks->sizes.are_known && blocks->sizes.step != 0 && shape->bytes != 0 &&
           blocks->sizes.step % shape->bytes == 0;
}

/* Bytes of the one scalar that begins there; 0: there is none, or a union has several. */
static uint64_t scalar_at(Dwarf_Die *type, int64_t offset) {
    struct mete__pointee_member members[METE__POINTEE_MEMBERS_MAX];
    uint64_t size;

    return mete__pointee_members(type, offset, members) == 1 &&
                   mete__dwarf_die_size(&members[0].type, &size)
               ? size
               : 0;
}

enum mete__type_access mete__type_fit_access(Dwarf_Die *type, int64_t offset, uint8_t stride,
                                             uint8_t bytes) {
    struct mete__type_fit_shape shape;

    if (offset < 0 || !mete__type_fit_shape_of(type, &shape)) return METE__TYPE_ACCESS_SILENT;
    uint64_t scalar = scalar_at(type, offset);
    if (stride > 1 && stride == bytes) {
        if (shape.bytes == stride) return METE__TYPE_ACCESS_OWN;
        return shape.bytes == 1 || scalar > bytes ? METE__TYPE_ACCESS_FOREIGN
                                                  : METE__TYPE_ACCESS_SILENT;
    }
    /* Some of a scalar only: whatever sets several at once may be larger than each. */
    return scalar > bytes && stride <= 1 ? METE__TYPE_ACCESS_FOREIGN : METE__TYPE_ACCESS_SILENT;
}
