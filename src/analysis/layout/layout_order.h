/*
 * analysis/layout/layout_order.h - the best order of a struct's members: fewest bytes, then fewest
 * members in two cache lines.
 *
 * Members of which some are named hot come first, behind what is pinned. A head stays where it is,
 * and its holes are filled. Bit-fields that follow each other stay together, in their order; a
 * flexible array, and what may be used as one, stays last. What cannot be reordered safely is
 * refused: first of all, whatever does not lie where the rules of the System V ABI put it, because
 * then something is at work that debug information does not tell (unnamed bit- fields, #pragma
 * pack, another ABI).
 *
 * One member after the other, always the one that leaves no hole and has the greatest alignment, is
 * compared with descending alignment and with the order that is; then pairs are swapped while that
 * helps. Where all sizes are multiples of alignments, as C's are but for runs of bit-fields, no
 * order is smaller. Of those of this size the one with the fewest crossings is searched for
 * (layout_crossings.h), unless there is a head, or more kinds of members than real structs have.
 */
#ifndef METE_ANALYSIS_LAYOUT_LAYOUT_ORDER_H
#define METE_ANALYSIS_LAYOUT_LAYOUT_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/types/type.h"

struct mete__layout_order_options {
    uint64_t line;          /* bytes of a cache line: a power of two */
    const char *const *hot; /* names of members that come first */
    size_t hot_count;
    uint32_t head;   /* so many first members stay where they are, unless some are hot */
    uint32_t pinned; /* so many do in any case */
    bool size_only;  /* crossings of cache lines are not looked at once no byte is wasted: faster */
};

struct mete__layout_order {
    const char *refusal; /* why there is none: a clause ("it is packed"); NULL: there is one */
    uint32_t *members;   /* indices into the type's members, in the new order */
    uint32_t count;
    bool is_better; /* smaller, or of equal size with fewer members in two lines, or hot first */
    uint64_t size;  /* bytes */
    uint32_t straddling; /* members that fit a line but lie in two */
};

/* 0 or -ENOMEM. The caller frees by mete__layout_order_free. */
int mete__layout_order_find(const struct mete__type *type,
                            const struct mete__layout_order_options *options,
                            struct mete__layout_order *order);
void mete__layout_order_free(struct mete__layout_order *order);

/* The type with its members in the new order, to be freed by free(). NULL where memory ran out. */
struct mete__type *mete__layout_order_apply(const struct mete__type *type,
                                            const struct mete__layout_order *order);

#endif
