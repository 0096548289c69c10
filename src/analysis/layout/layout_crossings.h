/*
 * analysis/layout/layout_crossings.h - of the orders of a struct's members that are small enough,
 * the one with the fewest members in two cache lines.
 *
 * Members of equal size and alignment are the same to a layout. So what is placed so far is how
 * many there are of each kind, and where that ends; of all ways there only the one with the fewest
 * crossings matters (dynamic programming over multisets). Structs have few kinds of members, and
 * where no bytes are to be wasted few places to end at. What has more states than a limit is given
 * up.
 */
#ifndef METE_ANALYSIS_LAYOUT_LAYOUT_CROSSINGS_H
#define METE_ANALYSIS_LAYOUT_LAYOUT_CROSSINGS_H

#include <stdint.h>

#include "analysis/types/type.h"

/* A member, or several that stay together. */
struct mete__layout_crossings_item {
    const struct mete__member *members;
    uint32_t count;
    int rank; /* those of a lower rank come first */
};

struct mete__layout_crossings_limits {
    uint64_t size;  /* bytes that the struct may have */
    uint64_t line;  /* bytes of a cache line: a power of two */
    uint32_t align; /* of the struct: bytes */
    uint32_t below; /* so many crossings are no better */
};

/* Writes the best order to `order`, indices of the items; those that are equal come as they were
 * declared. 0; -ENOENT: none is better; -E2BIG: given up; -ENOMEM. Then `order` is
 * as it was. */
int mete__layout_crossings_find(const struct mete__layout_crossings_item *items, uint32_t count,
                                const struct mete__layout_crossings_limits *limits,
                                uint32_t *order);

#endif
