#include "analysis/layout/layout_filter.h"

#include <string.h>

#include "analysis/layout/layout_facts.h"
#include "analysis/pattern.h"

#define DEPTH_MAX  64     /* types in each other */
#define VISITS_MAX 100000 /* of them in one type: hostile files can have any number */

/* With or without its keyword; where the name has none, as in C++, the pattern may have any. */
static bool name_matches(const char *name, const char *pattern) {
    const char *plain = mete__type_without_keyword(name);

    return mete__pattern_matches(pattern, name) || mete__pattern_matches(pattern, plain) ||
           (plain == name && mete__pattern_matches(mete__type_without_keyword(pattern), name));
}

static bool any_name_matches(const struct mete__layout_filter *filter,
                             const struct mete__type *type) {
    for (size_t i = 0; i < filter->name_count; i++)
        if (name_matches(type->name, filter->names[i])) return true;
    return filter->name_count == 0;
}

/* "conn.h", "net/conn.h" and "*conn*" match "/src/net/conn.h". */
static bool file_matches(const char *file, const char *pattern) {
    if (file == NULL) return false;
    if (mete__pattern_matches(pattern, file)) return true;
    for (const char *slash = strchr(file, '/'); slash != NULL; slash = strchr(slash + 1, '/'))
        if (mete__pattern_matches(pattern, slash + 1)) return true;
    return false;
}

static bool has_holes(const struct mete__layout_filter *filter, const struct mete__type *type) {
    struct mete__layout_facts facts;

    mete__layout_facts_find(type, filter->line, &facts);
    return (uint64_t)facts.holes + facts.bit_holes +
               (facts.tail_padding != 0 || facts.tail_padding_bits != 0) >=
           filter->min_holes;
}

static bool contains(const struct mete__type *type, const char *pattern, int depth,
                     uint32_t *visits) {
    for (uint32_t i = 0; i < type->member_count && depth < DEPTH_MAX && *visits < VISITS_MAX; i++) {
        const struct mete__type *nested = mete__type_held(&type->members[i]);
        if (nested == NULL) continue;
        ++*visits;
        if (name_matches(nested->name, pattern) || contains(nested, pattern, depth + 1, visits))
            return true;
    }
    return false;
}

/* Members of anonymous types are the type's own. */
static bool points_to(const struct mete__type *type, const char *pattern, int depth,
                      uint32_t *visits) {
    for (uint32_t i = 0; i < type->member_count && depth < DEPTH_MAX && *visits < VISITS_MAX; i++) {
        const struct mete__member *member = &type->members[i];
        ++*visits;
        if (member->target != NULL && name_matches(member->target, pattern)) return true;
        const struct mete__type *nested = mete__type_held(member);
        if (nested != NULL && nested->flags & METE__TYPE_ANONYMOUS &&
            points_to(nested, pattern, depth + 1, visits))
            return true;
    }
    return false;
}

bool mete__layout_filter_passes(const struct mete__layout_filter *filter,
                                const struct mete__type *type) {
    return any_name_matches(filter, type) && type->size >= filter->min_size &&
           (filter->file == NULL || file_matches(type->file, filter->file)) &&
           (filter->min_holes == 0 || has_holes(filter, type)) &&
           (filter->contains == NULL || contains(type, filter->contains, 0, &(uint32_t){0})) &&
           (filter->points_to == NULL || points_to(type, filter->points_to, 0, &(uint32_t){0}));
}
