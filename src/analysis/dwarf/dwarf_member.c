#include "analysis/dwarf/dwarf_member.h"

#include <dwarf.h>
#include <stddef.h>

#include "analysis/dwarf/dwarf_split.h"

/* Of one call of mete__dwarf_member_read. */
struct reading {
    struct mete__dwarf_member *member;
    Dwarf_Attribute place; /* its code is 0 where there is none */
    bool is_declared_only; /* in C++ a static member */
};

static bool is_number(Dwarf_Attribute *attribute, uint64_t *number) {
    Dwarf_Word word;

    if (dwarf_formudata(attribute, &word) != 0) return false;
    *number = word;
    return true;
}

static uint32_t align_of(Dwarf_Attribute *attribute) {
    uint64_t align;

    if (!is_number(attribute, &align) || align > UINT32_MAX || (align & (align - 1)) != 0) return 0;
    return (uint32_t)align;
}

static int take(Dwarf_Attribute *attribute, void *context) {
    struct reading *reading = context;
    struct mete__dwarf_member *member = reading->member;
    uint64_t number;

    switch (attribute->code) {
    case DW_AT_name: member->name = *attribute; break;
    case DW_AT_type: member->type = *attribute; break;
    case DW_AT_data_member_location: reading->place = *attribute; break;
    case DW_AT_data_bit_offset:
        if (is_number(attribute, &number) && number <= INT64_MAX)
            member->bit_place = (int64_t)number;
        break;
    case DW_AT_bit_size: member->has_bit_size = is_number(attribute, &member->bit_size); break;
    case DW_AT_bit_offset:
        member->has_bits_from_left = is_number(attribute, &member->bits_from_left);
        break;
    case DW_AT_byte_size: member->has_byte_size = is_number(attribute, &member->byte_size); break;
    case DW_AT_alignment: member->align = align_of(attribute); break;
    case DW_AT_artificial: member->is_artificial = true; break;
    case DW_AT_external:
    case DW_AT_declaration: reading->is_declared_only = true; break;
    default: break;
    }
    return DWARF_CB_OK;
}

/* A number, or as DWARF 2 has it an expression. */
static bool place_of(Dwarf_Attribute *attribute, uint64_t *offset) {
    Dwarf_Op *operations;
    size_t count;

    if (is_number(attribute, offset)) return true;
    if (dwarf_getlocation(attribute, &operations, &count) != 0 || count != 1) return false;
    if (operations[0].atom != DW_OP_plus_uconst && operations[0].atom != DW_OP_constu) return false;
    *offset = operations[0].number;
    return true;
}

void mete__dwarf_member_read(Dwarf_Die *die, struct mete__dwarf_member *member) {
    struct reading reading = {.member = member};

    *member = (struct mete__dwarf_member){.bit_place = -1};
    member->is_base = dwarf_tag(die) == DW_TAG_inheritance;
    (void)dwarf_getattrs(die, take, &reading, 0); /* of a damaged DIE those before the damage */
    if (member->bit_place >= 0) {
        member->offset = (uint64_t)member->bit_place / 8;
        member->has_place = true;
    } else if (reading.place.code != 0) {
        member->has_place = place_of(&reading.place, &member->offset);
    } else {
        member->has_place = !reading.is_declared_only; /* of a union */
    }
}

const char *mete__dwarf_member_name(struct mete__dwarf_member *member) {
    const char *name = member->name.code == 0 ? NULL : dwarf_formstring(&member->name);

    return name == NULL || name[0] == '\0' ? NULL : name;
}

bool mete__dwarf_member_type(struct mete__dwarf_member *member, Dwarf_Die *type) {
    return member->type.code != 0 && mete__dwarf_split_follow(&member->type, type);
}
