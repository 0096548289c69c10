#include <dwarf.h>
#include <elf.h>
#include <string.h>

#include "analysis/debug_types/dwarf_type_state.h"
#include "analysis/dwarf/dwarf_die.h"
#include "analysis/dwarf/dwarf_member.h"
#include "analysis/types/packing.h"

#define VECTOR_SIZE_MAX (UINT32_C(1) << 30) /* no compiler makes larger ones */
#define COMPLEX_INTEGER DW_ATE_lo_user      /* what gcc and clang call it */
#define ATOMIC_SIZE_MAX 16                  /* bytes that a processor reads at once */

static bool measure(struct mete__dwarf_type_cache *cache, struct mete__dwarf_type_entry *entry);

struct mete__dwarf_type_entry *mete__dwarf_type_size_of(struct mete__dwarf_type_cache *cache,
                                                        Dwarf_Die *die) {
    struct mete__dwarf_type_entry *entry = mete__dwarf_type_text_of(cache, die);

    return entry != NULL && measure(cache, entry) ? entry : NULL;
}

struct mete__dwarf_type_entry *mete__dwarf_type_size_had(struct mete__dwarf_type_cache *cache,
                                                         Dwarf_Die *die) {
    struct mete__dwarf_type_entry *entry = mete__dwarf_type_text_had(cache, die);

    return entry != NULL && measure(cache, entry) ? entry : NULL;
}

struct mete__dwarf_type_entry *mete__dwarf_type_size_of_member(struct mete__dwarf_type_cache *cache,
                                                               struct mete__dwarf_member *member) {
    Dwarf_Die type;

    return mete__dwarf_member_type(member, &type) ? mete__dwarf_type_size_of(cache, &type)
                                                  : &cache->nothing;
}

static uint32_t greatest_scalar_align(int machine) {
    switch (machine) {
    case EM_386: return 4;
    case EM_68K: return 2;
    case EM_S390: return 8;
    default: return 16;
    }
}

/* Whether it is a _BitInt: __int128 is as large as some, but aligned to its size. */
static bool is_made_of_words(Dwarf_Die *die, uint64_t size) {
    const char *name = size == 16 ? dwarf_diename(die) : NULL;

    return size > 16 || (name != NULL && strstr(name, "_BitInt") != NULL);
}

static uint32_t scalar_align(const struct mete__dwarf_type_cache *cache, Dwarf_Die *die,
                             uint64_t size) {
    uint64_t encoding = 0;

    (void)mete__dwarf_die_number(die, DW_AT_encoding, &encoding);
    if (encoding == DW_ATE_complex_float || encoding == COMPLEX_INTEGER) size /= 2;
    if (size == 0) return 1;
    uint32_t greatest = greatest_scalar_align(cache->machine);
    if (greatest > 8 && encoding != DW_ATE_float && is_made_of_words(die, size)) greatest = 8;
    uint64_t lowest_bit = size & -size; /* long double of i386 has 12 bytes */
    return lowest_bit > greatest ? greatest : (uint32_t)lowest_bit;
}

/* An alignment that was declared; 0: none. */
static uint32_t declared_align(Dwarf_Die *die) {
    uint64_t align;

    if (!mete__dwarf_die_number(die, DW_AT_alignment, &align)) return 0;
    return align == 0 || align > UINT32_MAX || (align & (align - 1)) != 0 ? 0 : (uint32_t)align;
}

static void measure_bits(const struct mete__dwarf_member *member,
                         const struct mete__dwarf_type *type, uint32_t align,
                         struct mete__packing *packing) {
    uint64_t width = type->size * 8, bits = member->bit_size;
    uint64_t start = member->bit_place >= 0 ? (uint64_t)member->bit_place : member->offset * 8;

    /* DWARF 2 and 3 count from the storage's most significant bit, and even from before it. */
    if (member->has_bits_from_left) {
        uint64_t storage = member->has_byte_size ? member->byte_size : type->size;
        start += storage * 8 - member->bits_from_left - bits;
    }
    /* Bit-fields lie anywhere in their storage, but never across it where nothing is packed; that
     * begins where its type may, on i386 a long long at every fourth byte. */
    uint64_t step = width < (uint64_t)align * 8 ? width : (uint64_t)align * 8;
    bool crosses = step != 0 && bits <= width && start % step + bits > width;
    mete__packing_add_bits(packing, start + bits, align, crosses);
}

