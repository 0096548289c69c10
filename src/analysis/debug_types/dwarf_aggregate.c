#include "analysis/debug_types/dwarf_aggregate.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/array.h"
#include "analysis/dwarf/dwarf_die.h"
#include "analysis/dwarf/dwarf_member.h"

#define DEPTH_MAX 64 /* aggregates in aggregates */

static const struct mete__type *read_aggregate(struct mete__dwarf_aggregate_reader *reader,
                                               Dwarf_Die *die, struct mete__dwarf_found *found,
                                               const char *alias, int depth, int *status);
static int read_variants(struct mete__dwarf_aggregate_reader *reader, Dwarf_Die *die,
                         Dwarf_Die *part, int depth);

static int add_member(struct mete__dwarf_aggregate_reader *reader,
                      const struct mete__member *member) {
    struct mete__member *members = mete__array_room(reader->members, reader->member_count,
                                                    &reader->member_capacity, sizeof *members);
    if (members == NULL) return -ENOMEM;
    reader->members = members;
    reader->members[reader->member_count++] = *member;
    return 0;
}

/* Where a bit-field lies: in storage of its type's size, at a multiple of that size. */
static void place_bits(const struct mete__dwarf_aggregate_reader *reader,
                       const struct mete__dwarf_member *read, struct mete__member *member) {
    uint64_t storage = read->has_byte_size ? read->byte_size : member->size;
    int64_t place = read->bit_place;

    if (storage == 0 || storage > 64) return; /* no bit-field is that large */
    if (place < 0) {
        place = (int64_t)(member->offset * 8);
        /* DWARF 2 and 3 count from the most significant bit of the storage. */
        if (read->has_bits_from_left)
            place += reader->is_big_endian
                         ? (int64_t)read->bits_from_left
                         : (int64_t)(storage * 8 - read->bits_from_left - member->bit_size);
        if (place < 0) place = 0;
    }
    int64_t start = place / (int64_t)(storage * 8) * (int64_t)(storage * 8);
    member->size = storage;
    member->offset = (uint64_t)start / 8;
    member->bit_offset = (uint16_t)(place - start);
}

static void describe_bits(const struct mete__dwarf_aggregate_reader *reader,
                          const struct mete__dwarf_member *read, struct mete__member *member) {
    if (!read->has_bit_size || read->bit_size == 0 || read->bit_size > 512) return;
    member->bit_size = (uint16_t)read->bit_size;
    place_bits(reader, read, member);
}

/* The typedef that names an aggregate without a name: the unit's own, or the one that has led to it
 * in another unit; NULL: none. */
static const char *alias_of(const struct mete__dwarf_found *found, const char *on_the_way) {
    return found != NULL && found->alias != NULL ? found->alias : on_the_way;
}

/* The table's name of what a pointer leads to, where that is an aggregate. */
static int name_target(struct mete__dwarf_aggregate_reader *reader,
                       const struct mete__dwarf_type *type, struct mete__member *member) {
    Dwarf_Die target = type->target;

    if (target.addr == NULL || !mete__dwarf_die_is_aggregate(dwarf_tag(&target))) return 0;
    const struct mete__dwarf_found *found = mete__dwarf_unit_find(&reader->unit, target.addr);
    const char *alias = alias_of(found, type->target_alias);
    member->target = alias != NULL && mete__dwarf_die_name(&target) == NULL
                         ? mete__names_keep(reader->names, alias)
                         : mete__dwarf_type_name(reader->cache, &target);
    return member->target == NULL ? -ENOMEM : 0;
}

static uint32_t flags_of_kind(const struct mete__dwarf_member *read,
                              const struct mete__dwarf_type *type, const char *name) {
    uint32_t flags = 0;
    Dwarf_Die element = type->element;

    if (read->is_base) flags |= METE__MEMBER_BASE;
    if (name != NULL && strncmp(name, "_vptr", 5) == 0 && read->is_artificial)
        flags |= METE__MEMBER_VPTR;
    /* An array of what the unit only declares has a length, but no size. */
    if (type->is_array && element.addr != NULL && dwarf_hasattr(&element, DW_AT_declaration))
        flags |= METE__MEMBER_ARRAY | METE__MEMBER_INCOMPLETE;
    else if (type->is_array)
        flags |= type->has_size ? METE__MEMBER_ARRAY : METE__MEMBER_FLEXIBLE;
    else if (!type->has_size)
        flags |= METE__MEMBER_INCOMPLETE;
    return flags;
}

/* Less than the type's own alignment can be declared of what is packed only; clang says so also
 * where it is not, and it changes nothing. */
