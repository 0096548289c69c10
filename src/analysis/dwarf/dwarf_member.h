/*
 * analysis/dwarf/dwarf_member.h - what DWARF says of a member of an aggregate, or of a base class.
 *
 * It is read in one go: libdw looks for an attribute from the first one on, and most of these are
 * asked for only because they might be there. Nothing here trusts the DWARF: what cannot be read is
 * not there.
 */
#ifndef METE_ANALYSIS_DWARF_DWARF_MEMBER_H
#define METE_ANALYSIS_DWARF_DWARF_MEMBER_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

struct mete__dwarf_member {
    uint64_t offset;   /* bytes; 0 where it has no place */
    int64_t bit_place; /* bits from the aggregate's start, as DWARF 4 and later have those of
                        * bit-fields; -1: not said */
    uint64_t bit_size; /* with `has_bit_size` */
    uint64_t
        bits_from_left; /* of its storage, as DWARF 2 and 3 have it; with `has_bits_from_left` */
    uint64_t byte_size; /* of its storage; with `has_byte_size` */
    uint32_t align;     /* bytes, declared: a power of two; 0: none */
    bool is_base;       /* a base class */
    bool has_place;     /* false: a static member, or one whose place is known at run time only
                         * (virtual bases) */
    bool is_artificial; /* the compiler's own */
    bool has_bit_size, has_bits_from_left, has_byte_size;
    Dwarf_Attribute type; /* its code is 0 where there is none */
    Dwarf_Attribute name; /* the same */
};

/* Reads a DW_TAG_member or DW_TAG_inheritance. */
void mete__dwarf_member_read(Dwarf_Die *die, struct mete__dwarf_member *member);

/* The name; NULL: none, or an empty one. */
const char *mete__dwarf_member_name(struct mete__dwarf_member *member);

/* The DIE of its type; false: void, or unreadable. */
bool mete__dwarf_member_type(struct mete__dwarf_member *member, Dwarf_Die *type);

#endif
