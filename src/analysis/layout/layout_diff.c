#include "analysis/layout/layout_diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Members of anonymous types that are compared: files may be hostile, and their types deep. */
#define NESTED_MAX 4000

static bool same_text(const char *one, const char *other) {
    if (one == NULL || other == NULL) return one == other;
    return strcmp(one, other) == 0;
}

static bool same_members(const struct mete__type *one, const struct mete__type *other,
                         uint32_t *room);

static bool is_anonymous(const struct mete__type *type) {
    return type != NULL && type->flags & METE__TYPE_ANONYMOUS;
}

static bool same_member(const struct mete__member *one, const struct mete__member *other,
                        uint32_t *room) {
    if (!same_text(one->name, other->name) || !same_text(one->type, other->type) ||
        one->offset != other->offset || one->size != other->size ||
        one->bit_offset != other->bit_offset || one->bit_size != other->bit_size)
        return false;
    if (!is_anonymous(one->nested) || !is_anonymous(other->nested) ||
        *room < one->nested->member_count)
        return true;
    *room -= one->nested->member_count;
    return same_members(one->nested, other->nested, room);
}

static bool same_members(const struct mete__type *one, const struct mete__type *other,
                         uint32_t *room) {
    if (one->member_count != other->member_count) return false;
    for (uint32_t i = 0; i < one->member_count; i++)
        if (!same_member(&one->members[i], &other->members[i], room)) return false;
    return true;
}

static bool same_type(const struct mete__type *one, const struct mete__type *other) {
    return one->size == other->size && one->align == other->align && one->kind == other->kind &&
           same_members(one, other, &(uint32_t){NESTED_MAX});
}

/* As mete__layout_file lists them. */
static int compare_names(const struct mete__type *one, const struct mete__type *other) {
    int order = strcmp(mete__type_plain_name(one), mete__type_plain_name(other));

    return order != 0 ? order : strcmp(one->name, other->name);
}

/* The types of one name at the start of a list. */
static size_t run_of(const struct mete__type *const *types, size_t count) {
    size_t length = 1;

    while (length < count && compare_names(types[0], types[length]) == 0) length++;
    return length;
}

struct changes {
    struct mete__layout_change *items; /* room for all types of both files */
    size_t count;
};

static void add(struct changes *changes, const struct mete__type *before,
                const struct mete__type *after) {
    changes->items[changes->count++] = (struct mete__layout_change){before, after};
}

/* Removes from both lists what is equal; each becomes shorter by as much. */
static void drop_equal(const struct mete__type **before, size_t *before_count,
                       const struct mete__type **after, size_t *after_count) {
    size_t kept = 0;

    for (size_t i = 0; i < *before_count; i++) {
        size_t k = 0;
        while (k < *after_count && !same_type(before[i], after[k])) k++;
        if (k == *after_count) {
            before[kept++] = before[i];
        } else {
            memmove(after + k, after + k + 1, (*after_count - k - 1) * sizeof *after);
            --*after_count;
        }
    }
    *before_count = kept;
}

/* Types of one name: few, but for those of hostile files, whose quadratic time is bounded. */
#define RUN_MAX 1000

static void pair(struct changes *changes, const struct mete__type **before, size_t before_count,
                 const struct mete__type **after, size_t after_count) {
    if (before_count > RUN_MAX) before_count = RUN_MAX;
    if (after_count > RUN_MAX) after_count = RUN_MAX;
    drop_equal(before, &before_count, after, &after_count);
    for (size_t i = 0; i < before_count || i < after_count; i++)
        add(changes, i < before_count ? before[i] : NULL, i < after_count ? after[i] : NULL);
}

int mete__layout_diff_types(const struct mete__type *const *before, size_t before_count,
                            const struct mete__type *const *after, size_t after_count,
                            struct mete__layout_change **out, size_t *count) {
    size_t all = before_count + after_count, i = 0, k = 0;
    struct changes changes = {calloc(all + 1, sizeof *changes.items), 0};
    const struct mete__type **copies = calloc(all + 1, sizeof(struct mete__type *));

    if (changes.items == NULL || copies == NULL) {
        free(changes.items);
        free(copies);
        return -ENOMEM;
    }
    const struct mete__type **olds = copies, **news = copies + before_count;
    memcpy(olds, before, before_count * sizeof *olds);
    memcpy(news, after, after_count * sizeof *news);
    while (i < before_count || k < after_count) {
        int order = i == before_count ? 1 : k == after_count ? -1 : compare_names(olds[i], news[k]);
        size_t old_run = order <= 0 ? run_of(olds + i, before_count - i) : 0;
        size_t new_run = order >= 0 ? run_of(news + k, after_count - k) : 0;
        pair(&changes, olds + i, old_run, news + k, new_run);
        i += old_run;
        k += new_run;
    }
    free(copies);
    *out = changes.items;
    *count = changes.count;
    return 0;
}

/* The member that one corresponds to: of the same name, or, of those without names, the same type
 * or the same place among them. */
static const struct mete__member *counterpart(const struct mete__type *type,
                                              const struct mete__type *from, uint32_t index) {
    const struct mete__member *member = &from->members[index];
    uint32_t unnamed = 0, seen = 0;

    for (uint32_t i = 0; i < index; i++) unnamed += from->members[i].name == NULL;
    for (uint32_t i = 0; i < type->member_count; i++) {
        const struct mete__member *other = &type->members[i];
        if (member->name != NULL && same_text(member->name, other->name)) return other;
        if (member->name == NULL && other->name == NULL && seen++ == unnamed) return other;
    }
    return NULL;
}

int mete__layout_diff_members(const struct mete__type *before, const struct mete__type *after,
                              struct mete__layout_member_change **out, size_t *count) {
    size_t all = (size_t)before->member_count + after->member_count;
    struct mete__layout_member_change *changes = calloc(all + 1, sizeof *changes);

    if (changes == NULL) return -ENOMEM;
    *count = 0;
    for (uint32_t i = 0; i < after->member_count; i++) {
        const struct mete__member *old = counterpart(before, after, i);
        if (old == NULL || !same_member(old, &after->members[i], &(uint32_t){NESTED_MAX}))
            changes[(*count)++] = (struct mete__layout_member_change){old, &after->members[i]};
    }
    for (uint32_t i = 0; i < before->member_count; i++)
        if (counterpart(after, before, i) == NULL)
            changes[(*count)++] = (struct mete__layout_member_change){&before->members[i], NULL};
    *out = changes;
    return 0;
}

int64_t mete__layout_diff_growth(const struct mete__layout_change *change) {
    uint64_t before = change->before == NULL ? 0 : change->before->size;
    uint64_t after = change->after == NULL ? 0 : change->after->size;

    return (int64_t)(after - before);
}
