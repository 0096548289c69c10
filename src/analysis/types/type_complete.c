#include "analysis/types/type_complete.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/types/type.h"

/* The classes that are described, by name. */
struct definitions {
    const struct mete__type **types;
    size_t count;
};

static const struct mete__member *first_incomplete(const struct mete__type *type) {
    for (uint32_t i = 0; i < type->member_count; i++)
        if (type->members[i].flags & METE__MEMBER_INCOMPLETE) return &type->members[i];
    return NULL;
}

static int by_name(const void *left, const void *right) {
    const struct mete__type *const *a = left, *const *b = right;
    return strcmp(mete__type_plain_name(*a), mete__type_plain_name(*b));
}

static int name_beside(const void *name, const void *type) {
    return strcmp(name, mete__type_plain_name(*(const struct mete__type *const *)type));
}

static int find_definitions(const struct mete__type_table *table, struct definitions *found) {
    size_t count = mete__type_table_count(table);

    *found = (struct definitions){.types = calloc(count + 1, sizeof(struct mete__type *))};
    if (found->types == NULL) return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct mete__type *type = mete__type_table_at(table, i);
        if ((type->flags & METE__TYPE_CXX) && !(type->flags & METE__TYPE_ANONYMOUS) &&
            first_incomplete(type) == NULL)
            found->types[found->count++] = type;
    }
    qsort(found->types, found->count, sizeof(struct mete__type *), by_name);
    return 0;
}

static const char *without_qualifiers(const char *text) {
    for (;;) {
        if (strncmp(text, "const ", 6) == 0)
            text += 6;
        else if (strncmp(text, "volatile ", 9) == 0)
            text += 9;
        else
            return text;
    }
}

/* The one class of that name; NULL: there is none, or there are several. */
static const struct mete__type *definition_of(const struct definitions *all, const char *text) {
    const char *name = without_qualifiers(text);
    const struct mete__type **end = all->types + all->count;
    const struct mete__type **found =
        bsearch(name, all->types, all->count, sizeof *found, name_beside);

    if (found == NULL) return NULL;
    if (found > all->types && by_name(found, found - 1) == 0) return NULL;
    if (found + 1 < end && by_name(found, found + 1) == 0) return NULL;
    return *found;
}

/* Whether something that was missing is known now. */
static bool fill_in(const struct definitions *all, struct mete__type *type) {
    bool is_filled = false;

    for (uint32_t i = 0; i < type->member_count; i++) {
        struct mete__member *member = &type->members[i];
        if (!(member->flags & METE__MEMBER_INCOMPLETE)) continue;
        const struct mete__type *class = definition_of(all, member->type);
        if (class == NULL || member->offset > type->size ||
            class->size > type->size - member->offset)
            continue;
        member->size = class->size;
        member->align = class->align;
        member->nested = class;
        member->flags &= ~(uint32_t)METE__MEMBER_INCOMPLETE;
        if (type->align < class->align && !(type->flags & METE__TYPE_PACKED))
            type->align = class->align;
        is_filled = true;
    }
    return is_filled;
}

static int complete(struct mete__type_table *table, const struct definitions *all,
                    const struct mete__type *type, bool *replaced) {
    size_t bytes = sizeof *type + type->member_count * sizeof type->members[0];
    struct mete__type *completed = malloc(bytes);
    bool is_new;

    if (completed == NULL) return -ENOMEM;
    memcpy(completed, type, bytes);
    *replaced = fill_in(all, completed);
    int status = 0;
    if (*replaced) {
        struct mete__type *kept =
            mete__type_table_keep(table, completed, completed->members, false, &is_new);
        if (kept != NULL)
            kept->units += type->units;
        else
            status = -ENOMEM;
    }
    free(completed);
    return status;
}

int mete__type_complete(struct mete__type_table *table, bool **replaced) {
    size_t count = mete__type_table_count(table);
    bool *marks = calloc(count + 1, sizeof *marks);
    struct definitions all;

    if (marks == NULL || find_definitions(table, &all) != 0) {
        free(marks);
        return -ENOMEM;
    }
    int status = 0;
    for (size_t i = 0; i < count && status == 0; i++) {
        const struct mete__type *type = mete__type_table_at(table, i);
        if ((type->flags & METE__TYPE_CXX) && first_incomplete(type) != NULL)
            status = complete(table, &all, type, &marks[i]);
    }
    free(all.types);
    if (status == 0)
        *replaced = marks;
    else
        free(marks);
    return status;
}
