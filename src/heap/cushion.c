/* heap/cushion.h: where blocks with a cushion lie. */
#include "heap/cushion.h"

#include "heap/blocks.h"
#include "heap/heap.h"
#include "heap/large.h"
#include "heap/slices.h"
#include "os/memory.h"

enum {
    LEAST_LEAD = 16,  /* keeps the alignment of every block */
    LEAST_ROOM = 16,  /* behind a block */
    LEAD_SHIFT = 3,   /* of a lead in a record, see mete__record_lead */
    ZONE_BYTES = 4096 /* of a long lead: what an underflow of a few elements can reach */
};

static const struct mete__cushion_hooks *hooks; /* set before there is a block */

void mete__cushion_set(const struct mete__cushion_hooks *new_hooks) {
    hooks = new_hooks;
}

bool mete__cushion_is_set(void) {
    return hooks != NULL;
}

void mete__cushion_after_fork(void) {
    if (hooks != NULL) hooks->forked();
}

/* ---- where a block lies ---- */

static char *front_zone(char *memory, char *block) {
    return block - memory > ZONE_BYTES ? block - ZONE_BYTES : memory;
}

/* The cushion of a live or held block, whose record and address are known to go together. */
static struct mete__cushion cushion_of(const struct mete__span *span, struct mete__record *record,
                                       char *block) {
    struct mete__cushion cushion = {
        .memory = block - mete__record_lead(record),
        .bytes = span->block_bytes,
        .block = block,
        .size = (size_t)record->size,
        .record = record,
    };
    if (record->lead == METE__LEAD_LONG) {
        const struct mete__long_record *place = (const struct mete__long_record *)record;
        cushion.from = cushion.memory + place->from;
        cushion.to = cushion.memory + place->to;
        cushion.fenced = place->fenced != 0;
    } else {
        cushion.from = front_zone(cushion.memory, block);
        cushion.to = cushion.memory + cushion.bytes;
    }
    return cushion;
}

bool mete__cushion_find(const void *address, struct mete__cushion *cushion) {
    struct mete__found found;
    char *memory;

    if (!mete__heap_find(address, &found) || found.record == NULL || found.record->lead == 0)
        return false;
    if (!found.record->live && !found.record->held) return false;
    const struct mete__span *span = mete__slices_find(address, &memory);
    if (span == NULL) return false;
    *cushion = cushion_of(span, found.record, found.block);
    return true;
}

struct walk {
    void (*visit)(void *context, const struct mete__cushion *cushion);
    void *context;
};

static bool visit_watched(void *context, void *block, struct mete__record *record) {
    const struct walk *walk = context;
    struct mete__cushion cushion;

    if (record->lead != 0 && mete__cushion_find(block, &cushion))
        walk->visit(walk->context, &cushion);
    return true;
}

void mete__cushion_each(void (*visit)(void *context, const struct mete__cushion *cushion),
                        void *context) {
    struct walk walk = {visit, context};
    mete__heap_each_watched(visit_watched, &walk);
}

/* ---- taking ---- */

/* In a block of a class, or in whole slices without a fence. */
static char *take_plain(struct mete__cache *cache, size_t size, size_t align,
                        struct mete__record **record, bool *zeroed) {
    size_t lead = align > LEAST_LEAD ? align : LEAST_LEAD;
    size_t total = lead + size + LEAST_ROOM;
    unsigned size_class = mete__size_class_for(total, align);

    if (size_class < METE__CLASSES) {
        char *memory = mete__blocks_take_watched(cache, size_class, record);
        if (memory == NULL) return NULL;
        (*record)->lead = (mete__log2_floor(lead) - LEAD_SHIFT) & METE__LEAD_LONG;
        return memory + lead;
    }
    char *memory = mete__large_take(total, align, record, zeroed);
    if (memory == NULL) return NULL;
    struct mete__long_record *place = (struct mete__long_record *)*record;
    place->record.lead = METE__LEAD_LONG;
    place->lead = lead;
    place->from = (size_t)(front_zone(memory, memory + lead) - memory);
    place->to = mete__round_up(total, METE__SLICE_SIZE);
    return memory + lead;
}

