#include "analysis/debug_types/btf_types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/array.h"
#include "analysis/types/packing.h"

#define CHUNK     512 /* entries */
#define DEPTH_MAX 64  /* declarators in declarators, aggregates in aggregates */
#define CHAIN_MAX 128 /* typedefs and qualifiers in a row */

/* Name, kind and count, size or type: what every record begins with. */
static const uint32_t *head_of(const struct mete__btf_types *types, uint32_t id) {
    static const uint32_t none[3] = {0, METE__BTF_VOID << 24, 0};

    return id == 0 || id >= types->count ? none : types->words + types->places[id];
}

static enum mete__btf_kind kind_of(const uint32_t *head) {
    return (enum mete__btf_kind)(head[1] >> 24 & 0x1f);
}

struct mete__btf_record mete__btf_types_record(const struct mete__btf_types *types, uint32_t id) {
    const uint32_t *head = head_of(types, id);
    const char *name = head[0] < types->string_bytes ? types->strings + head[0] : "";

    return (struct mete__btf_record){
        .name = name[0] == '\0' ? NULL : name,
        .kind = kind_of(head),
        .flag = head[1] >> 31,
        .count = head[1] & 0xffff,
        .size_or_type = head[2],
        .words = head + 3,
    };
}

enum mete__btf_kind mete__btf_types_kind(const struct mete__btf_types *types, uint32_t id) {
    return kind_of(head_of(types, id));
}

static bool add_chunk(struct mete__btf_types *types) {
    struct mete__btf_entry **chunks =
        mete__array_room(types->chunks, types->chunk_count, &types->chunk_capacity,
                         sizeof(struct mete__btf_entry *));

    if (chunks == NULL) return false;
    types->chunks = chunks;
    chunks[types->chunk_count] = calloc(CHUNK, sizeof(struct mete__btf_entry));
    return chunks[types->chunk_count++] != NULL;
}

struct mete__btf_entry *mete__btf_types_entry(struct mete__btf_types *types, uint32_t id) {
    if (id >= types->count) id = 0;
    uint32_t number = types->numbers[id];

    if (number == 0) {
        if (types->entry_count / CHUNK == types->chunk_count && !add_chunk(types)) return NULL;
        number = types->numbers[id] = ++types->entry_count;
    }
    return &types->chunks[(number - 1) / CHUNK][(number - 1) % CHUNK];
}

void mete__btf_types_free(struct mete__btf_types *types) {
    for (size_t i = 0; i < types->chunk_count; i++) free(types->chunks[i]);
    free(types->chunks);
    free(types->numbers);
    free(types->places);
}

static bool is_qualifier(enum mete__btf_kind kind) {
    return kind == METE__BTF_CONST || kind == METE__BTF_VOLATILE || kind == METE__BTF_RESTRICT ||
           kind == METE__BTF_TYPE_TAG;
}

uint32_t mete__btf_types_bare(const struct mete__btf_types *types, uint32_t id) {
    for (int i = 0; i < CHAIN_MAX; i++) {
        const uint32_t *head = head_of(types, id);
        if (kind_of(head) != METE__BTF_TYPEDEF && !is_qualifier(kind_of(head))) return id;
        id = head[2];
    }
    return 0;
}

uint32_t mete__btf_types_element(const struct mete__btf_types *types, uint32_t id) {
    for (int i = 0; i < CHAIN_MAX; i++) {
        id = mete__btf_types_bare(types, id);
        const uint32_t *head = head_of(types, id);
        if (kind_of(head) != METE__BTF_ARRAY) return id;
        id = head[3];
    }
    return 0;
}

void mete__btf_types_place(const struct mete__btf_types *types,
                           const struct mete__btf_record *aggregate, uint32_t index, uint32_t *bits,
                           uint32_t *bit_size) {
    const uint32_t *member = aggregate->words + (size_t)3 * index;

    *bits = aggregate->flag ? member[2] & 0xffffff : member[2];
    *bit_size = aggregate->flag ? member[2] >> 24 : 0;
    if (*bit_size != 0) return;
    /* Before sizes were with the offsets, bit-fields had types of their own. */
    const uint32_t *type = head_of(types, mete__btf_types_bare(types, member[1]));
    if (kind_of(type) == METE__BTF_INT && (type[3] & 0xff) != type[2] * 8) {
        *bit_size = type[3] & 0xff;
        *bits += type[3] >> 16 & 0xff;
    }
}

/* --- Texts --- */

