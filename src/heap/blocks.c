/* heap/blocks.h */
#include "heap/blocks.h"

#include "heap/grave.h"
#include "heap/misuse.h"
#include "heap/slices.h"
#include "os/meta.h"

enum { CARVE_BYTES = 4096, REFILLS_PER_TICK = 32 };

/* ---- lists of spans ---- */

static void push_first(struct mete__bin *bin, struct mete__span *span) {
    span->previous = NULL;
    span->next = bin->first;
    if (span->next != NULL)
        span->next->previous = span;
    else
        bin->last = span;
    bin->first = span;
}

static void push_last(struct mete__bin *bin, struct mete__span *span) {
    span->next = NULL;
    span->previous = bin->last;
    if (span->previous != NULL)
        span->previous->next = span;
    else
        bin->first = span;
    bin->last = span;
}

static void unlink_span(struct mete__bin *bin, struct mete__span *span) {
    if (span->previous != NULL)
        span->previous->next = span->next;
    else
        bin->first = span->next;
    if (span->next != NULL)
        span->next->previous = span->previous;
    else
        bin->last = span->previous;
    span->next = span->previous = NULL;
}

static void set_owner(struct mete__span *span, uintptr_t owner) {
    __atomic_store_n(&span->owner, owner, __ATOMIC_RELAXED);
}

struct mete__span *mete__blocks_span(unsigned size_class) {
    size_t slices = mete__size_class_slices(size_class);
    bool zeroed;
    struct mete__span *span = mete__slices_take(slices, 1, METE__SPAN_BLOCKS, &zeroed);

    if (span == NULL) return NULL;
    span->size_class = (uint8_t)size_class;
    span->block_bytes = mete__size_class_bytes(size_class);
    span->capacity = (uint16_t)((slices << METE__SLICE_SHIFT) / span->block_bytes);
    return span;
}

static struct mete__span *new_span(struct mete__cache *cache, unsigned size_class, uintptr_t bits) {
    struct mete__span *span = mete__blocks_span(size_class);
    if (span != NULL) set_owner(span, (uintptr_t)cache | bits);
    return span;
}

/* ---- plain blocks ---- */

/* Lists the next untouched blocks, about a page of them, on the empty `free` list, lowest address
 * first. */
static void carve(struct mete__span *span) {
    size_t bytes = span->block_bytes;
    size_t count = bytes >= CARVE_BYTES ? 1 : CARVE_BYTES / bytes;
    size_t left = (size_t)(span->capacity - span->carved);
    char *memory = mete__slices_memory(span) + span->carved * bytes;

    if (count > left) count = left;
    span->free = (struct mete__block *)memory;
    for (size_t i = 1; i < count; i++, memory += bytes)
        ((struct mete__block *)memory)->next = (struct mete__block *)(memory + bytes);
    ((struct mete__block *)memory)->next = NULL;
    mete__span_set_carved(span, span->carved + count);
}

/* Makes what has been freed the list that malloc pops, which is empty. */
METE_INLINE void relist(struct mete__bin *bin, struct mete__span *span) {
    bin->listed += (size_t)(span->carved - span->used);
    span->free = span->local_free;
    span->local_free = NULL;
}

/* Makes `free` non-empty if the span has any block left. */
static bool refill(struct mete__bin *bin, struct mete__span *span) {
    if (span->free != NULL) return true;
    if (span->local_free != NULL) {
        relist(bin, span);
        return true;
    }
    if (span->carved == span->capacity) return false;
    size_t before = span->carved;
    carve(span);
    bin->listed += span->carved - before;
    return true;
}

/* Cuts `free` to the blocks that go unsampled, at least one; the rest waits on `local_free`. When
 * they are used up malloc comes to the slow path, which samples. */
static void stop_at_sample(struct mete__bin *bin, struct mete__span *span) {
    struct mete__block *last = span->free;
    uint64_t kept = 1;

    for (; kept < bin->unsampled && last->next != NULL; kept++) last = last->next;
    bin->unsampled -= kept;
    if (last->next == NULL) return;
    struct mete__block *rest = last->next;
    last->next = NULL;
    bin->listed -= (size_t)(span->carved - span->used) - kept;
    if (span->local_free != NULL) {
        struct mete__block *end = rest;
        while (end->next != NULL) end = end->next;
        end->next = span->local_free;
    }
    span->local_free = rest;
}