/* In the first pages of its own slices, so that most of them is the fence behind it. That serves
 * the block in the slices after it as the fence in front; where there is none yet, a page does. */
static char *take_fenced(size_t size, size_t align, struct mete__record **record, bool *zeroed) {
    size_t page = mete__memory_page_size();
    size_t room = mete__round_up(size == 0 ? 1 : size, 16), pages = mete__round_up(room, page);
    size_t total = mete__round_up(pages + 2 * page + (align > page ? align : 0), METE__SLICE_SIZE);
    struct mete__cushion previous;

    if (!hooks->wants_fence(total)) return NULL;
    char *memory = mete__large_take(total, 1, record, zeroed);
    if (memory == NULL) return NULL;
    char *first = memory;
    if (!mete__cushion_find(memory - 1, &previous) || !previous.fenced) first += page;
    char *block = align > page ? (char *)mete__round_up((uintptr_t)first, align)
                               : (char *)mete__round_down((uintptr_t)first + pages - room,
                                                          align > 16 ? align : 16);
    struct mete__long_record *place = (struct mete__long_record *)*record;
    place->record.lead = METE__LEAD_LONG;
    place->lead = (size_t)(block - memory);
    place->from = mete__round_down(place->lead, page);
    place->to = mete__round_up(place->lead + room, page);
    place->fenced = 1;
    return block;
}

static char *take(struct mete__cache *cache, size_t size, size_t align,
                  struct mete__record **record, bool *zeroed) {
    char *block = take_fenced(size, align, record, zeroed);
    return block != NULL ? block : take_plain(cache, size, align, record, zeroed);
}

void *mete__cushion_take(struct mete__cache *cache, size_t size, size_t align,
                         struct mete__record **record, bool *zeroed) {
    char *memory;

    *zeroed = false;
    char *block = take(cache, size, align, record, zeroed);
    if (block == NULL && hooks->relieve(cache)) block = take(cache, size, align, record, zeroed);
    if (block == NULL) return NULL;
    (*record)->size = size & METE__RECORD_SIZE_MAX;
    struct mete__cushion cushion = cushion_of(mete__slices_find(block, &memory), *record, block);
    hooks->begins(&cushion);
    return block;
}

/* ---- ending ---- */

struct mete__cushion mete__cushion_end(struct mete__cache *cache, struct mete__record *record,
                                       void *block, const struct mete__caller *caller) {
    char *memory;
    struct mete__cushion cushion = cushion_of(mete__slices_find(block, &memory), record, block);
    struct mete__record ended = {.stack = record->stack, .lead = record->lead};

    hooks->ends(&cushion, caller);
    if (cache != NULL) {
        mete__watch_hooks()->freed(cache, record, block, caller);
        ended.freed_at = mete__watch_hooks()->stack(cache, caller);
    }
    ended.size = record->size;
    ended.held = 1;
    record->freed_at = ended.freed_at;
    __atomic_store_n(&record->word, ended.word, __ATOMIC_RELEASE);
    return cushion;
}

void mete__cushion_hold(struct mete__cache *cache, const struct mete__cushion *cushion) {
    hooks->hold(cache, cushion);
}

void mete__cushion_free(struct mete__cache *cache, struct mete__record *record, void *block,
                        const struct mete__caller *caller) {
    struct mete__cushion cushion = mete__cushion_end(cache, record, block, caller);
    mete__cushion_hold(cache, &cushion);
}

void mete__cushion_release(struct mete__cache *cache, const struct mete__cushion *cushion) {
    char *memory;
    struct mete__span *span = mete__slices_find(cushion->memory, &memory);
    struct mete__record *record = cushion->record;

    uintptr_t owner = mete__span_owner(span);
    if ((owner & METE__OWNER_LARGE) != 0) {
        mete__large_return(span);
        return;
    }
    /* The place of the stack that freed it is wanted for the list of free records. */
    record->word &= METE__RECORD_LEAD_MASK;
    struct mete__block *block = (struct mete__block *)cushion->memory;
    if (mete__span_cache(owner) == cache)
        mete__blocks_return_to(cache, span, memory, block);
    else
        mete__cache_send(mete__span_cache(owner), block, block);
}
