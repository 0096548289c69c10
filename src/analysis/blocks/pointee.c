#include "analysis/blocks/pointee.h"

#include <dwarf.h>
#include <stddef.h>

#include "analysis/dwarf/dwarf_die.h"
#include "analysis/dwarf/dwarf_member.h"
#include "analysis/dwarf/dwarf_split.h"

#define CHAIN_MAX   32     /* typedefs and qualifiers around one type */
#define NESTING_MAX 32     /* structs in structs */
#define LOOKS_MAX   100000 /* members looked at for one question */

bool mete__pointee_type_of(Dwarf_Die *die, Dwarf_Die *type) {
    Dwarf_Attribute attribute;

    return dwarf_attr_integrate(die, DW_AT_type, &attribute) != NULL &&
           mete__dwarf_split_follow(&attribute, type);
}

/* Past const and its kin, but not past typedefs. */
static bool unqualified(Dwarf_Die *type, Dwarf_Die *stripped) {
    *stripped = *type;
    for (int i = 0; i < CHAIN_MAX && mete__dwarf_die_is_qualifier(dwarf_tag(stripped)); i++)
        if (!mete__dwarf_die_follow(stripped, DW_AT_type, stripped)) return false;
    return !mete__dwarf_die_is_qualifier(dwarf_tag(stripped));
}

static bool is_pointer(Dwarf_Die *type, Dwarf_Die *bare) {
    return mete__dwarf_die_peel(type, bare) && mete__dwarf_die_is_pointer(dwarf_tag(bare)) &&
           dwarf_tag(bare) != DW_TAG_ptr_to_member_type;
}

bool mete__pointee_of(Dwarf_Die *type, Dwarf_Die *pointee) {
    Dwarf_Die bare, to, bottom;

    if (!is_pointer(type, &bare) || !mete__dwarf_die_follow(&bare, DW_AT_type, &to) ||
        !unqualified(&to, &to) || !mete__dwarf_die_peel(&to, &bottom))
        return false;
    int tag = dwarf_tag(&bottom);
    if (tag == DW_TAG_subroutine_type || tag == DW_TAG_unspecified_type || tag == DW_TAG_invalid)
        return false;
    *pointee = to;
    return true;
}

/* --- Members --- */

/* What is looked for, and how much longer. */
struct search {
    int depth, looks;
};

static bool find(struct search *search, Dwarf_Die *type, uint64_t offset, Dwarf_Die *member,
                 const char **name);

/* Where a member begins; false: nowhere in the type, or it is a bit-field. */
static bool starts_at(Dwarf_Die *die, uint64_t *start) {
    struct mete__dwarf_member member;

    mete__dwarf_member_read(die, &member);
    *start = member.offset;
    return member.has_place && member.bit_place < 0;
}

static bool find_in_members(struct search *search, Dwarf_Die *type, uint64_t offset,
                            Dwarf_Die *member, const char **name) {
    bool is_union = dwarf_tag(type) == DW_TAG_union_type, found = false;
    Dwarf_Die child, child_type;

    if (dwarf_child(type, &child) != 0) return false;
    while (search->looks++ < LOOKS_MAX) {
        int tag = dwarf_tag(&child);
        uint64_t start;
        Dwarf_Word size;
        if ((tag == DW_TAG_member || tag == DW_TAG_inheritance) && starts_at(&child, &start) &&
            mete__pointee_type_of(&child, &child_type) && start <= offset &&
            dwarf_aggregate_size(&child_type, &size) == 0 && offset - start < size) {
            Dwarf_Die below, ignored;
            const char *name_below = NULL;
            if (find(search, &child_type, offset - start, &below, &name_below)) {
                *member = below;
                *name = name_below != NULL ? name_below : dwarf_diename(&child);
                found = true;
                if (!is_union || mete__pointee_of(&below, &ignored)) return true;
            }
        }
        if (dwarf_siblingof(&child, &child) != 0) break;
    }
    return found;
}

static bool find(struct search *search, Dwarf_Die *type, uint64_t offset, Dwarf_Die *member,
                 const char **name) {
    Dwarf_Die bare, element;
    Dwarf_Word size;
    bool found = false;

    if (search->depth == NESTING_MAX || !mete__dwarf_die_peel(type, &bare)) return false;
    search->depth++;
    switch (dwarf_tag(&bare)) {
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type: found = find_in_members(search, &bare, offset, member, name); break;
    case DW_TAG_array_type:
        found = mete__pointee_type_of(&bare, &element) &&
                dwarf_aggregate_size(&element, &size) == 0 && size != 0 &&
                find(search, &element, offset % size, member, name);
        break;
    default:
        found = offset == 0;
        if (found) *member = *type;
        break;
    }
    search->depth--;
    return found;
}

bool mete__pointee_member(Dwarf_Die *type, int64_t offset, Dwarf_Die *member, const char **name) {
    struct search search = {0};
    Dwarf_Word size;

    *name = NULL;
    if (dwarf_aggregate_size(type, &size) != 0 || size == 0 || size > INT64_MAX) return false;
    int64_t within = offset % (int64_t)size;
    if (within < 0) within += (int64_t)size;
    return find(&search, type, (uint64_t)within, member, name);
}

/* Counts the arrays of pointers; the last one found is in `element`. */
static int count_arrays(struct search *search, Dwarf_Die *type, uint64_t bytes, Dwarf_Die *element,
                        const char **name) {
    Dwarf_Die bare, child, inner;
    Dwarf_Word size;
    int count = 0;

    if (search->depth == NESTING_MAX || !mete__dwarf_die_peel(type, &bare)) return 0;
    int tag = dwarf_tag(&bare);
    if (tag == DW_TAG_array_type) {
        if (!mete__pointee_type_of(&bare, &inner) || dwarf_aggregate_size(&inner, &size) != 0 ||
            size != bytes || !is_pointer(&inner, &bare))
            return 0;
        *element = inner;
        return 1;
    }
    if ((tag != DW_TAG_structure_type && tag != DW_TAG_class_type) ||
        dwarf_child(&bare, &child) != 0)
        return 0;
    search->depth++;
    while (search->looks++ < LOOKS_MAX) {
        int found = dwarf_tag(&child) == DW_TAG_member && mete__pointee_type_of(&child, &inner)
                        ? count_arrays(search, &inner, bytes, element, name)
                        : 0;
        if (found != 0 && *name == NULL) *name = dwarf_diename(&child);
        count += found;
        if (dwarf_siblingof(&child, &child) != 0) break;
    }
    search->depth--;
    return count;
}

bool mete__pointee_element(Dwarf_Die *type, uint64_t bytes, Dwarf_Die *element, const char **name) {
    struct search search = {0};

    *name = NULL;
    return count_arrays(&search, type, bytes, element, name) == 1;
}
