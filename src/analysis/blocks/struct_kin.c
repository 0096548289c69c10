#include "analysis/blocks/struct_kin.h"

#include <dwarf.h>
#include <string.h>

#include "analysis/blocks/pointee.h"
#include "analysis/dwarf/dwarf_die.h"
#include "analysis/dwarf/dwarf_member.h"

#define DEPTH_MAX 8 /* of structs in structs; files may say anything */

bool mete__struct_kin_is_same(Dwarf_Die *a, Dwarf_Die *b) {
    if (a->addr == b->addr) return true;
    const char *names[2] = {mete__dwarf_die_name(a), mete__dwarf_die_name(b)};
    return names[0] != NULL && names[1] != NULL && strcmp(names[0], names[1]) == 0;
}

static bool is_at_start(Dwarf_Die *member) {
    uint64_t offset = 0;
    int tag = dwarf_tag(member);

    if (tag != DW_TAG_member && tag != DW_TAG_inheritance) return false;
    if (dwarf_hasattr(member, DW_AT_data_bit_offset)) return false;
    return !dwarf_hasattr(member, DW_AT_data_member_location) ||
           (mete__dwarf_die_number(member, DW_AT_data_member_location, &offset) && offset == 0);
}

static bool begins_with(Dwarf_Die *whole, Dwarf_Die *start, int depth) {
    Dwarf_Die member, type, bare;

    if (depth == DEPTH_MAX || dwarf_child(whole, &member) != 0) return false;
    do {
        if (dwarf_hasattr(&member, DW_AT_external) || !is_at_start(&member) ||
            !mete__dwarf_die_follow(&member, DW_AT_type, &type) ||
            !mete__dwarf_die_peel(&type, &bare) || !mete__dwarf_die_is_aggregate(dwarf_tag(&bare)))
            continue;
        if (mete__struct_kin_is_same(&bare, start) || begins_with(&bare, start, depth + 1))
            return true;
    } while (dwarf_siblingof(&member, &member) == 0);
    return false;
}

bool mete__struct_kin_begins_with(Dwarf_Die *whole, Dwarf_Die *start) {
    return begins_with(whole, start, 0);
}

static bool is_virtual(Dwarf_Die *class, int depth) {
    Dwarf_Die child, base, bare;

    if (dwarf_hasattr(class, DW_AT_containing_type)) return true;
    if (depth == DEPTH_MAX || dwarf_child(class, &child) != 0) return false;
    do {
        if (dwarf_tag(&child) == DW_TAG_inheritance &&
            (dwarf_hasattr(&child, DW_AT_virtuality) ||
             (mete__dwarf_die_follow(&child, DW_AT_type, &base) &&
              mete__dwarf_die_peel(&base, &bare) && is_virtual(&bare, depth + 1))))
            return true;
    } while (dwarf_siblingof(&child, &child) == 0);
    return false;
}

bool mete__struct_kin_is_virtual(Dwarf_Die *class) {
    return is_virtual(class, 0);
}

static bool has_at(Dwarf_Die *type, uint64_t offset, Dwarf_Die *part, int depth);

/* In the member that the offset is in, or an alternative of a union. */
static bool member_has_at(Dwarf_Die *whole, uint64_t offset, Dwarf_Die *part, int depth) {
    Dwarf_Die child, type;

    if (dwarf_child(whole, &child) != 0) return false;
    do {
        struct mete__dwarf_member member;
        uint64_t size;
        int tag = dwarf_tag(&child);
        if ((tag != DW_TAG_member && tag != DW_TAG_inheritance) ||
            !mete__pointee_type_of(&child, &type) || !mete__dwarf_die_size(&type, &size))
            continue;
        mete__dwarf_member_read(&child, &member);
        if (member.has_place && member.bit_place < 0 && member.offset <= offset &&
            offset - member.offset < size && has_at(&type, offset - member.offset, part, depth))
            return true;
    } while (dwarf_siblingof(&child, &child) == 0);
    return false;
}

static bool has_at(Dwarf_Die *type, uint64_t offset, Dwarf_Die *part, int depth) {
    Dwarf_Die bare, element;
    uint64_t size;

    if (depth == DEPTH_MAX || !mete__dwarf_die_peel(type, &bare)) return false;
    if (offset == 0 && depth > 0 && dwarf_tag(&bare) == dwarf_tag(part) &&
        mete__struct_kin_is_same(&bare, part))
        return true;
    if (dwarf_tag(&bare) == DW_TAG_array_type)
        return mete__pointee_type_of(&bare, &element) && mete__dwarf_die_size(&element, &size) &&
               size != 0 && has_at(&element, offset % size, part, depth + 1);
    return mete__dwarf_die_is_aggregate(dwarf_tag(&bare)) &&
           member_has_at(&bare, offset, part, depth + 1);
}

bool mete__struct_kin_has_at(Dwarf_Die *whole, uint64_t offset, Dwarf_Die *part) {
    Dwarf_Die bare;

    return mete__dwarf_die_peel(part, &bare) && has_at(whole, offset, &bare, 0);
}

bool mete__struct_kin_start(Dwarf_Die *whole, Dwarf_Die *start) {
    Dwarf_Die bare, member, type;

    if (!mete__dwarf_die_peel(whole, &bare) || dwarf_tag(&bare) == DW_TAG_union_type ||
        dwarf_child(&bare, &member) != 0)
        return false;
    do {
        if (dwarf_hasattr(&member, DW_AT_external) || !is_at_start(&member)) continue;
        if (!mete__pointee_type_of(&member, &type) || !mete__dwarf_die_peel(&type, &bare) ||
            dwarf_tag(&bare) != DW_TAG_structure_type)
            return false;
        *start = type;
        return true;
    } while (dwarf_siblingof(&member, &member) == 0);
    return false;
}
