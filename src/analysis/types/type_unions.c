#include "analysis/types/type_unions.h"

#include <search.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX        16   /* of unions in structs in unions */
#define ALTERNATIVES_MAX 2000 /* of one union that are compared with each other */

/* A struct that is in a union. */
struct shared {
    const struct mete__type *type; /* the key */
    const struct mete__type *of;   /* the union */
    uint32_t head;                 /* members */
};

struct mete__type_unions {
    void *shared;  /* tsearch tree */
    bool is_short; /* memory ran out */
};

static int by_type(const void *left, const void *right) {
    const struct shared *a = left, *b = right;

    return (uintptr_t)a->type < (uintptr_t)b->type ? -1 : (uintptr_t)a->type > (uintptr_t)b->type;
}

static const struct mete__type *struct_of(const struct mete__member *member) {
    const struct mete__type *held = mete__type_held(member);

    return held == NULL || held->kind == METE__TYPE_UNION || (member->flags & METE__MEMBER_ARRAY)
               ? NULL
               : held;
}

/* Whether two members may be the same one of two structs: enums are integers, and typedefs of one
 * type are not known to be so. */
static bool are_alike(const struct mete__member *one, const struct mete__member *other) {
    if (one->offset != other->offset || one->size != other->size ||
        one->bit_offset != other->bit_offset || one->bit_size != other->bit_size)
        return false;
    return strcmp(one->type, other->type) == 0 ||
           (one->name != NULL && other->name != NULL && strcmp(one->name, other->name) == 0) ||
           strncmp(one->type, "enum ", 5) == 0 || strncmp(other->type, "enum ", 5) == 0;
}

/* What a struct begins with, at the bottom of structs in it; NULL: an empty one. */
static const struct mete__member *first_of(const struct mete__type *type) {
    const struct mete__member *first = NULL;

    for (int i = 0; i < DEPTH_MAX && type != NULL; i++) {
        if (type->member_count == 0) return NULL;
        first = &type->members[0];
        type = struct_of(first);
    }
    return first;
}

/* Of two structs the members that they begin with alike. */
static uint32_t common_head(const struct mete__type *type, const struct mete__type *other) {
    uint32_t same = 0;

    while (same < type->member_count && same < other->member_count &&
           are_alike(&type->members[same], &other->members[same]))
        same++;
    if (same != 0) return same;
    const struct mete__member *first = first_of(type), *others = first_of(other);
    return first != NULL && others != NULL && are_alike(first, others) ? 1 : 0;
}

/* Of a struct the members that lie in the first bytes. */
static uint32_t members_in(const struct mete__type *type, uint64_t bytes) {
    uint32_t count = 0;

    while (count < type->member_count && type->members[count].offset < bytes) count++;
    return count;
}

static void note(struct mete__type_unions *unions, const struct mete__type *type,
                 const struct mete__type *of, uint32_t head) {
    const struct shared key = {.type = type, .of = of, .head = head};
    struct shared **found = tfind(&key, &unions->shared, by_type);

    if (found != NULL) {
        if (head > (*found)->head) **found = key;
        return;
    }
    struct shared *shared = malloc(sizeof *shared);
    if (shared == NULL) {
        unions->is_short = true;
        return;
    }
    *shared = key;
    if (tsearch(shared, &unions->shared, by_type) != NULL) return;
    free(shared);
    unions->is_short = true;
}

static void look_at_union(struct mete__type_unions *unions, const struct mete__type *type) {
    uint32_t count = type->member_count < ALTERNATIVES_MAX ? type->member_count : ALTERNATIVES_MAX;

    for (uint32_t i = 0; i < count; i++) {
        const struct mete__type *one = struct_of(&type->members[i]);
        uint32_t most = 0;
        for (uint32_t k = 0; one != NULL && k < count; k++) {
            const struct mete__type *other = struct_of(&type->members[k]);
            if (k == i || other == one) continue;
            uint32_t head =
                other != NULL ? common_head(one, other) : members_in(one, type->members[k].size);
            if (head > most) most = head;
        }
        if (most != 0) note(unions, one, type, most);
    }
}

/* Unions without a name are only found in what they are in. */
static void look_into(struct mete__type_unions *unions, const struct mete__type *type, int depth) {
    if (type->kind == METE__TYPE_UNION) look_at_union(unions, type);
    for (uint32_t i = 0; i < type->member_count && depth < DEPTH_MAX; i++) {
        const struct mete__type *held = mete__type_held(&type->members[i]);
        if (held != NULL && (held->flags & METE__TYPE_ANONYMOUS))
            look_into(unions, held, depth + 1);
    }
}

struct mete__type_unions *mete__type_unions_open(const struct mete__type *const *types,
                                                 size_t count) {
    struct mete__type_unions *unions = calloc(1, sizeof *unions);

    for (size_t i = 0; i < count && unions != NULL; i++) look_into(unions, types[i], 0);
    if (unions == NULL || !unions->is_short) return unions;
    mete__type_unions_close(unions);
    return NULL;
}

void mete__type_unions_close(struct mete__type_unions *unions) {
    if (unions == NULL) return;
    tdestroy(unions->shared, free);
    free(unions);
}

uint32_t mete__type_unions_head(const struct mete__type_unions *unions,
                                const struct mete__type *type, const struct mete__type **of) {
    const struct shared key = {.type = type};
    struct shared **found = tfind(&key, (void *const *)&unions->shared, by_type);

    if (found == NULL) return 0;
    *of = (*found)->of;
    return (*found)->head;
}
