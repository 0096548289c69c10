/* heap/private_walk.h */
#include "heap/private_walk.h"

#include "heap/slices.h"

/* ---- blocks ---- */

struct walk {
    const mete_heap *heap;
    bool (*visit)(void *context, void *block, size_t size);
    void *context;
};

/* The index of the first live block from `from` on; capacity where there is none. */
static size_t next_live(const struct mete__marks *marks, size_t capacity, size_t from) {
    for (; from < capacity; from = (from / 64 + 1) * 64) {
        uint64_t live = ~__atomic_load_n(&marks->free[from / 64], __ATOMIC_RELAXED) >> from % 64;
        if (live == 0) continue;
        from += (size_t)__builtin_ctzll(live);
        return from < capacity ? from : capacity;
    }
    return capacity;
}

/* A visitor that frees the span's last block frees the span: its owner is looked at each time. */
static bool visit_span(void *context, struct mete__span *span, char *memory) {
    const struct walk *walk = context;
    size_t capacity = span->capacity, bytes = span->block_bytes;

    for (size_t i = 0; mete__span_private(mete__span_owner(span)) == walk->heap; i++) {
        i = next_live(span->marks, capacity, i);
        if (i == capacity) break;
        size_t size = span->marks->requested != NULL ? span->marks->requested[i] : bytes;
        if (!walk->visit(walk->context, memory + i * bytes, size)) return false;
    }
    return true;
}

bool mete__private_walk_blocks(const mete_heap *heap,
                               bool (*visit)(void *context, void *block, size_t size),
                               void *context) {
    struct walk walk = {.heap = heap, .visit = visit, .context = context};
    return mete__slices_each(visit_span, &walk);
}

bool mete__private_walk_span(const struct mete__span *span,
                             void (*visit)(void *context, uintptr_t start, size_t size),
                             void *context) {
    if (mete__span_private(mete__span_owner(span)) == NULL) return false;
    const struct mete__marks *marks = span->marks;
    size_t bytes = span->block_bytes, capacity = span->capacity;

    for (size_t i = 0; (i = next_live(marks, capacity, i)) < capacity;) {
        size_t end = i + 1;
        while (end < capacity && !mete__marks_is_free(marks, end)) end++;
        visit(context, (uintptr_t)mete__marks_memory(marks) + i * bytes, (end - i) * bytes);
        i = end;
    }
    return true;
}

/* ---- whether all is well ---- */

struct sums {
    const mete_heap *heap;
    uint64_t spans, span_bytes, metadata_bytes, live_blocks, live_bytes, listed;
};

/* M1 and M2. */
static bool marks_are_well(const struct mete__span *span) {
    const struct mete__marks *marks = span->marks;
    size_t words = mete__marks_words(span->capacity), free = 0;

    for (size_t w = 0; w < words; w++) {
        if ((marks->open >> w & 1) != (marks->free[w] != 0)) return false;
        free += (size_t)__builtin_popcountll(marks->free[w]);
    }
    if (words < 64 && marks->open >> words != 0) return false;
    if (span->capacity % 64 != 0 && marks->free[words - 1] >> span->capacity % 64 != 0)
        return false;
    return free == span->capacity - span->used && span->carved <= span->capacity;
}

static bool owner_is_right(const struct mete__span *span) {
    uintptr_t bits = mete__span_owner(span) & METE__OWNER_BITS;

    if (span->kind == METE__SPAN_LARGE)
        return bits == (METE__OWNER_PRIVATE | METE__OWNER_LARGE | METE__OWNER_FULL);
    return bits == (METE__OWNER_PRIVATE | (span->marks->open == 0 ? METE__OWNER_FULL : 0));
}

static bool add_span(void *context, struct mete__span *span, char *memory) {
    struct sums *sums = context;

    if (mete__span_private(mete__span_owner(span)) != sums->heap) return true;
    sums->spans++;
    sums->span_bytes += (size_t)span->slices << METE__SLICE_SHIFT;
    sums->metadata_bytes += mete__private_marks_bytes(span->capacity);
    sums->live_blocks += span->used;
    sums->live_bytes += span->used * span->block_bytes;
    return marks_are_well(span) && owner_is_right(span) &&
           mete__marks_memory(span->marks) == memory;
}

/* P2: counts the spans of a list, each of which is to have the same bits and class. */
static bool list_is_well(struct sums *sums, const struct mete__span *first, uintptr_t bits,
                         unsigned size_class) {
    uintptr_t owner = (uintptr_t)sums->heap | METE__OWNER_PRIVATE | bits;
    const struct mete__span *previous = NULL;

    for (const struct mete__span *span = first; span != NULL; previous = span, span = span->next) {
        if (sums->listed++ == sums->spans || span->previous != previous) return false;
        if (mete__span_owner(span) != owner) return false;
        if (size_class < METE__CLASSES && span->size_class != size_class) return false;
    }
    return true;
}

bool mete__private_walk_verify(const mete_heap *heap) {
    struct sums sums = {.heap = heap, .metadata_bytes = sizeof *heap};

    if (!mete__slices_each(add_span, &sums)) return false;
    if (!list_is_well(&sums, heap->full, METE__OWNER_FULL, METE__CLASSES) ||
        !list_is_well(&sums, heap->large, METE__OWNER_LARGE | METE__OWNER_FULL, METE__CLASSES))
        return false;
    for (unsigned c = 0; c < METE__CLASSES; c++)
        if (!list_is_well(&sums, heap->serving[c], 0, c)) return false;
    return sums.listed == sums.spans && sums.spans == heap->spans &&
           sums.span_bytes == heap->span_bytes && sums.metadata_bytes == heap->metadata_bytes &&
           sums.live_blocks == heap->allocations - heap->frees &&
           sums.live_bytes == heap->live_bytes;
}
