/*
 * report/layout_text.h - types as text: like C, with offsets, sizes and what lies between members.
 */
#ifndef METE_REPORT_LAYOUT_TEXT_H
#define METE_REPORT_LAYOUT_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "analysis/layout/layout_reorder.h"
#include "analysis/types/type.h"

struct mete__layout_text_options {
    uint64_t line; /* bytes of a cache line: a power of two */
    bool expand;   /* members of nested types too, not only of anonymous ones */
};

/* Each type: members, holes, cache lines, a map of its bytes, and a line of figures. 0 or a
 * negative errno. */
int mete__layout_text_write(const struct mete__type *const *types, size_t count,
                            const struct mete__layout_text_options *options, FILE *out);

/* The same of types in a new order: what it saves, and what the compiler says; or why there is
 * none. `reordered` has an entry for each type. */
int mete__layout_text_reordered(const struct mete__type *const *types,
                                const struct mete__layout_reordered *reordered, size_t count,
                                const struct mete__layout_text_options *options, FILE *out);

#endif