METE_INLINE struct mete__block *pop(struct mete__span *span) {
    struct mete__block *block = span->free;
    span->free = block->next;
    span->used++;
    return block;
}

/* The first span of the bin that can serve, after those that cannot have left the list; NULL: none.
 */
static struct mete__span *serving_span(struct mete__bin *bin) {
    struct mete__span *span;

    while ((span = bin->first) != NULL) {
        if (refill(bin, span)) return span;
        unlink_span(bin, span);
        set_owner(span, mete__span_owner(span) | METE__OWNER_FULL);
    }
    return NULL;
}

static METE_NOINLINE void *take_unusual(struct mete__cache *cache, unsigned size_class) {
    struct mete__bin *bin = &cache->bins[size_class];
    struct mete__span *before = bin->first;
    bool listed = before != NULL && before->free != NULL;

    if (cache->refills++ % REFILLS_PER_TICK == 0) {
        mete__slices_tick();
        mete__outbox_flush(&cache->outbox);
        mete__watch_tick();
    }
    struct mete__span *span = serving_span(bin);

    if (span == NULL) {
        span = new_span(cache, size_class, 0);
        if (span == NULL) {
            mete__cache_point(cache, size_class);
            return NULL;
        }
        push_first(bin, span);
        refill(bin, span);
    }
    if (bin->first != before) mete__cache_point(cache, size_class);
    if (METE_UNLIKELY(cache->watch_mode == METE__WATCH_SAMPLED && !listed))
        stop_at_sample(bin, span);
    return pop(span);
}

/* Mostly the span that serves has blocks that were freed, and nothing else is to be done. */
void *mete__blocks_take(struct mete__cache *cache, unsigned size_class) {
    struct mete__bin *bin = &cache->bins[size_class];
    struct mete__span *span = bin->first;

    if (METE_UNLIKELY(span == NULL || span->local_free == NULL || span->free != NULL ||
                      cache->watch_mode != METE__WATCH_NONE ||
                      cache->refills % REFILLS_PER_TICK == 0))
        return take_unusual(cache, size_class);
    cache->refills++;
    relist(bin, span);
    return pop(span);
}

/* ---- watched blocks: linked by index in their records ---- */

void *mete__blocks_take_watched(struct mete__cache *cache, unsigned size_class,
                                struct mete__record **record) {
    struct mete__bin *bin = &cache->watched[size_class];
    struct mete__span *span = bin->first;
    size_t index;

    if (span == NULL) {
        mete__outbox_flush(&cache->outbox);
        span = new_span(cache, size_class,
                        METE__OWNER_WATCHED | (cache->has_cushions ? METE__OWNER_CUSHION : 0));
        if (span == NULL) return NULL;
        struct mete__record *records =
            mete__meta_alloc(span->capacity * sizeof(struct mete__record));
        if (records == NULL) {
            mete__slices_give(span);
            return NULL;
        }
        span->records = records;
        push_first(bin, span);
    }
    if (span->free_index != 0) {
        index = (size_t)span->free_index - 1;
        span->free_index = (uint16_t)span->records[index].next_free;
    } else {
        index = span->carved;
        mete__span_set_carved(span, index + 1);
    }
    span->used++;
    if (span->free_index == 0 && span->carved == span->capacity) {
        unlink_span(bin, span);
        set_owner(span, mete__span_owner(span) | METE__OWNER_FULL);
    }
    *record = &span->records[index];
    return mete__slices_memory(span) + index * span->block_bytes;
}

/* The span first: whoever looks an address up meanwhile must not meet records that are no more. */
static void release_watched(struct mete__span *span) {
    struct mete__grave grave = {.memory = mete__slices_memory(span),
                                .block_bytes = span->block_bytes,
                                .blocks = span->carved,
                                .records = span->records,
                                .record_count = span->capacity};
    if (mete__slices_give(span)) mete__grave_bury(&grave);
}

