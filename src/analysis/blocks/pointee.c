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

/* What has been found, and how much longer is looked for it. */
struct search {
    struct mete__pointee_member *found;
    size_t count;
    bool has_pointers; /* what was found are such */
    int depth, looks;
};

/* Keeps a scalar. Whatever is no pointer to something gives way to what is one. */
static void keep(struct search *search, Dwarf_Die *type, const char *name) {
    Dwarf_Die pointee, other;
    bool is_pointer = mete__pointee_of(type, &pointee);

    if (is_pointer && !search->has_pointers) search->count = 0;
    search->has_pointers |= is_pointer;
    if (search->count == METE__POINTEE_MEMBERS_MAX) return;
    if (search->count > 0 && !is_pointer) return;
    for (size_t i = 0; i < search->count; i++)
        if (mete__pointee_of(&search->found[i].type, &other) && other.addr == pointee.addr) return;
    search->found[search->count++] = (struct mete__pointee_member){*type, name};
}

/* Where a member begins; false: nowhere in the type, or it is a bit-field. */
static bool starts_at(Dwarf_Die *die, uint64_t *start) {
    struct mete__dwarf_member member;

    mete__dwarf_member_read(die, &member);
    *start = member.offset;
    return member.has_place && member.bit_place < 0;
}

static void find(struct search *search, Dwarf_Die *type, uint64_t offset, const char *name);

/* In the member that the offset is in; in all such of a union. */
static void find_in_members(struct search *search, Dwarf_Die *type, uint64_t offset,
                            const char *name) {
    bool is_union = dwarf_tag(type) == DW_TAG_union_type;
    Dwarf_Die child, child_type;

    if (dwarf_child(type, &child) != 0) return;
    while (search->looks++ < LOOKS_MAX) {
        int tag = dwarf_tag(&child);
        uint64_t start;
        uint64_t size;
        /* Nobody puts what malloc returns where a compiler has its tables of virtual functions. */
        if ((tag == DW_TAG_member || tag == DW_TAG_inheritance) &&
            !dwarf_hasattr(&child, DW_AT_artificial) && starts_at(&child, &start) &&
            mete__pointee_type_of(&child, &child_type) && start <= offset &&
            mete__dwarf_die_size(&child_type, &size) && offset - start < size) {
            const char *own = dwarf_diename(&child);
            find(search, &child_type, offset - start, own != NULL ? own : name);
            if (!is_union && search->count != 0) return;
        }
        if (dwarf_siblingof(&child, &child) != 0) break;
    }
}

static void find(struct search *search, Dwarf_Die *type, uint64_t offset, const char *name) {
    Dwarf_Die bare, element;
    uint64_t size;

    if (search->depth == NESTING_MAX || !mete__dwarf_die_peel(type, &bare)) return;
    search->depth++;
    switch (dwarf_tag(&bare)) {
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type: find_in_members(search, &bare, offset, name); break;
    case DW_TAG_array_type:
        if (mete__pointee_type_of(&bare, &element) && mete__dwarf_die_size(&element, &size) &&
            size != 0)
            find(search, &element, offset % size, name);
        break;
    default:
        if (offset == 0) keep(search, type, name);
        break;
    }
    search->depth--;
}

size_t mete__pointee_members(Dwarf_Die *type, int64_t offset,
                             struct mete__pointee_member found[METE__POINTEE_MEMBERS_MAX]) {
    struct search search = {.found = found};
    uint64_t size;

    if (!mete__dwarf_die_size(type, &size) || size == 0 || size > INT64_MAX) return 0;
    int64_t within = offset % (int64_t)size;
    if (within < 0) within += (int64_t)size;
    find(&search, type, (uint64_t)within, NULL);
    return search.count;
}

/* Counts the arrays of pointers; the last one found is in `found`. */
static int count_arrays(struct search *search, Dwarf_Die *type, uint64_t bytes) {
    Dwarf_Die bare, child, inner;
    uint64_t size;
    int count = 0;

    if (search->depth == NESTING_MAX || !mete__dwarf_die_peel(type, &bare)) return 0;
    int tag = dwarf_tag(&bare);
    if (tag == DW_TAG_array_type) {
        if (!mete__pointee_type_of(&bare, &inner) || !mete__dwarf_die_size(&inner, &size) ||
            size != bytes || !is_pointer(&inner, &bare))
            return 0;
        search->found->type = inner;
        return 1;
    }
    if ((tag != DW_TAG_structure_type && tag != DW_TAG_class_type) ||
        dwarf_child(&bare, &child) != 0)
        return 0;
    search->depth++;
    while (search->looks++ < LOOKS_MAX) {
        int found = dwarf_tag(&child) == DW_TAG_member && mete__pointee_type_of(&child, &inner)
                        ? count_arrays(search, &inner, bytes)
                        : 0;
        if (found != 0 && search->found->name == NULL) search->found->name = dwarf_diename(&child);
        count += found;
        if (dwarf_siblingof(&child, &child) != 0) break;
    }
    search->depth--;
    return count;
}

bool mete__pointee_element(Dwarf_Die *type, uint64_t bytes, struct mete__pointee_member *element) {
    struct search search = {.found = element};

    element->name = NULL;
    return count_arrays(&search, type, bytes) == 1;
}
