#include "analysis/debug_types/btf.h"

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/array.h"
#include "analysis/debug_types/btf_types.h"

#define MAGIC      0xeb9f
#define VERSION    1
#define TYPES_MAX  (1u << 24) /* a kernel has about 150,000 */
#define NESTED_MAX 64         /* aggregates in aggregates */

struct header {
    uint16_t magic;
    uint8_t version, flags;
    uint32_t header_bytes;
    uint32_t type_offset, type_bytes; /* offsets from the end of the header */
    uint32_t string_offset, string_bytes;
};

/* Of one call of mete__btf_read. */
struct reading {
    struct mete__btf_types types;
    struct mete__type_table *table;
    struct mete__member *members; /* of the types that are being made, one behind the other */
    size_t member_count, member_capacity;
    int depth;
};

/* A part of the data behind the header; NULL: not all of it is there. */
static const char *part(const void *data, size_t size, const struct header *header, uint32_t offset,
                        uint32_t bytes) {
    size_t start = (size_t)header->header_bytes + offset;

    return start > size || bytes > size - start ? NULL : (const char *)data + start;
}

bool mete__btf_is(const void *data, size_t size) {
    uint16_t magic;

    if (size < sizeof(struct header)) return false;
    memcpy(&magic, data, sizeof magic);
    return magic == MAGIC || magic == __builtin_bswap16(MAGIC);
}

static void swap_words(char *at, size_t bytes) {
    uint32_t word;

    for (size_t i = 0; i + sizeof word <= bytes; i += sizeof word) {
        memcpy(&word, at + i, sizeof word);
        word = __builtin_bswap32(word);
        memcpy(at + i, &word, sizeof word);
    }
}

bool mete__btf_swap(void *data, size_t size) {
    struct header header;

    if (!mete__btf_is(data, size)) return false;
    memcpy(&header, data, sizeof header);
    if (header.magic == MAGIC) return false;
    header.magic = MAGIC;
    swap_words((char *)&header.header_bytes, sizeof header - offsetof(struct header, header_bytes));
    memcpy(data, &header, sizeof header);
    /* Types are words and nothing else, whatever their kind. */
    const char *types = part(data, size, &header, header.type_offset, header.type_bytes);
    if (types != NULL && header.header_bytes >= sizeof header)
        swap_words((char *)data + (types - (const char *)data), header.type_bytes);
    return true;
}

/* --- Where the types are --- */

/* Words that follow a record; -1: of a kind nobody knows. */
static int64_t words_behind(const uint32_t *record) {
    uint32_t count = record[1] & 0xffff;

    switch (record[1] >> 24 & 0x1f) {
    case METE__BTF_INT:
    case METE__BTF_VARIABLE:
    case METE__BTF_DECLARATION_TAG: return 1;
    case METE__BTF_ARRAY: return 3;
    case METE__BTF_STRUCT:
    case METE__BTF_UNION:
    case METE__BTF_SECTION:
    case METE__BTF_ENUM64: return 3 * (int64_t)count;
    case METE__BTF_ENUM:
    case METE__BTF_PROTOTYPE: return 2 * (int64_t)count;
    case METE__BTF_POINTER:
    case METE__BTF_FORWARD:
    case METE__BTF_TYPEDEF:
    case METE__BTF_VOLATILE:
    case METE__BTF_CONST:
    case METE__BTF_RESTRICT:
    case METE__BTF_FUNCTION:
    case METE__BTF_FLOAT:
    case METE__BTF_TYPE_TAG: return 0;
    default: return -1;
    }
}

/* Finds the records, which have all sizes; `places` NULL: only counts them, void included. 0:
 * damaged. */
static uint32_t find_records(const uint32_t *words, size_t word_count, uint32_t *places) {
    uint32_t count = 1;

    for (size_t at = 0; at < word_count;) {
        int64_t behind = word_count - at < 3 ? -1 : words_behind(words + at);
        if (behind < 0 || (uint64_t)behind > word_count - at - 3 || count >= TYPES_MAX) return 0;
        if (places != NULL) places[count] = (uint32_t)at;
        count++;
        at += 3 + (size_t)behind;
    }
    return count;
}