static bool name_type(struct mete__btf_types *types, const struct mete__btf_record *record,
                      const char *keyword, struct mete__type_text *out) {
    char text[METE__TYPE_TEXT_MAX];

    snprintf(text, sizeof text, "%s%s", keyword, record->name == NULL ? "{...}" : record->name);
    return mete__type_text_plain(types->names, text, out);
}

static bool describe_array(struct mete__btf_types *types, const struct mete__btf_record *record,
                           struct mete__btf_entry *entry) {
    struct mete__btf_entry *element = mete__btf_types_text(types, record->words[0]);
    char dimension[16] = "[]";

    if (element == NULL) return false;
    /* A flexible array is one of no elements; C has no other that is worth its name. */
    if (record->words[2] != 0) snprintf(dimension, sizeof dimension, "[%u]", record->words[2]);
    entry->target = element->target;
    entry->is_array = true;
    return mete__type_text_wrap(types->names, element->text, "", dimension, &entry->text);
}

static bool describe_prototype(struct mete__btf_types *types, const struct mete__btf_record *record,
                               struct mete__btf_entry *entry) {
    struct mete__btf_entry *result = mete__btf_types_text(types, record->size_or_type);
    char parameters[1024] = "(";
    size_t used = 1;

    if (result == NULL) return false;
    for (uint32_t i = 0; i < record->count; i++) {
        uint32_t type = record->words[2 * (size_t)i + 1];
        bool is_rest = type == 0 && i + 1 == record->count && record->words[2 * (size_t)i] == 0;
        struct mete__btf_entry *parameter = is_rest ? NULL : mete__btf_types_text(types, type);
        if (!is_rest && parameter == NULL) return false;
        const char *text = is_rest ? "..." : parameter->text.text;
        size_t left = sizeof parameters - used;
        if (strlen(text) + 8 >= left) text = "..."; /* more than anybody reads */
        if (left < 16) break;
        used += (size_t)snprintf(parameters + used, left, "%s%s", i == 0 ? "" : ", ", text);
    }
    snprintf(parameters + used, sizeof parameters - used, record->count == 0 ? "void)" : ")");
    return mete__type_text_wrap(types->names, result->text, "", parameters, &entry->text);
}

/* Whether a qualifier of this type stands behind a '*'. */
static bool qualifies_pointer(const struct mete__btf_types *types, uint32_t id) {
    for (int i = 0; i < CHAIN_MAX; i++) {
        struct mete__btf_record record = mete__btf_types_record(types, id);
        if (record.kind == METE__BTF_ARRAY)
            id = record.words[0];
        else if (is_qualifier(record.kind))
            id = record.size_or_type;
        else
            return record.kind == METE__BTF_POINTER;
    }
    return false;
}

/* Of what refers to one other type. */
static bool describe_reference(struct mete__btf_types *types, const struct mete__btf_record *record,
                               struct mete__btf_entry *entry) {
    static const char *const words[METE__BTF_KINDS] = {[METE__BTF_CONST] = "const",
                                                       [METE__BTF_VOLATILE] = "volatile",
                                                       [METE__BTF_RESTRICT] = "restrict"};
    struct mete__btf_entry *of = mete__btf_types_text(types, record->size_or_type);

    if (of == NULL) return false;
    entry->target = of->target;
    if (record->kind == METE__BTF_POINTER) {
        if (entry->target == 0)
            entry->target = mete__btf_types_element(types, record->size_or_type);
        return mete__type_text_point(types->names, of->text, "*", &entry->text);
    }
    if (record->kind == METE__BTF_TYPEDEF) return name_type(types, record, "", &entry->text);
    if (words[record->kind] == NULL)
        return mete__type_text_wrap(types->names, of->text, "", "", &entry->text);
    return mete__type_text_qualify(types->names, of->text, words[record->kind],
                                   qualifies_pointer(types, record->size_or_type), &entry->text);
}

static bool describe(struct mete__btf_types *types, const struct mete__btf_record *record,
                     struct mete__btf_entry *entry) {
    switch (record->kind) {
    case METE__BTF_INT:
    case METE__BTF_FLOAT: return name_type(types, record, "", &entry->text);
    case METE__BTF_STRUCT: return name_type(types, record, "struct ", &entry->text);
    case METE__BTF_UNION: return name_type(types, record, "union ", &entry->text);
    case METE__BTF_ENUM:
    case METE__BTF_ENUM64: return name_type(types, record, "enum ", &entry->text);
    case METE__BTF_FORWARD:
        return name_type(types, record, record->flag ? "union " : "struct ", &entry->text);
    case METE__BTF_ARRAY: return describe_array(types, record, entry);
    case METE__BTF_PROTOTYPE: return describe_prototype(types, record, entry);
    case METE__BTF_POINTER:
    case METE__BTF_TYPEDEF:
    case METE__BTF_CONST:
    case METE__BTF_VOLATILE:
    case METE__BTF_RESTRICT:
    case METE__BTF_TYPE_TAG: return describe_reference(types, record, entry);
    default: return mete__type_text_plain(types->names, "void", &entry->text);
    }
}

