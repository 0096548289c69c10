/*
 * heap/target.h - the block that the program means, when it hands back an address.
 *
 * One function decodes what free, realloc and usable_size are given, and ends the process with the
 * error's best name where that is no live block, as far as the heap knows (see heap.h).
 */
#ifndef METE_HEAP_TARGET_H
#define METE_HEAP_TARGET_H

#include "heap/heap.h"
#include "heap/marks.h"
#include "heap/misuse.h"
#include "heap/slices.h"

struct mete__target {
    struct mete__span *span;
    char *memory;                /* first byte of the span */
    struct mete__record *record; /* NULL: not watched */
    size_t index;                /* of the block in its span */
};

/* What is known of the block of the span that `address` lies in. */
METE_HIDDEN struct mete__found mete__target_found(const struct mete__span *span, char *memory,
                                                  const void *address);

/* The end, with the best name for it. span is where the address lies, or NULL; then, as where it
 * lies in no block of that span, it may have been one until lately. */
METE_HIDDEN METE_COLD METE_NORETURN void
mete__target_astray(enum mete__misuse kind, const void *address, const struct mete__span *span,
                    char *memory, const struct mete__caller *caller);

/* The span and record of a block that the program says it owns; dies where it is no such block. */
METE_INLINE struct mete__target mete__target_aim(const void *block,
                                                 const struct mete__caller *caller) {
    struct mete__record *record = NULL;
    char *memory;
    struct mete__span *span = mete__slices_find_head(block, &memory);

    if (METE_UNLIKELY(span == NULL))
        mete__target_astray(METE__INVALID_FREE, block, NULL, NULL, caller);
    size_t offset = (size_t)((const char *)block - memory), index = 0;
    if (span->kind == METE__SPAN_BLOCKS) {
        index = mete__size_class_divide(offset, span->size_class);
        if (METE_UNLIKELY(index >= mete__span_carved(span)))
            mete__target_astray(METE__INVALID_FREE, block, span, memory, caller);
        offset -= index * span->block_bytes;
    }
    uintptr_t owner = mete__span_owner(span);
    if ((owner & METE__OWNER_WATCHED) != 0) {
        record = &span->records[index];
        offset -= mete__record_lead(record);
    }
    if (METE_UNLIKELY(offset != 0))
        mete__target_astray(METE__INTERIOR_FREE, block, span, memory, caller);
    if (record != NULL ? METE_UNLIKELY(!record->live)
                       : METE_UNLIKELY((owner & METE__OWNER_PRIVATE) != 0 &&
                                       mete__marks_is_free(span->marks, index)))
        mete__target_astray(METE__DOUBLE_FREE, block, span, memory, caller);
    return (struct mete__target){.span = span, .memory = memory, .record = record, .index = index};
}

METE_INLINE bool mete__target_has_cushion(const struct mete__target *target) {
    return target->record != NULL && METE_UNLIKELY(target->record->lead != 0);
}

/* The private heap whose block it is; NULL: the general one's. */
METE_INLINE struct mete_heap *mete__target_heap(const struct mete__target *target) {
    return mete__span_private(mete__span_owner(target->span));
}

/* Bytes the program may use. */
METE_INLINE size_t mete__target_usable(const struct mete__target *target) {
    if (mete__target_has_cushion(target)) return (size_t)target->record->size;
    if (METE_UNLIKELY(mete__target_heap(target) != NULL) && target->span->marks->requested != NULL)
        return target->span->marks->requested[target->index];
    return target->span->block_bytes;
}

#endif