/* Types that typedefs name, as their only name or besides. */
static int find_aliases(struct mete__btf_types *types, struct mete__type_synonyms *synonyms) {
    for (uint32_t id = 1; id < types->count; id++) {
        if (mete__btf_types_kind(types, id) != METE__BTF_TYPEDEF) continue;
        struct mete__btf_record record = mete__btf_types_record(types, id);
        struct mete__btf_record of = mete__btf_types_record(types, record.size_or_type);
        if (record.name == NULL || (of.kind != METE__BTF_STRUCT && of.kind != METE__BTF_UNION))
            continue;
        if (of.name != NULL) {
            const char *name = mete__names_keep(types->names, record.name);
            const char *own_name = mete__names_keep(types->names, of.name);
            if (name == NULL || own_name == NULL ||
                mete__type_synonyms_add(synonyms, name, own_name) != 0)
                return -ENOMEM;
            continue;
        }
        struct mete__btf_entry *entry = mete__btf_types_entry(types, record.size_or_type);
        if (entry == NULL) return -ENOMEM;
        if (entry->alias == 0) entry->alias = id;
    }
    return 0;
}

/* The parts of data of this machine's byte order. */
struct parts {
    struct header header;
    const char *types, *strings;
};

static bool find_parts(const void *data, size_t size, struct parts *parts) {
    struct header *header = &parts->header;

    if (!mete__btf_is(data, size)) return false;
    memcpy(header, data, sizeof *header);
    if (header->magic != MAGIC || header->version != VERSION) return false;
    parts->types = part(data, size, header, header->type_offset, header->type_bytes);
    parts->strings = part(data, size, header, header->string_offset, header->string_bytes);
    return parts->types != NULL && parts->strings != NULL &&
           (uintptr_t)parts->types % sizeof(uint32_t) == 0 &&
           header->type_bytes % sizeof(uint32_t) == 0;
}

/* Texts begin with an empty one, but where they continue another file's: so do the types. */
bool mete__btf_continues(const void *data, size_t size) {
    struct parts parts;

    return find_parts(data, size, &parts) && parts.header.type_bytes > 0 &&
           (parts.header.string_bytes == 0 || parts.strings[0] != '\0');
}

int mete__btf_join(const void *base, size_t base_size, const void *data, size_t size, void **out,
                   size_t *out_size, uint32_t *first) {
    struct parts one, other;
    struct header header = {.magic = MAGIC, .version = VERSION, .header_bytes = sizeof header};

    if (!find_parts(base, base_size, &one) || !find_parts(data, size, &other)) return -EBADMSG;
    uint32_t count = find_records((const uint32_t *)(const void *)one.types,
                                  one.header.type_bytes / sizeof(uint32_t), NULL);
    if (count == 0 ||
        __builtin_add_overflow(one.header.type_bytes, other.header.type_bytes,
                               &header.type_bytes) ||
        __builtin_add_overflow(one.header.string_bytes, other.header.string_bytes,
                               &header.string_bytes))
        return -EBADMSG;
    header.string_offset = header.type_bytes;
    *out_size = sizeof header + (size_t)header.type_bytes + header.string_bytes;
    char *joined = malloc(*out_size);
    if (joined == NULL) return -ENOMEM;
    char *at = mempcpy(joined, &header, sizeof header);
    at = mempcpy(at, one.types, one.header.type_bytes);
    at = mempcpy(at, other.types, other.header.type_bytes);
    at = mempcpy(at, one.strings, one.header.string_bytes);
    memcpy(at, other.strings, other.header.string_bytes);
    *out = joined;
    *first = count;
    return 0;
}

static int open_types(const void *data, size_t size, struct mete__btf_types *types,
                      struct mete__type_synonyms *synonyms) {
    struct parts parts;

    if (!find_parts(data, size, &parts)) return -EBADMSG;
    types->strings = parts.strings;
    types->string_bytes = parts.header.string_bytes;
    if (types->string_bytes == 0 || types->strings[types->string_bytes - 1] != '\0' ||
        types->strings[0] != '\0')
        return -EBADMSG;
    const uint32_t *words = (const uint32_t *)(const void *)parts.types;
    size_t word_count = parts.header.type_bytes / sizeof(uint32_t);
    types->count = find_records(words, word_count, NULL);
    if (types->count == 0) return -EBADMSG;
    types->words = words;
    types->places = calloc(types->count, sizeof *types->places);
    types->numbers = calloc(types->count, sizeof *types->numbers);
    if (types->places == NULL || types->numbers == NULL) return -ENOMEM;
    (void)find_records(words, word_count, types->places);
    return find_aliases(types, synonyms);
}