/* Takes one more member into account. */
static bool measure_member(struct mete__dwarf_type_cache *cache,
                           struct mete__dwarf_type_entry *entry, Dwarf_Die *die,
                           struct mete__packing *packing) {
    struct mete__dwarf_member member;

    mete__dwarf_member_read(die, &member);
    if (!member.has_place && !member.is_base) return true; /* static */
    struct mete__dwarf_type_entry *type = mete__dwarf_type_size_of_member(cache, &member);
    if (type == NULL) return false;
    uint32_t align = member.align > type->type.align ? member.align : type->type.align;
    if (member.align != 0 || type->type.declares_align) entry->type.declares_align = true;
    if (!member.has_place)
        mete__packing_add_elsewhere(packing, align);
    else if (member.has_bit_size)
        measure_bits(&member, &type->type, align, packing);
    else
        mete__packing_add(packing, member.offset, type->type.size, align, member.align);
    return true;
}

static bool measure_aggregate(struct mete__dwarf_type_cache *cache,
                              struct mete__dwarf_type_entry *entry, Dwarf_Die *die) {
    struct mete__packing packing = {.is_union = dwarf_tag(die) == DW_TAG_union_type};
    uint32_t declared = declared_align(die);
    Dwarf_Die child;

    if (dwarf_child(die, &child) == 0) do {
            int tag = dwarf_tag(&child);
            if ((tag == DW_TAG_member || tag == DW_TAG_inheritance) &&
                !measure_member(cache, entry, &child, &packing))
                return false;
        } while (dwarf_siblingof(&child, &child) == 0);
    if (declared != 0) entry->type.declares_align = true;
    entry->type.align =
        mete__packing_finish(&packing, entry->type.has_size ? entry->type.size : 0, declared);
    entry->type.packed = packing.is_odd;
    return true;
}

/* Vectors fill the next power of two, which three floats do not. */
static void measure_vector(struct mete__dwarf_type_entry *entry) {
    uint32_t size = 1;

    if (entry->type.size == 0 || entry->type.size > VECTOR_SIZE_MAX) return;
    while (size < entry->type.size) size *= 2;
    entry->type.size = entry->type.align = size;
}

static bool measure_array(struct mete__dwarf_type_cache *cache,
                          struct mete__dwarf_type_entry *entry, Dwarf_Die *die) {
    struct mete__dwarf_type_entry *element = mete__dwarf_type_size_had(cache, die);
    char dimensions[128];
    uint64_t count;

    if (element == NULL) return false;
    bool has_length = mete__dwarf_die_dimensions(die, dimensions, sizeof dimensions, &count);
    entry->type.element = element->type.element;
    entry->type.align = element->type.align;
    entry->type.declares_align = element->type.declares_align;
    entry->type.has_size = has_length && element->type.has_size &&
                           !__builtin_mul_overflow(count, element->type.size, &entry->type.size);
    if (!entry->type.has_size) entry->type.size = 0;
    if (!entry->type.is_array) measure_vector(entry);
    return true;
}

static void measure_pointer(struct mete__dwarf_type_cache *cache,
                            struct mete__dwarf_type_entry *entry, Dwarf_Die *die, int tag) {
    uint8_t address_size = 0;
    Dwarf_Die to;

    dwarf_diecu(die, &(Dwarf_Die){0}, &address_size, NULL);
    if (address_size != 2 && address_size != 4) address_size = 8;
    entry->type.has_size = true;
    if (entry->type.size == 0) entry->type.size = address_size;
    /* The Itanium ABI: a member function is a pointer and an adjustment. */
    if (tag == DW_TAG_ptr_to_member_type && mete__dwarf_die_follow(die, DW_AT_type, &to) &&
        dwarf_tag(&to) == DW_TAG_subroutine_type)
        entry->type.size = 2u * address_size;
    entry->type.align = address_size;
    (void)cache;
}

