#include "analysis/types/type_heads.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_MIN       2  /* members: one alone says little */
#define NEIGHBOURS_MAX 64 /* types of the same name that are passed over on the way to another */

/* In order of their members, so that types with the same head lie side by side. */
struct mete__type_heads {
    size_t count;
    const struct mete__type *types[];
};

static int compare_numbers(uint64_t one, uint64_t other) {
    return (one > other) - (one < other);
}

static int compare_members(const struct mete__member *one, const struct mete__member *other) {
    const char *name = one->name != NULL ? one->name : "";
    const char *others = other->name != NULL ? other->name : "";
    int order = strcmp(name, others);

    if (order == 0) order = compare_numbers(one->offset, other->offset);
    if (order == 0) order = compare_numbers(one->size, other->size);
    if (order == 0) order = compare_numbers(one->bit_offset, other->bit_offset);
    return order != 0 ? order : compare_numbers(one->bit_size, other->bit_size);
}

/* The first member in which they differ, or the number that both have. */
static uint32_t common_head(const struct mete__type *one, const struct mete__type *other) {
    uint32_t most =
        one->member_count < other->member_count ? one->member_count : other->member_count;
    uint32_t same = 0;

    while (same < most && compare_members(&one->members[same], &other->members[same]) == 0) same++;
    return same;
}

static int in_order(const void *left, const void *right) {
    const struct mete__type *one = *(const struct mete__type *const *)left;
    const struct mete__type *other = *(const struct mete__type *const *)right;
    uint32_t same = common_head(one, other);

    if (same < one->member_count && same < other->member_count)
        return compare_members(&one->members[same], &other->members[same]);
    return compare_numbers(one->member_count, other->member_count);
}

struct mete__type_heads *mete__type_heads_open(const struct mete__type *const *types,
                                               size_t count) {
    struct mete__type_heads *heads = calloc(1, sizeof *heads + count * sizeof heads->types[0]);

    if (heads == NULL) return NULL;
    for (size_t i = 0; i < count; i++)
        if (types[i]->kind != METE__TYPE_UNION && types[i]->member_count >= HEAD_MIN)
            heads->types[heads->count++] = types[i];
    if (heads->count != 0) qsort(heads->types, heads->count, sizeof(struct mete__type *), in_order);
    return heads;
}

void mete__type_heads_close(struct mete__type_heads *heads) {
    free(heads);
}

/* The nearest type of another name, `step` by `step` from `place`, if it has a longer head. */
static uint32_t look(const struct mete__type_heads *heads, size_t place, size_t step,
                     const struct mete__type *type, uint32_t least,
                     const struct mete__type **other) {
    for (int i = 0; i < NEIGHBOURS_MAX; i++) {
        place += step; /* backwards it wraps below 0 */
        if (place >= heads->count) return least;
        const struct mete__type *found = heads->types[place];
        if (strcmp(found->name, type->name) == 0) continue;
        uint32_t same = common_head(type, found);
        if (same <= least) return least;
        *other = found;
        return same;
    }
    return least;
}

uint32_t mete__type_heads_find(const struct mete__type_heads *heads, const struct mete__type *type,
                               const struct mete__type **other) {
    if (type->kind == METE__TYPE_UNION || type->member_count < HEAD_MIN || heads->count == 0)
        return 0;
    const struct mete__type *const *at =
        bsearch(&type, heads->types, heads->count, sizeof(struct mete__type *), in_order);
    if (at == NULL) return 0;
    size_t place = (size_t)(at - heads->types);
    uint32_t head = look(heads, place, SIZE_MAX, type, HEAD_MIN - 1, other);
    head = look(heads, place, 1, type, head, other);
    return head < HEAD_MIN ? 0 : head;
}