/* Blocks that were listed but never handed out were no allocations, and bring no sample nearer. */
static void release_plain(struct mete__bin *bin, struct mete__span *span) {
    for (struct mete__block *block = span->free; block != NULL; block = block->next) {
        bin->listed--;
        bin->unsampled++;
    }
    mete__slices_give(span);
}

/* A span without a used block stays where it is the only one of its list, because the next
 * allocation would ask for it again. */
static bool is_alone(const struct mete__bin *bin, const struct mete__span *span) {
    return bin->first == span && span->next == NULL;
}

static const struct mete__caller unknown_caller;

static void return_watched(struct mete__cache *cache, struct mete__span *span, char *memory,
                           struct mete__block *block) {
    uintptr_t owner = mete__span_owner(span);
    struct mete__bin *bin = &cache->watched[span->size_class];
    size_t index = mete__size_class_divide((size_t)((char *)block - memory), span->size_class);

    /* Freed while its thread could not tell the watcher. */
    if (METE_UNLIKELY(span->records[index].live))
        mete__watch_end(cache, &span->records[index], block, &unknown_caller);
    span->records[index].next_free = span->free_index;
    span->free_index = (uint16_t)(index + 1);
    span->used--;
    if ((owner & METE__OWNER_FULL) != 0) {
        set_owner(span, owner & ~METE__OWNER_FULL);
        push_last(bin, span);
    }
    if (span->used == 0 && !is_alone(bin, span)) {
        unlink_span(bin, span);
        release_watched(span);
    }
}

/* ---- blocks come back ---- */

void mete__blocks_return_to(struct mete__cache *cache, struct mete__span *span, char *memory,
                            struct mete__block *block) {
    uintptr_t owner = mete__span_owner(span);

    if ((owner & METE__OWNER_WATCHED) != 0) {
        return_watched(cache, span, memory, block);
        return;
    }
    block->next = span->local_free;
    span->local_free = block;
    span->used--;
    if ((owner & METE__OWNER_FULL) != 0) {
        struct mete__bin *bin = &cache->bins[span->size_class];
        bool was_empty = bin->first == NULL;
        set_owner(span, owner & ~METE__OWNER_FULL);
        push_last(bin, span);
        if (was_empty) mete__cache_point(cache, span->size_class);
    }
    if (span->used == 0) mete__blocks_emptied(cache, span);
}

void mete__blocks_return(struct mete__cache *cache, struct mete__block *block) {
    char *memory;
    struct mete__span *span = mete__slices_find_head(block, &memory);

    /* Freed twice, each time by a thread that could not know. */
    if (METE_UNLIKELY(span == NULL || span->used == 0))
        mete__misuse(METE__DOUBLE_FREE, block, NULL, &unknown_caller);
    mete__blocks_return_to(cache, span, memory, block);
}

bool mete__blocks_emptied(struct mete__cache *cache, struct mete__span *span) {
    if ((int32_t)span->used < 0) return false;
    struct mete__bin *bin = &cache->bins[span->size_class];
    if (is_alone(bin, span)) return true;
    bool was_first = bin->first == span;
    unlink_span(bin, span);
    if (was_first) mete__cache_point(cache, span->size_class);
    release_plain(bin, span);
    return true;
}

/* Unlinks the list's first span without a used block and returns it. */
static struct mete__span *pick_unused(struct mete__bin *bin) {
    for (struct mete__span *span = bin->first; span != NULL; span = span->next) {
        if (span->used != 0) continue;
        unlink_span(bin, span);
        return span;
    }
    return NULL;
}

size_t mete__blocks_trim(struct mete__cache *cache) {
    size_t given = 0;

    mete__outbox_flush(&cache->outbox);
    for (unsigned c = 0; c < METE__CLASSES; c++) {
        struct mete__span *span;
        size_t bytes = mete__size_class_slices(c) << METE__SLICE_SHIFT;
        for (; (span = pick_unused(&cache->bins[c])) != NULL; given += bytes)
            release_plain(&cache->bins[c], span);
        for (; (span = pick_unused(&cache->watched[c])) != NULL; given += bytes)
            release_watched(span);
        mete__cache_point(cache, c);
    }
    return given;
}
