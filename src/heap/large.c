/* heap/large.h */
#include "heap/large.h"

#include <errno.h>

#include "heap/cushion.h"
#include "heap/grave.h"
#include "heap/slices.h"
#include "os/checkers.h"
#include "os/memory.h"
#include "os/meta.h"

/* Moving pages costs two system calls and a flush of translations: below this a copy is cheaper. */
static const size_t move_min = (size_t)256 << 10;

static size_t slices_for(size_t size) {
    return size == 0 ? 1 : (size + METE__SLICE_SIZE - 1) >> METE__SLICE_SHIFT;
}

/* Of a record, so that it can be a long one. */
static const size_t record_bytes = sizeof(struct mete__long_record);

struct mete__span *mete__large_span(size_t size, size_t align, bool *zeroed) {
    size_t align_slices = align > METE__SLICE_SIZE ? align >> METE__SLICE_SHIFT : 1;
    struct mete__span *span =
        mete__slices_take(slices_for(size), align_slices, METE__SPAN_LARGE, zeroed);

    if (span != NULL) span->carved = span->capacity = 1;
    return span;
}

void *mete__large_take(size_t size, size_t align, struct mete__record **record, bool *zeroed) {
    struct mete__record *fresh = NULL;

    if (record != NULL) {
        fresh = mete__meta_alloc(record_bytes);
        if (fresh == NULL) return NULL;
    }
    struct mete__span *span = mete__large_span(size, align, zeroed);
    if (span == NULL) {
        if (fresh != NULL) mete__meta_free(fresh, record_bytes);
        return NULL;
    }
    span->used = 1;
    span->records = fresh;
    if (record != NULL) *record = fresh;
    uintptr_t watched = METE__OWNER_WATCHED | (mete__cushion_is_set() ? METE__OWNER_CUSHION : 0);
    __atomic_store_n(&span->owner, METE__OWNER_LARGE | (fresh != NULL ? watched : 0),
                     __ATOMIC_RELEASE);
    return mete__slices_memory(span);
}

/* Before the span gives up `bytes` from `memory` on. Pages that were moved keep the kernel from
 * merging mappings, of which a process may have 65530: so they do not outlive their block. */
static void leave(const struct mete__span *span, char *memory, size_t bytes) {
    if (span->moved) mete__memory_renew(memory, bytes);
}

void mete__large_return(struct mete__span *span) {
    struct mete__grave grave = {.memory = mete__slices_memory(span),
                                .block_bytes = span->block_bytes,
                                .blocks = 1,
                                .records = span->records,
                                .record_count = 1};

    leave(span, grave.memory, grave.block_bytes);
    if (mete__slices_give(span) && grave.records != NULL) mete__grave_bury(&grave);
}

/* Takes a new run and moves the pages into it. */
static void *move(struct mete__span *span, char *memory, size_t slices) {
    size_t bytes = (size_t)span->slices << METE__SLICE_SHIFT;
    bool zeroed;
    if (METE_UNLIKELY(mete__checkers_listen)) return NULL; /* they know the bytes, not the pages */
    struct mete__span *target = mete__slices_take(slices, 1, METE__SPAN_LARGE, &zeroed);

    if (target == NULL) return NULL;
    char *to = mete__slices_memory(target);
    int status = mete__memory_move(memory, bytes, to, slices << METE__SLICE_SHIFT);
    if (status != 0) {
        /* Slices that nobody has are better than slices that somebody else has, too. */
        if (status != -ENOTRECOVERABLE) mete__slices_give(target);
        return NULL;
    }
    target->used = target->carved = target->capacity = 1;
    target->records = span->records;
    target->moved = 1;
    __atomic_store_n(&target->owner, mete__span_owner(span), __ATOMIC_RELEASE);
    leave(span, memory, bytes);
    mete__slices_give(span); /* its record lives on with the target */
    return to;
}

static void *grow(struct mete__span *span, char *memory, size_t slices) {
    /* What has been moved is one mapping, and what lies behind it another: grown into that, it
     * could not be moved again. */
    if (!span->moved && mete__slices_resize(span, slices)) return memory;
    if ((size_t)span->slices << METE__SLICE_SHIFT < move_min) return NULL;
    /* A block that grows is likely to grow again: an eighth more costs only address space. */
    void *moved = move(span, memory, slices + slices / 8);
    if (moved == NULL) moved = move(span, memory, slices);
    if (moved != NULL) return moved;
    return span->moved && mete__slices_resize(span, slices) ? memory : NULL;
}

static bool shrink(struct mete__span *span, char *memory, size_t slices) {
    size_t now = span->slices;

    if (slices < now)
        leave(span, memory + (slices << METE__SLICE_SHIFT), (now - slices) << METE__SLICE_SHIFT);
    return mete__slices_resize(span, slices);
}

void *mete__large_resize(struct mete__span *span, char *memory, size_t size) {
    size_t slices = slices_for(size);

    if (size <= METE__MEDIUM_MAX) return NULL;
    if (slices > span->slices) return grow(span, memory, slices);
    return shrink(span, memory, slices) ? memory : NULL;
}

bool mete__large_resize_here(struct mete__span *span, char *memory, size_t size) {
    size_t slices = slices_for(size);

    if (slices > span->slices) return !span->moved && mete__slices_resize(span, slices);
    return shrink(span, memory, slices);
}