/* --- Making types --- */

static const struct mete__type *make(struct reading *reading, uint32_t id, int *status);

static int add_member(struct reading *reading, const struct mete__member *member) {
    struct mete__member *members = mete__array_room(reading->members, reading->member_count,
                                                    &reading->member_capacity, sizeof *members);
    if (members == NULL) return -ENOMEM;
    reading->members = members;
    reading->members[reading->member_count++] = *member;
    return 0;
}

static const char *name_of(struct reading *reading, uint32_t id) {
    struct mete__btf_record record = mete__btf_types_record(&reading->types, id);
    struct mete__btf_entry *entry = mete__btf_types_text(&reading->types, id);

    if (entry != NULL && record.name == NULL && entry->alias != 0)
        return mete__names_keep(reading->types.names,
                                mete__btf_types_record(&reading->types, entry->alias).name);
    return entry == NULL ? NULL : entry->text.text;
}

static int name_target(struct reading *reading, uint32_t target, struct mete__member *member) {
    enum mete__btf_kind kind = mete__btf_types_kind(&reading->types, target);

    if (kind != METE__BTF_STRUCT && kind != METE__BTF_UNION && kind != METE__BTF_FORWARD) return 0;
    member->target = name_of(reading, target);
    return member->target == NULL ? -ENOMEM : 0;
}

static void place(const struct mete__btf_entry *type, uint32_t bits, uint32_t bit_size,
                  struct mete__member *member) {
    member->offset = bits / 8;
    if (bit_size == 0 || type->size == 0 || type->size > 64) return;
    uint64_t start = bits / (type->size * 8) * type->size;
    member->offset = start;
    member->bit_offset = (uint16_t)(bits - start * 8);
    member->bit_size = (uint16_t)bit_size;
}

static int read_member(struct reading *reading, const struct mete__btf_record *record,
                       uint32_t index) {
    const uint32_t *words = record->words + (size_t)3 * index;
    struct mete__btf_types *types = &reading->types;
    struct mete__btf_entry *type = mete__btf_types_measure(types, words[1]);
    struct mete__member member = {0};
    uint32_t bits, bit_size;
    int status = 0;

    if (type == NULL) return -ENOMEM;
    if (words[0] < types->string_bytes && types->strings[words[0]] != '\0') {
        member.name = mete__names_keep(types->names, types->strings + words[0]);
        if (member.name == NULL) return -ENOMEM;
    }
    member.type = type->text.text;
    member.name_at = type->text.name_at;
    member.size = type->size;
    member.align = type->align;
    if (type->is_array)
        member.flags |= type->has_size ? METE__MEMBER_ARRAY : METE__MEMBER_FLEXIBLE;
    else if (!type->has_size)
        member.flags |= METE__MEMBER_INCOMPLETE;
    mete__btf_types_place(types, record, index, &bits, &bit_size);
    place(type, bits, bit_size, &member);
    if (name_target(reading, type->target, &member) != 0) return -ENOMEM;
    uint32_t target = type->target;
    member.nested = make(reading, mete__btf_types_element(types, words[1]), &status);
    /* Of what has no name this is the only place that shows it. */
    if (status == 0 && mete__type_points_to_anonymous(&member)) {
        member.nested = make(reading, target, &status);
        if (member.nested != NULL) member.flags |= METE__MEMBER_POINTER;
    }
    return status != 0 ? status : add_member(reading, &member);
}

