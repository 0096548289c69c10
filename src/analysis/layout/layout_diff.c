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

/* Types of one name: few, but for those of hostile files, whose quadratic time is bounded. */
#define RUN_MAX 1000

/* Types of one name in one file. */
struct run {
    const struct mete__type **types; /* NULL: it has its counterpart */
    const struct mete__type *const *all;
    size_t count;
};

/* Whether both are declared in files of one name: builds have different folders. */
static bool same_file(const struct mete__type *one, const struct mete__type *other) {
    if (one->file == NULL || other->file == NULL) return one->file == other->file;
    const char *slash = strrchr(one->file, '/'), *others_slash = strrchr(other->file, '/');

    return strcmp(slash == NULL ? one->file : slash + 1,
                  others_slash == NULL ? other->file : others_slash + 1) == 0;
}

/* Takes out those that are equal, or have changed, in one file. */
static void pair_by_file(struct changes *changes, struct run *before, struct run *after,
                         bool equal) {
    for (size_t i = 0; i < before->count; i++)
        for (size_t k = 0; k < after->count && before->types[i] != NULL; k++) {
            if (after->types[k] == NULL || !same_file(before->types[i], after->types[k]) ||
                (equal && !same_type(before->types[i], after->types[k])))
                continue;
            if (!equal) add(changes, before->types[i], after->types[k]);
            before->types[i] = after->types[k] = NULL;
        }
}

/* Takes out what the other build has, too, wherever: equal types of several files are one. */
static void drop_known(struct run *run, const struct run *other) {
    for (size_t i = 0; i < run->count; i++)
        for (size_t k = 0; k < other->count && run->types[i] != NULL; k++)
            if (same_type(run->types[i], other->all[k])) run->types[i] = NULL;
}

/* The next that has no counterpart; NULL: none is left. */
static const struct mete__type *take(struct run *run) {
    for (size_t i = 0; i < run->count; i++) {
        const struct mete__type *type = run->types[i];
        run->types[i] = NULL;
        if (type != NULL) return type;
    }
    return NULL;
}

static void pair(struct changes *changes, struct run before, struct run after) {
    if (before.count > RUN_MAX) before.count = RUN_MAX;
    if (after.count > RUN_MAX) after.count = RUN_MAX;
    pair_by_file(changes, &before, &after, true);
    if (before.count > 1 || after.count > 1) pair_by_file(changes, &before, &after, false);
    drop_known(&before, &after);
    drop_known(&after, &before);
    for (;;) {
        const struct mete__type *old = take(&before), *new = take(&after);
        if (old == NULL && new == NULL) return;
        add(changes, old, new);
    }
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
        pair(&changes, (struct run){olds + i, before + i, old_run},
             (struct run){news + k, after + k, new_run});
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