static void align_member(const struct mete__dwarf_aggregate_reader *reader,
                         const struct mete__dwarf_member *read, const struct mete__dwarf_type *type,
                         struct mete__member *member) {
    member->align = type->align;
    if (read->align == 0 || (read->align < type->align && !reader->in_packed)) return;
    member->align = read->align;
    member->flags |= METE__MEMBER_DECLARED_ALIGN;
}

static const char *keep_name(struct mete__dwarf_aggregate_reader *reader, const char *raw) {
    uint64_t hash = (uintptr_t)raw * UINT64_C(0x9e3779b97f4a7c15);
    struct mete__dwarf_aggregate_name *met =
        &reader->names_met[(hash >> 32) & (METE__DWARF_AGGREGATE_NAMES - 1)];

    if (met->raw != raw || met->kept == NULL)
        *met = (struct mete__dwarf_aggregate_name){raw, mete__names_keep(reader->names, raw)};
    return met->kept;
}

/* The aggregate that a DIE is; NULL where it is none, or lies within itself. */
static const struct mete__type *read_nested(struct mete__dwarf_aggregate_reader *reader,
                                            Dwarf_Die *die, const char *alias, int depth,
                                            int *status) {
    if (die->addr == NULL || !mete__dwarf_die_is_aggregate(dwarf_tag(die))) return NULL;
    struct mete__dwarf_found *found = mete__dwarf_unit_find(&reader->unit, die->addr);
    return read_aggregate(reader, die, found, alias_of(found, alias), depth + 1, status);
}

/* Takes a member or a base class. */
static int read_member(struct mete__dwarf_aggregate_reader *reader, Dwarf_Die *die, int depth) {
    struct mete__member member = {0};
    struct mete__dwarf_member read;
    int status = 0;

    mete__dwarf_member_read(die, &read);
    if (!read.has_place && !read.is_base) return 0; /* static */
    const struct mete__dwarf_type *type = mete__dwarf_type_of_member(reader->cache, &read);
    if (type == NULL) return -ENOMEM;
    const char *name = read.is_base ? NULL : mete__dwarf_member_name(&read);
    if (name != NULL) {
        member.name = keep_name(reader, name);
        if (member.name == NULL) return -ENOMEM;
    }
    member.type = type->text;
    member.name_at = type->name_at;
    member.size = type->size;
    member.offset = read.offset;
    member.flags = flags_of_kind(&read, type, name);
    if (!read.has_place) member.flags |= METE__MEMBER_VIRTUAL_BASE;
    align_member(reader, &read, type, &member);
    describe_bits(reader, &read, &member);
    Dwarf_Die element = type->element, target = type->target;
    if (name_target(reader, type, &member) != 0) return -ENOMEM;
    member.nested = read_nested(reader, &element, type->element_alias, depth, &status);
    /* Of what has no name this is the only place that shows it. */
    if (status == 0 && mete__type_points_to_anonymous(&member)) {
        member.nested = read_nested(reader, &target, type->target_alias, depth, &status);
        if (member.nested != NULL) member.flags |= METE__MEMBER_POINTER;
    }
    return status != 0 ? status : add_member(reader, &member);
}

/* Parameters with that of the object. */
static int count_parameters(Dwarf_Die *function) {
    Dwarf_Die child;
    int count = 0;

    if (dwarf_child(function, &child) != 0) return 0;
    do count += dwarf_tag(&child) == DW_TAG_formal_parameter;
    while (dwarf_siblingof(&child, &child) == 0);
    return count;
}

/* Whether a function in a class is a constructor that somebody wrote, or one that initialises
 * members as the class says where they are declared: compilers make it only where there is
 * something to do. */
static bool is_constructor(Dwarf_Die *function, Dwarf_Die *type) {
    uint64_t defaulted;

    if (dwarf_hasattr(function, DW_AT_deleted) ||
        !mete__dwarf_die_constructs(dwarf_diename(function), type))
        return false;
    bool is_made = dwarf_hasattr(function, DW_AT_artificial) ||
                   mete__dwarf_die_number(function, DW_AT_defaulted, &defaulted);
    return !is_made || count_parameters(function) == 1;
}

static bool has_constructor(Dwarf_Die *type) {
    Dwarf_Die child;

    if (dwarf_child(type, &child) != 0) return false;
    do {
        if (dwarf_tag(&child) == DW_TAG_subprogram && is_constructor(&child, type)) return true;
    } while (dwarf_siblingof(&child, &child) == 0);
    return false;
}

static int read_members(struct mete__dwarf_aggregate_reader *reader, Dwarf_Die *die, int depth) {
    Dwarf_Die child;
    int status = 0;

    if (dwarf_child(die, &child) != 0) return 0;
    do {
        int tag = dwarf_tag(&child);
        if (tag == DW_TAG_member || tag == DW_TAG_inheritance)
            status = read_member(reader, &child, depth);
        else if (tag == DW_TAG_variant_part)
            status = read_variants(reader, die, &child, depth);
    } while (status == 0 && dwarf_siblingof(&child, &child) == 0);
    return status;
}

