#include "analysis/dwarf/dwarf_die.h"

#include <dwarf.h>
#include <stdio.h>
#include <string.h>

#include "analysis/dwarf/dwarf_split.h"

#define DEPTH_MAX 512 /* typedefs and qualifiers in a row */

bool mete__dwarf_die_is_qualifier(int tag) {
    return tag == DW_TAG_const_type || tag == DW_TAG_volatile_type || tag == DW_TAG_restrict_type ||
           tag == DW_TAG_atomic_type || tag == DW_TAG_immutable_type || tag == DW_TAG_packed_type ||
           tag == DW_TAG_shared_type;
}

bool mete__dwarf_die_is_aggregate(int tag) {
    return tag == DW_TAG_structure_type || tag == DW_TAG_union_type || tag == DW_TAG_class_type;
}

bool mete__dwarf_die_has_signature(int tag) {
    return mete__dwarf_die_is_aggregate(tag) || tag == DW_TAG_enumeration_type;
}

bool mete__dwarf_die_is_pointer(int tag) {
    return tag == DW_TAG_pointer_type || tag == DW_TAG_reference_type ||
           tag == DW_TAG_rvalue_reference_type || tag == DW_TAG_ptr_to_member_type;
}

bool mete__dwarf_die_is_c(int language) {
    switch (language) {
    case -1: /* not said */
    case 0:
    case DW_LANG_C:
    case DW_LANG_C89:
    case DW_LANG_C99:
    case DW_LANG_C11:
    case DW_LANG_ObjC:
    case DW_LANG_Mips_Assembler: return true;
    default: return false;
    }
}

const char *mete__dwarf_die_name(Dwarf_Die *die) {
    const char *name = dwarf_diename(die);

    return name == NULL || name[0] == '\0' ? NULL : name;
}

bool mete__dwarf_die_follow(Dwarf_Die *die, unsigned int name, Dwarf_Die *to) {
    Dwarf_Attribute attribute;

    return dwarf_attr(die, name, &attribute) != NULL && mete__dwarf_split_follow(&attribute, to);
}

bool mete__dwarf_die_number(Dwarf_Die *die, unsigned int name, uint64_t *number) {
    Dwarf_Attribute attribute;
    Dwarf_Word word;

    if (dwarf_attr(die, name, &attribute) == NULL || dwarf_formudata(&attribute, &word) != 0)
        return false;
    *number = word;
    return true;
}

bool mete__dwarf_die_peel(Dwarf_Die *type, Dwarf_Die *bare) {
    Dwarf_Die die = *type;

    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        int tag = dwarf_tag(&die);
        if (tag != DW_TAG_typedef && !mete__dwarf_die_is_qualifier(tag)) {
            if (!mete__dwarf_die_has_signature(tag) ||
                !mete__dwarf_die_follow(&die, DW_AT_signature, bare))
                *bare = die;
            return true;
        }
        if (!mete__dwarf_die_follow(&die, DW_AT_type, &die)) return false;
    }
    return false;
}

/* The elements of one dimension; false: it has no length. */
static bool count_of(Dwarf_Die *dimension, uint64_t *count) {
    Dwarf_Attribute attribute;
    Dwarf_Sword upper;
    uint64_t bound;

    if (mete__dwarf_die_number(dimension, DW_AT_count, count)) return true;
    if (dwarf_attr(dimension, DW_AT_upper_bound, &attribute) == NULL) return false;
    /* The bound of an array of no elements is -1; but 255 in one byte is 255. */
    unsigned int form = dwarf_whatform(&attribute);
    if (form != DW_FORM_data1 && form != DW_FORM_data2 &&
        dwarf_formsdata(&attribute, &upper) == 0 && upper == -1) {
        *count = 0;
        return true;
    }
    if (!mete__dwarf_die_number(dimension, DW_AT_upper_bound, &bound) || bound == UINT64_MAX)
        return false;
    *count = bound + 1;
    return true;
}

bool mete__dwarf_die_constructs(const char *function, Dwarf_Die *class) {
    const char *name = dwarf_diename(class);

    if (function == NULL) return false;
    if (name == NULL) return strcmp(function, "<lambda>") == 0; /* g++'s closures */
    size_t length = strcspn(name, "<"); /* a constructor may be a template itself */
    return strcspn(function, "<") == length && strncmp(function, name, length) == 0;
}

bool mete__dwarf_die_dimensions(Dwarf_Die *array, char *text, size_t size, uint64_t *product) {
    Dwarf_Die child;
    size_t used = 0;
    bool has_length = true;

    text[0] = '\0';
    *product = 1;
    if (dwarf_child(array, &child) != 0) return false;
    do {
        uint64_t count = 0;
        if (dwarf_tag(&child) != DW_TAG_subrange_type &&
            dwarf_tag(&child) != DW_TAG_enumeration_type)
            continue;
        bool known = count_of(&child, &count);
        if (used < size)
            used += (size_t)(known ? snprintf(text + used, size - used, "[%llu]",
                                              (unsigned long long)count)
                                   : snprintf(text + used, size - used, "[]"));
        has_length = has_length && known && !__builtin_mul_overflow(*product, count, product);
    } while (dwarf_siblingof(&child, &child) == 0);
    return has_length && used > 0;
}

bool mete__dwarf_die_size(Dwarf_Die *type, uint64_t *size) {
    Dwarf_Die at = *type, bare;
    uint64_t count = 1, elements;
    Dwarf_Word one;
    char text[64];

    for (int i = 0; i < DEPTH_MAX && mete__dwarf_die_peel(&at, &bare); i++) {
        if (dwarf_tag(&bare) != DW_TAG_array_type || dwarf_hasattr(&bare, DW_AT_byte_size))
            return dwarf_aggregate_size(&bare, &one) == 0 &&
                   !__builtin_mul_overflow(count, (uint64_t)one, size);
        if (!mete__dwarf_die_dimensions(&bare, text, sizeof text, &elements) ||
            __builtin_mul_overflow(count, elements, &count) ||
            !mete__dwarf_die_follow(&bare, DW_AT_type, &at))
            return false;
    }
    return false;
}