/* Of a type that is neither typedef nor qualified. */
static bool measure_bare(struct mete__dwarf_type_cache *cache,
                         struct mete__dwarf_type_entry *entry) {
    Dwarf_Die *die = &entry->type.bare;
    int tag = dwarf_tag(die);
    const char *name;

    entry->type.element = *die;
    entry->type.has_size = mete__dwarf_die_number(die, DW_AT_byte_size, &entry->type.size);
    if (!entry->type.has_size) entry->type.size = 0;
    if (mete__dwarf_die_is_pointer(tag)) {
        measure_pointer(cache, entry, die, tag);
        return true;
    }
    if (mete__dwarf_die_is_aggregate(tag)) return measure_aggregate(cache, entry, die);
    switch (tag) {
    case DW_TAG_array_type: return measure_array(cache, entry, die);
    case DW_TAG_enumeration_type:
        if (!entry->type.has_size) { /* clang gives it to some only through its type */
            struct mete__dwarf_type_entry *of = mete__dwarf_type_size_had(cache, die);
            if (of == NULL) return false;
            entry->type.has_size = of->type.has_size;
            entry->type.size = of->type.size;
        }
        break;
    case DW_TAG_unspecified_type: /* decltype(nullptr) has no size in DWARF */
        name = dwarf_diename(die);
        if (name != NULL && strstr(name, "nullptr") != NULL)
            measure_pointer(cache, entry, die, DW_TAG_pointer_type);
        return true;
    default: break;
    }
    entry->type.align = scalar_align(cache, die, entry->type.size);
    return true;
}

/* What a processor reads at once is aligned so that it can. */
static void align_atomic(struct mete__dwarf_type *type) {
    if (type->size > type->align && type->size <= ATOMIC_SIZE_MAX &&
        (type->size & (type->size - 1)) == 0)
        type->align = (uint32_t)type->size;
}

/* Of a typedef or a qualified type: what it stands for, and what the typedef itself declares. */
static bool measure_named(struct mete__dwarf_type_cache *cache,
                          struct mete__dwarf_type_entry *entry) {
    struct mete__dwarf_type_entry *of = mete__dwarf_type_size_had(cache, &entry->die);
    uint32_t declared = declared_align(&entry->die);

    if (of == NULL) return false;
    entry->type.has_size = of->type.has_size;
    entry->type.size = of->type.size;
    entry->type.align = declared != 0 ? declared : of->type.align;
    if (declared == 0 && dwarf_tag(&entry->die) == DW_TAG_atomic_type) align_atomic(&entry->type);
    entry->type.declares_align = declared != 0 || of->type.declares_align;
    entry->type.packed = of->type.packed;
    entry->type.is_array = of->type.is_array;
    entry->type.element = of->type.element;
    return true;
}

static bool measure(struct mete__dwarf_type_cache *cache, struct mete__dwarf_type_entry *entry) {
    if (entry->measured == METE__DWARF_TYPE_MEASURED) return true;
    /* No type holds itself: the DWARF is broken. */
    if (entry->measured == METE__DWARF_TYPE_MEASURING || cache->depth >= METE__DWARF_TYPE_DEPTH_MAX)
        return true;

    int tag = dwarf_tag(&entry->die);
    entry->measured = METE__DWARF_TYPE_MEASURING;
    cache->depth++;
    bool made = tag == DW_TAG_typedef || mete__dwarf_die_is_qualifier(tag)
                    ? measure_named(cache, entry)
                    : measure_bare(cache, entry);
    cache->depth--;
    entry->measured = METE__DWARF_TYPE_MEASURED;
    return made;
}