/* ---- variants: parts of a record that are there one at a time, in Rust and Ada ---- */

/* Makes the members from `first` on, which may share bytes, those of one anonymous union, which
 * takes their place. */
static int join(struct mete__dwarf_aggregate_reader *reader, size_t first) {
    struct mete__member *members = first == 0 ? reader->members : &reader->members[first];
    size_t count = reader->member_count - first;
    const char *name = mete__names_keep(reader->names, "union {...}");
    struct mete__member whole = {.type = name, .name_at = 11, .offset = UINT64_MAX, .align = 1};
    uint64_t end = 0;
    bool is_new;

    if (name == NULL) return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        uint64_t behind = members[i].offset + members[i].size;
        if (members[i].offset < whole.offset) whole.offset = members[i].offset;
        if (behind > end && behind >= members[i].size) end = behind;
        if (members[i].align > whole.align) whole.align = members[i].align;
    }
    for (size_t i = 0; i < count; i++) members[i].offset -= whole.offset;
    whole.size = end > whole.offset ? end - whole.offset : 0;
    struct mete__type type = {
        .name = name,
        .size = whole.size,
        .align = whole.align,
        .kind = METE__TYPE_UNION,
        .flags = reader->type_flags | METE__TYPE_ANONYMOUS,
        .unit = reader->unit_number,
        .member_count = (uint32_t)count,
    };
    whole.nested = mete__type_table_keep(reader->table, &type, members, false, &is_new);
    reader->member_count = first;
    return whole.nested == NULL ? -ENOMEM : add_member(reader, &whole);
}

/* What tells which variant there is, and the members of all of them. */
static int read_variants(struct mete__dwarf_aggregate_reader *reader, Dwarf_Die *die,
                         Dwarf_Die *part, int depth) {
    size_t first = reader->member_count;
    Dwarf_Die child;
    uint64_t size = 0;
    int status = 0;

    if (depth > DEPTH_MAX || dwarf_child(part, &child) != 0) return 0;
    (void)mete__dwarf_die_number(die, DW_AT_byte_size, &size);
    do {
        int tag = dwarf_tag(&child);
        reader->variant_size = tag == DW_TAG_variant ? size : 0;
        if (tag == DW_TAG_member)
            status = read_member(reader, &child, depth);
        else if (tag == DW_TAG_variant)
            status = read_members(reader, &child, depth + 1);
    } while (status == 0 && dwarf_siblingof(&child, &child) == 0);
    reader->variant_size = 0;
    return status != 0 || reader->member_count == first ? status : join(reader, first);
}

/* ---- a whole type ---- */

/* Those without a size may share an offset. */
static int by_offset(const void *one, const void *other) {
    const struct mete__member *a = one, *b = other;

    if (a->offset != b->offset) return a->offset < b->offset ? -1 : 1;
    if (a->size != b->size) return a->size < b->size ? -1 : 1;
    return strcmp(a->name == NULL ? "" : a->name, b->name == NULL ? "" : b->name);
}

static enum mete__type_kind kind_of(int tag) {
    return tag == DW_TAG_union_type   ? METE__TYPE_UNION
           : tag == DW_TAG_class_type ? METE__TYPE_CLASS
                                      : METE__TYPE_STRUCT;
}

/* What the members say of the whole. */
static uint16_t flags_of_members(const struct mete__member *members, size_t count) {
    uint16_t flags = 0;

    for (size_t i = 0; i < count; i++) {
        if (members[i].flags & METE__MEMBER_BASE) flags |= METE__TYPE_BASES;
        if (members[i].flags & (METE__MEMBER_VPTR | METE__MEMBER_VIRTUAL_BASE))
            flags |= METE__TYPE_VIRTUAL;
    }
    return flags;
}

/* The type without its members. */
static int describe(struct mete__dwarf_aggregate_reader *reader, Dwarf_Die *die, const char *alias,
                    struct mete__type *type) {
    const struct mete__dwarf_type *measured = mete__dwarf_type_of(reader->cache, die);
    uint64_t declared;

    if (measured == NULL) return -ENOMEM;
    bool has_name = mete__dwarf_die_name(die) != NULL;
    *type = (struct mete__type){
        .name = has_name || alias == NULL ? mete__dwarf_type_name(reader->cache, die)
                                          : mete__names_keep(reader->names, alias),
        .size = measured->size,
        .align = measured->align,
        .kind = (uint8_t)kind_of(dwarf_tag(die)),
        .flags = reader->type_flags,
        .unit = reader->unit_number,
    };
    if (type->name == NULL) return -ENOMEM;
    if (!has_name) type->flags |= alias == NULL ? METE__TYPE_ANONYMOUS : METE__TYPE_TYPEDEF;
    const char *keyword = mete__type_keyword((enum mete__type_kind)type->kind);
    size_t length = strlen(keyword);
    if (has_name && strncmp(type->name, keyword, length) == 0 && type->name[length] == ' ')
        type->plain_at = (uint8_t)(length + 1);
    if (measured->packed) type->flags |= METE__TYPE_PACKED;
    if (mete__dwarf_die_number(die, DW_AT_alignment, &declared))
        type->flags |= METE__TYPE_DECLARED_ALIGN;
    if (type->size != 0 && type->size == reader->variant_size) type->flags |= METE__TYPE_VARIANT;
    reader->variant_size = 0; /* what is in it is none */
    return 0;
}

