/*
 * analysis/layout/layout_reorder.h - types of a file in their best order, with what a compiler says
 * to it.
 */
#ifndef METE_ANALYSIS_LAYOUT_LAYOUT_REORDER_H
#define METE_ANALYSIS_LAYOUT_LAYOUT_REORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/layout/layout_file.h"
#include "analysis/layout/layout_order.h"
#include "analysis/layout/layout_proof.h"
#include "analysis/types/type.h"
#include "analysis/types/type_heads.h"
#include "analysis/types/type_unions.h"

struct mete__layout_reordered {
    struct mete__layout_order order;
    struct mete__type *type; /* in the new order; NULL: refused, or no better than it is */
    const struct mete__type *relative; /* begins with the same `head` members; NULL: none does */
    uint32_t head;
    uint32_t pinned; /* so many of these can be read through something else in a union: then that is
                      * the relative */
    bool keeps_head; /* the new order leaves them where they are */
    enum mete__layout_proof proof;
    const char *compiler; /* that was asked */
};

/* Reorders each type. Members that can be read through something else in a union stay where they
 * are; those that one of the `heads` begins with as well do if that costs nothing. `*out` has an
 * entry for each; the caller frees it by mete__layout_reorder_free. 0 or -ENOMEM. */
int mete__layout_reorder_all(const struct mete__type *const *types, size_t count,
                             const struct mete__layout_order_options *options,
                             const struct mete__type_heads *heads,
                             const struct mete__type_unions *unions,
                             struct mete__layout_reordered **out);
void mete__layout_reorder_free(struct mete__layout_reordered *reordered, size_t count);

/* Asks the compilers of the types' units about all that became better. 0 or -ENOMEM; where no
 * compiler can be asked nothing is proven. */
int mete__layout_reorder_prove(const struct mete__layout_file *file,
                               const struct mete__type *const *types,
                               struct mete__layout_reordered *reordered, size_t count);

#endif
