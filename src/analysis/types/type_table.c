#include "analysis/types/type_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 1024 /* a power of two */

struct kept {
    uint64_t hash;
    struct mete__type *type;
};

struct mete__type_table {
    struct kept *types; /* in order of arrival */
    size_t count, capacity;
    uint32_t *slots; /* 1 + index into types, 0: free; open addressing, at most half in use */
    size_t slot_count;
    struct mete__type_synonyms synonyms;
};

struct mete__type_table *mete__type_table_open(void) {
    struct mete__type_table *table = calloc(1, sizeof *table);

    if (table == NULL) return NULL;
    table->slot_count = FIRST_SLOTS;
    table->slots = calloc(table->slot_count, sizeof *table->slots);
    if (table->slots == NULL) {
        free(table);
        return NULL;
    }
    return table;
}

void mete__type_table_close(struct mete__type_table *table) {
    if (table == NULL) return;
    for (size_t i = 0; i < table->count; i++) free(table->types[i].type);
    free(table->types);
    free(table->slots);
    mete__type_synonyms_free(&table->synonyms);
    free(table);
}

struct mete__type_synonyms *mete__type_table_synonyms(struct mete__type_table *table) {
    return &table->synonyms;
}

static size_t bytes_of_members(const struct mete__type *type) {
    return type->member_count * sizeof type->members[0];
}

static uint64_t mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

/* But for what only units say that need it: compilers make constructors where they are called. */
static uint32_t own_flags(const struct mete__type *type) {
    return type->flags & ~(uint32_t)METE__TYPE_CONSTRUCTED;
}

static uint64_t hash_of(const struct mete__type *type, const struct mete__member *members) {
    static_assert(sizeof *members % sizeof(uint64_t) == 0, "members are hashed as words");
    uint64_t hash = mix((uintptr_t)type->name, type->size);

    hash = mix(hash, (uint64_t)type->align << 32 | (uint64_t)own_flags(type) << 8 | type->kind);
    for (size_t i = 0; i < bytes_of_members(type); i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, (const char *)members + i, sizeof word);
        hash = mix(hash, word);
    }
    return hash;
}

static bool are_equal(const struct mete__type *one, const struct mete__type *other,
                      const struct mete__member *others_members) {
    return one->name == other->name && one->size == other->size && one->align == other->align &&
           own_flags(one) == own_flags(other) && one->kind == other->kind &&
           one->member_count == other->member_count &&
           /* Texts and nested types are kept once each, so that equal ones have equal addresses. */
           (one->member_count == 0 ||
            memcmp(one->members, others_members, bytes_of_members(one)) == 0);
}

/* The slot of an equal type, or a free one; only a free one where `type` is NULL. */
static uint32_t *slot_of(const struct mete__type_table *table, uint64_t hash,
                         const struct mete__type *type, const struct mete__member *members) {
    size_t i = (size_t)hash & (table->slot_count - 1);

    for (; table->slots[i] != 0; i = (i + 1) & (table->slot_count - 1)) {
        const struct kept *kept = &table->types[table->slots[i] - 1];
        if (type != NULL && kept->hash == hash && are_equal(kept->type, type, members)) break;
    }
    return &table->slots[i];
}

static bool grow_slots(struct mete__type_table *table) {
    uint32_t *slots = calloc(table->slot_count * 2, sizeof *slots);

    if (slots == NULL) return false;
    free(table->slots);
    table->slots = slots;
    table->slot_count *= 2;
    for (size_t i = 0; i < table->count; i++)
        *slot_of(table, table->types[i].hash, NULL, NULL) = (uint32_t)i + 1;
    return true;
}

static bool grow_types(struct mete__type_table *table) {
    size_t capacity = table->capacity == 0 ? FIRST_SLOTS / 2 : table->capacity * 2;
    struct kept *types = reallocarray(table->types, capacity, sizeof *types);

    if (types == NULL) return false;
    table->types = types;
    table->capacity = capacity;
    return true;
}

struct mete__type *mete__type_table_keep(struct mete__type_table *table,
                                         const struct mete__type *candidate,
                                         const struct mete__member *members, bool counted,
                                         bool *is_new) {
    uint64_t hash = hash_of(candidate, members);
    uint32_t *slot = slot_of(table, hash, candidate, members);
    size_t bytes = bytes_of_members(candidate);

    if (*slot != 0) {
        struct mete__type *type = table->types[*slot - 1].type;
        if (counted) type->units++;
        type->flags |= candidate->flags & METE__TYPE_CONSTRUCTED;
        *is_new = false;
        return type;
    }
    if (table->count == table->capacity && !grow_types(table)) return NULL;
    if (table->count * 2 >= table->slot_count && !grow_slots(table)) return NULL;
    struct mete__type *type = malloc(sizeof *type + bytes);
    if (type == NULL) return NULL;
    *type = *candidate;
    if (bytes > 0) memcpy(type->members, members, bytes);
    type->units = counted ? 1 : 0;
    table->types[table->count++] = (struct kept){.hash = hash, .type = type};
    *slot_of(table, hash, NULL, NULL) = (uint32_t)table->count;
    *is_new = true;
    return type;
}

size_t mete__type_table_count(const struct mete__type_table *table) {
    return table->count;
}

const struct mete__type *mete__type_table_at(const struct mete__type_table *table, size_t number) {
    return table->types[number].type;
}