static int describe(struct reading *reading, uint32_t id, struct mete__type *type) {
    struct mete__btf_record record = mete__btf_types_record(&reading->types, id);
    struct mete__btf_entry *entry = mete__btf_types_measure(&reading->types, id);
    bool is_union = record.kind == METE__BTF_UNION;

    if (entry == NULL) return -ENOMEM;
    *type = (struct mete__type){
        .name = name_of(reading, id),
        .size = record.size_or_type,
        .align = entry->align,
        .kind = is_union ? METE__TYPE_UNION : METE__TYPE_STRUCT,
        .member_count = record.count,
    };
    if (type->name == NULL) return -ENOMEM;
    if (record.name == NULL)
        type->flags |= entry->alias == 0 ? METE__TYPE_ANONYMOUS : METE__TYPE_TYPEDEF;
    else
        type->plain_at = is_union ? sizeof "union " - 1 : sizeof "struct " - 1;
    if (entry->is_packed) type->flags |= METE__TYPE_PACKED;
    return 0;
}

static const struct mete__type *make_new(struct reading *reading, uint32_t id, int *status) {
    struct mete__btf_record record = mete__btf_types_record(&reading->types, id);
    size_t first = reading->member_count;
    const struct mete__type *kept = NULL;
    struct mete__type type;
    bool is_new;

    *status = describe(reading, id, &type);
    for (uint32_t i = 0; i < record.count && *status == 0; i++)
        *status = read_member(reading, &record, i);
    if (*status == 0) {
        kept =
            mete__type_table_keep(reading->table, &type, reading->members + first, true, &is_new);
        if (kept == NULL) *status = -ENOMEM;
    }
    reading->member_count = first;
    return kept;
}

/* The type, if it is an aggregate; NULL where it is not, or lies within itself. */
static const struct mete__type *make(struct reading *reading, uint32_t id, int *status) {
    enum mete__btf_kind kind = mete__btf_types_kind(&reading->types, id);

    *status = 0;
    if (kind != METE__BTF_STRUCT && kind != METE__BTF_UNION) return NULL;
    struct mete__btf_entry *entry = mete__btf_types_entry(&reading->types, id);
    if (entry == NULL) {
        *status = -ENOMEM;
        return NULL;
    }
    if (entry->made != NULL || entry->is_being_made || reading->depth > NESTED_MAX)
        return entry->made;
    entry->is_being_made = true;
    reading->depth++;
    entry->made = make_new(reading, id, status);
    reading->depth--;
    entry->is_being_made = false;
    return entry->made;
}

/* Equal types are one in BTF: an anonymous one may have several typedefs, each of which is a type
 * in its own right. The first is made already. */
static int make_further_name(struct reading *reading, uint32_t id) {
    bool is_new;

    if (mete__btf_types_kind(&reading->types, id) != METE__BTF_TYPEDEF) return 0;
    struct mete__btf_record record = mete__btf_types_record(&reading->types, id);
    if (record.name == NULL || record.size_or_type >= reading->types.count) return 0;
    const struct mete__btf_entry *of = mete__btf_types_entry(&reading->types, record.size_or_type);
    if (of == NULL) return -ENOMEM;
    if (of->made == NULL || of->alias == 0 ||
        strcmp(mete__btf_types_record(&reading->types, of->alias).name, record.name) == 0)
        return 0;
    struct mete__type type = *of->made;
    type.name = mete__names_keep(reading->types.names, record.name);
    if (type.name == NULL) return -ENOMEM;
    return mete__type_table_keep(reading->table, &type, of->made->members, true, &is_new) == NULL
               ? -ENOMEM
               : 0;
}

int mete__btf_read(const void *data, size_t size, uint32_t first, int machine,
                   uint32_t address_size, struct mete__names *names,
                   struct mete__type_table *table) {
    struct reading reading = {
        .types = {.names = names,
                  .address_size = address_size,
                  .greatest_align = machine == EM_386    ? 4
                                    : machine == EM_S390 ? 8
                                                         : 16},
        .table = table,
    };
    int status = open_types(data, size, &reading.types, mete__type_table_synonyms(table));

    for (uint32_t id = first; id < reading.types.count && status == 0; id++)
        (void)make(&reading, id, &status);
    for (uint32_t id = first; id < reading.types.count && status == 0; id++)
        status = make_further_name(&reading, id);
    mete__btf_types_free(&reading.types);
    free(reading.members);
    return status;
}