struct mete__btf_entry *mete__btf_types_text(struct mete__btf_types *types, uint32_t id) {
    if (id >= types->count || types->depth >= DEPTH_MAX) id = 0;
    struct mete__btf_entry *entry = mete__btf_types_entry(types, id);

    if (entry == NULL || entry->text.text != NULL) return entry;
    struct mete__btf_record record = mete__btf_types_record(types, id);
    /* Should the data go in a circle, they come by here again and find this. */
    if (!mete__type_text_plain(types->names, "void", &entry->text)) return NULL;
    types->depth++;
    bool made = describe(types, &record, entry);
    types->depth--;
    return made ? entry : NULL;
}

/* --- Sizes --- */

static uint32_t scalar_align(const struct mete__btf_types *types, uint64_t size) {
    uint64_t lowest_bit = size & -size;

    if (size == 0) return 1;
    return lowest_bit > types->greatest_align ? types->greatest_align : (uint32_t)lowest_bit;
}

static bool measure_aggregate(struct mete__btf_types *types, const struct mete__btf_record *record,
                              struct mete__btf_entry *entry) {
    struct mete__packing packing = {.is_union = record->kind == METE__BTF_UNION};
    uint32_t bits, bit_size;

    for (uint32_t i = 0; i < record->count; i++) {
        struct mete__btf_entry *member =
            mete__btf_types_measure(types, record->words[3 * (size_t)i + 1]);
        if (member == NULL) return false;
        mete__btf_types_place(types, record, i, &bits, &bit_size);
        if (bit_size == 0)
            mete__packing_add(&packing, bits / 8, member->size, member->align, 0);
        else
            mete__packing_add_bits(&packing, (uint64_t)bits + bit_size, member->align, false);
    }
    entry->has_size = true;
    entry->size = record->size_or_type;
    entry->align = mete__packing_finish(&packing, entry->size, 0);
    entry->is_packed = packing.is_odd;
    return true;
}

static bool measure_array(struct mete__btf_types *types, const struct mete__btf_record *record,
                          struct mete__btf_entry *entry) {
    struct mete__btf_entry *element = mete__btf_types_measure(types, record->words[0]);

    if (element == NULL) return false;
    entry->align = element->align;
    entry->is_packed = element->is_packed;
    entry->has_size = record->words[2] != 0 && element->has_size;
    entry->size = entry->has_size ? element->size * record->words[2] : 0;
    return true;
}

static bool measure(struct mete__btf_types *types, const struct mete__btf_record *record,
                    struct mete__btf_entry *entry) {
    struct mete__btf_entry *of;

    switch (record->kind) {
    case METE__BTF_STRUCT:
    case METE__BTF_UNION: return measure_aggregate(types, record, entry);
    case METE__BTF_ARRAY: return measure_array(types, record, entry);
    case METE__BTF_INT:
    case METE__BTF_FLOAT:
    case METE__BTF_ENUM:
    case METE__BTF_ENUM64: entry->size = record->size_or_type; break;
    case METE__BTF_POINTER: entry->size = types->address_size; break;
    case METE__BTF_TYPEDEF:
    case METE__BTF_CONST:
    case METE__BTF_VOLATILE:
    case METE__BTF_RESTRICT:
    case METE__BTF_TYPE_TAG:
        of = mete__btf_types_measure(types, record->size_or_type);
        if (of == NULL) return false;
        entry->size = of->size;
        entry->align = of->align;
        entry->has_size = of->has_size;
        entry->is_array = of->is_array;
        entry->is_packed = of->is_packed;
        return true;
    default: entry->align = 1; return true;
    }
    entry->has_size = true;
    entry->align = scalar_align(types, entry->size);
    return true;
}

struct mete__btf_entry *mete__btf_types_measure(struct mete__btf_types *types, uint32_t id) {
    struct mete__btf_entry *entry = mete__btf_types_text(types, id);

    if (entry == NULL || entry->align != 0) return entry;
    entry->align = 1; /* no type holds itself: the data are broken, and find this */
    if (types->depth >= DEPTH_MAX) return entry;
    struct mete__btf_record record = mete__btf_types_record(types, id);
    types->depth++;
    bool made = measure(types, &record, entry);
    types->depth--;
    if (entry->align == 0) entry->align = 1;
    return made ? entry : NULL;
}
