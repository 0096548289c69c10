#include "analysis/layout/layout_reorder.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

/* A type that is to be proven. */
struct candidate {
    const char *producer;
    struct mete__layout_reordered *reordered;
};

void mete__layout_reorder_free(struct mete__layout_reordered *reordered, size_t count) {
    for (size_t i = 0; i < count && reordered != NULL; i++) {
        mete__layout_order_free(&reordered[i].order);
        free(reordered[i].type);
    }
    free(reordered);
}

static void swap(struct mete__layout_order *one, struct mete__layout_order *other) {
    struct mete__layout_order was = *one;

    *one = *other;
    *other = was;
}

/* How many first members stay where that costs no byte: of a head that others have, too, or a
 * struct, which code in C casts to. */
static uint32_t head_of(const struct mete__type *type,
                        const struct mete__layout_reordered *reordered) {
    const struct mete__member *first = &type->members[0];

    if (reordered->head != 0) return reordered->head;
    return first->name != NULL && mete__type_held(first) != NULL &&
           !(first->flags & METE__MEMBER_ARRAY);
}

/* The best order; of equals the one that leaves the head alone. */
static int find_order(const struct mete__type *type,
                      const struct mete__layout_order_options *options,
                      struct mete__layout_reordered *reordered) {
    struct mete__layout_order_options with_head = *options;
    struct mete__layout_order kept;

    with_head.pinned = reordered->pinned;
    int status = mete__layout_order_find(type, &with_head, &reordered->order);
    reordered->keeps_head = reordered->pinned != 0 && reordered->head == reordered->pinned;
    if (status != 0 || options->hot_count != 0 || !reordered->order.is_better) return status;
    uint32_t head = head_of(type, reordered);
    if (head <= reordered->pinned) return 0;
    with_head.head = head;
    status = mete__layout_order_find(type, &with_head, &kept);
    if (status != 0) return status;
    bool keeps = kept.size == reordered->order.size;
    reordered->keeps_head = keeps && reordered->head != 0;
    if (keeps) swap(&reordered->order, &kept);
    mete__layout_order_free(&kept);
    return 0;
}

/* What a union has in common counts for more than what may be cast. */
static void find_head(struct mete__layout_reordered *reordered, const struct mete__type *type,
                      const struct mete__type_heads *heads,
                      const struct mete__type_unions *unions) {
    const struct mete__type *of = NULL;

    reordered->head = mete__type_heads_find(heads, type, &reordered->relative);
    reordered->pinned = mete__type_unions_head(unions, type, &of);
    if (reordered->pinned < reordered->head || of == NULL) return;
    reordered->head = reordered->pinned;
    reordered->relative = of;
}

int mete__layout_reorder_all(const struct mete__type *const *types, size_t count,
                             const struct mete__layout_order_options *options,
                             const struct mete__type_heads *heads,
                             const struct mete__type_unions *unions,
                             struct mete__layout_reordered **out) {
    struct mete__layout_reordered *reordered = calloc(count + 1, sizeof *reordered);

    if (reordered == NULL) return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        find_head(&reordered[i], types[i], heads, unions);
        if (find_order(types[i], options, &reordered[i]) != 0) goto fail_order;
        if (!reordered[i].order.is_better) continue;
        reordered[i].type = mete__layout_order_apply(types[i], &reordered[i].order);
        if (reordered[i].type == NULL) goto fail_order;
    }
    *out = reordered;
    return 0;

fail_order:
    mete__layout_reorder_free(reordered, count);
    return -ENOMEM;
}

/* Those of one producer side by side. */
static int in_order(const void *left, const void *right) {
    const struct candidate *a = left, *b = right;

    return (uintptr_t)a->producer < (uintptr_t)b->producer
               ? -1
               : (uintptr_t)a->producer > (uintptr_t)b->producer;
}

/* `late`: the compiler that did not answer for another group, or NULL. */
static void prove_group(const struct candidate *candidates, size_t count, int machine,
                        const struct mete__type **types, enum mete__layout_proof *proofs,
                        const char **late) {
    const char *producer = candidates[0].producer, *compiler;

    for (size_t i = 0; i < count; i++) types[i] = candidates[i].reordered->type;
    if (*late == NULL &&
        mete__layout_proof_find(types, count, producer, machine, proofs, &compiler) == -ETIMEDOUT)
        *late = compiler;
    for (size_t i = 0; i < count; i++) {
        candidates[i].reordered->proof = *late == NULL ? proofs[i] : METE__LAYOUT_PROOF_LATE;
        candidates[i].reordered->compiler = *late == NULL ? compiler : *late;
    }
}

int mete__layout_reorder_prove(const struct mete__layout_file *file,
                               const struct mete__type *const *types,
                               struct mete__layout_reordered *reordered, size_t count) {
    struct candidate *candidates = calloc(count + 1, sizeof *candidates);
    const struct mete__type **group = calloc(count + 1, sizeof(struct mete__type *));
    enum mete__layout_proof *proofs = calloc(count + 1, sizeof *proofs);
    const char *late = NULL;
    size_t used = 0;
    int status = -ENOMEM;

    if (candidates == NULL || group == NULL || proofs == NULL) goto fail_memory;
    status = 0;
    for (size_t i = 0; i < count; i++)
        if (reordered[i].type != NULL)
            candidates[used++] =
                (struct candidate){mete__layout_file_producer(file, types[i]), &reordered[i]};
    if (used > 0) qsort(candidates, used, sizeof *candidates, in_order);
    for (size_t i = 0, end; i < used; i = end) {
        for (end = i + 1; end < used && candidates[end].producer == candidates[i].producer;) end++;
        prove_group(candidates + i, end - i, mete__layout_file_machine(file), group, proofs, &late);
    }
fail_memory:
    free(candidates);
    free(group);
    free(proofs);
    return status;
}
