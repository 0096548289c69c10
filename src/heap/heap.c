/* heap/heap.h: look-up and walks; handing out is in alloc.c. */
#include "heap/heap.h"

#include "heap/cache.h"
#include "heap/marks.h"
#include "heap/private.h"
#include "heap/slices.h"

bool mete__heap_locate(const void *address, struct mete__found *found) {
    char *memory;
    struct mete__span *span = mete__slices_find(address, &memory);
    if (span == NULL) return false;

    size_t offset = (size_t)((const char *)address - memory), index = 0;
    uint8_t kind = __atomic_load_n(&span->kind, __ATOMIC_ACQUIRE);
    uintptr_t owner = mete__span_owner(span);
    if (kind == METE__SPAN_NONE || owner == 0) return false;
    size_t bytes = span->block_bytes;
    if (kind == METE__SPAN_BLOCKS) {
        index = mete__size_class_divide(offset, span->size_class);
        if (index >= mete__span_carved(span)) return false;
    }
    found->block = memory + index * bytes;
    found->block_bytes = found->requested = bytes;
    found->record = (owner & METE__OWNER_WATCHED) != 0 ? &span->records[index] : NULL;
    found->live = true;
    found->heap = NULL;
    if (METE_UNLIKELY((owner & METE__OWNER_PRIVATE) != 0)) {
        found->heap = mete__private_name(mete__span_private(owner));
        /* NULL where the span is just about to go. */
        const struct mete__marks *marks = __atomic_load_n(&span->marks, __ATOMIC_ACQUIRE);
        found->live = marks != NULL && !mete__marks_is_free(marks, index);
    }
    if ((owner & METE__OWNER_CUSHION) != 0) {
        size_t lead = mete__record_lead(found->record);
        found->block = (char *)found->block + lead;
        found->block_bytes = found->requested = bytes - lead;
    }
    return true;
}

bool mete__heap_find(const void *address, struct mete__found *found) {
    if (!mete__heap_locate(address, found)) return false;
    if (found->record != NULL) {
        found->live = found->record->live;
        if (found->live || found->record->held) found->requested = (size_t)found->record->size;
    }
    return true;
}

struct watched_walk {
    bool (*visit)(void *context, void *block, struct mete__record *record);
    void *context;
};

static bool visit_watched_span(void *context, struct mete__span *span, char *memory) {
    const struct watched_walk *walk = context;

    if ((mete__span_owner(span) & METE__OWNER_WATCHED) == 0) return true;
    size_t bytes = span->block_bytes;
    for (size_t i = 0; i < span->carved; i++) {
        struct mete__record *record = &span->records[i];
        if (!record->live) continue;
        char *block = memory + i * bytes + mete__record_lead(record);
        if (!walk->visit(walk->context, block, record)) return false;
    }
    return true;
}

bool mete__heap_each_watched(bool (*visit)(void *context, void *block, struct mete__record *record),
                             void *context) {
    struct watched_walk walk = {visit, context};
    return mete__slices_each(visit_watched_span, &walk);
}

void mete__heap_each_region(void (*visit)(void *context, uintptr_t start, size_t size),
                            void *context) {
    for (size_t i = 0; i < mete__region_count(); i++) {
        const struct mete__region *region = mete__region_at(i);
        visit(context, region->base, region->slices << METE__SLICE_SHIFT);
    }
}

void mete__heap_bounds(uintptr_t *low, uintptr_t *high) {
    *low = UINTPTR_MAX;
    *high = 0;
    for (size_t i = 0; i < mete__region_count(); i++) {
        const struct mete__region *region = mete__region_at(i);
        if (region->slices == 0) continue;
        uintptr_t start = region->base + (region->first << METE__SLICE_SHIFT);
        uintptr_t end =
            region->base + (__atomic_load_n(&region->top, __ATOMIC_RELAXED) << METE__SLICE_SHIFT);
        if (start < *low) *low = start;
        if (end > *high) *high = end;
    }
    if (*high == 0) *low = 0;
}
