/*
 * analysis/layout/layout_diff.h - what changed in the types of a file between two builds.
 *
 * Types are paired by name. Where a name has several types, equal ones are paired first, the others
 * in order. The two files have their own tables: texts are compared by what they say.
 */
#ifndef METE_ANALYSIS_LAYOUT_LAYOUT_DIFF_H
#define METE_ANALYSIS_LAYOUT_LAYOUT_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/types/type.h"

/* A type that changed: `before` is NULL where it is new, `after` where it is gone. */
struct mete__layout_change {
    const struct mete__type *before, *after;
};

/* A member that changed, in the same way. */
struct mete__layout_member_change {
    const struct mete__member *before, *after;
};

/* Both lists are in order of their names, as mete__layout_file_type() gives them. `*out` is freed
 * by free(). 0 or -ENOMEM. */
int mete__layout_diff_types(const struct mete__type *const *before, size_t before_count,
                            const struct mete__type *const *after, size_t after_count,
                            struct mete__layout_change **out, size_t *count);

/* The members that changed: in the new order, those that are gone last. `*out` is freed by free().
 * 0 or -ENOMEM. */
int mete__layout_diff_members(const struct mete__type *before, const struct mete__type *after,
                              struct mete__layout_member_change **out, size_t *count);

/* Bytes that the type has more than before; negative: less. */
int64_t mete__layout_diff_growth(const struct mete__layout_change *change);

#endif