static const char *file_of(struct mete__dwarf_aggregate_reader *reader, Dwarf_Die *die) {
    Dwarf_Die unit;
    uint64_t number;

    if (!mete__dwarf_die_number(die, DW_AT_decl_file, &number) ||
        dwarf_diecu(die, &unit, NULL, NULL) == NULL)
        return NULL;
    return mete__source_files_path(reader->files, &unit, number);
}

static void describe_place(struct mete__dwarf_aggregate_reader *reader, Dwarf_Die *die,
                           struct mete__type *type) {
    int line;

    type->file = file_of(reader, die);
    if (dwarf_decl_line(die, &line) == 0 && line > 0) type->line = (uint32_t)line;
}

/* Those of a type that is described but for them. */
static int read_all_members(struct mete__dwarf_aggregate_reader *reader,
                            const struct mete__type *type, Dwarf_Die *die, int depth) {
    bool was_in_packed = reader->in_packed;

    reader->in_packed = type->flags & METE__TYPE_PACKED;
    int status = read_members(reader, die, depth);
    reader->in_packed = was_in_packed;
    return status;
}

static const struct mete__type *make(struct mete__dwarf_aggregate_reader *reader, Dwarf_Die *die,
                                     struct mete__dwarf_found *found, const char *alias, int depth,
                                     int *status) {
    struct mete__type type;
    size_t first = reader->member_count;
    bool is_new;

    *status = describe(reader, die, alias, &type);
    if (*status == 0) *status = read_all_members(reader, &type, die, depth);
    if (*status != 0) {
        reader->member_count = first;
        return NULL;
    }
    struct mete__member *members = first == 0 ? reader->members : &reader->members[first];
    type.member_count = (uint32_t)(reader->member_count - first);
    type.flags |= flags_of_members(members, type.member_count);
    if ((type.flags & METE__TYPE_CXX) && has_constructor(die)) type.flags |= METE__TYPE_CONSTRUCTED;
    /* Where the compiler orders members, the order in memory tells more than that in the source. */
    if ((type.flags & METE__TYPE_FOREIGN) && type.kind != METE__TYPE_UNION && type.member_count > 1)
        qsort(members, type.member_count, sizeof *members, by_offset);
    struct mete__type *kept =
        mete__type_table_keep(reader->table, &type, members, found != NULL, &is_new);
    reader->member_count = first;
    if (kept == NULL)
        *status = -ENOMEM;
    else if (is_new)
        describe_place(reader, die, kept);
    return kept;
}

/* `found` is the unit's entry of the DIE; NULL where it belongs to another unit. `alias` names it
 * where it has no name; NULL: nothing does. */
static const struct mete__type *read_aggregate(struct mete__dwarf_aggregate_reader *reader,
                                               Dwarf_Die *die, struct mete__dwarf_found *found,
                                               const char *alias, int depth, int *status) {
    struct mete__dwarf_type *known = mete__dwarf_type_of(reader->cache, die);

    if (known == NULL) {
        *status = -ENOMEM;
        return NULL;
    }
    if (known->made != NULL || known->bare.addr != die->addr) return known->made;
    if (known->is_being_made || depth > DEPTH_MAX || dwarf_hasattr(die, DW_AT_declaration))
        return NULL;
    known->is_being_made = true;
    known->made = make(reader, die, found, alias, depth, status);
    known->is_being_made = false;
    return known->made;
}

const struct mete__type *mete__dwarf_aggregate_read(struct mete__dwarf_aggregate_reader *reader,
                                                    struct mete__dwarf_found *found, int *status) {
    Dwarf_Die die;

    *status = 0;
    if (!mete__dwarf_die_peel(&found->die, &die)) return NULL;
    return read_aggregate(reader, &die, found, found->alias, 0, status);
}

void mete__dwarf_aggregate_free(struct mete__dwarf_aggregate_reader *reader) {
    free(reader->members);
    reader->members = NULL;
}
