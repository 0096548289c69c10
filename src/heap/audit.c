/* heap/audit.h */
#include "heap/audit.h"

#include <string.h>

#include "heap/checked.h"
#include "heap/heap.h"
#include "heap/private_walk.h"
#include "heap/slices.h"
#include "os/checkers.h"

/* One walk over everything; each check returns false where it has filled `fault`. */
struct audit {
    struct mete__audit_fault *fault;
    const struct mete__region *region; /* the one that is being looked at */
    size_t used;                       /* slices, so far */
    size_t dirty;
    size_t committed;
    size_t open_spans; /* spans that I5 wants in a list of a living cache */
    size_t listed;     /* spans found in those lists */
    size_t private_spans;
};

static bool broken(struct audit *audit, const char *invariant, const char *text) {
    audit->fault->invariant = invariant;
    audit->fault->text = text;
    return false;
}

static bool broken_at(struct audit *audit, const char *invariant, const char *text,
                      const void *address) {
    audit->fault->address = address;
    return broken(audit, invariant, text);
}

static char *slice_address(const struct mete__region *region, size_t slice) {
    return (char *)region->base + (slice << METE__SLICE_SHIFT);
}

/* ---- R: regions ---- */

static bool check_layout(struct audit *audit) {
    const struct mete__region *region = audit->region;
    uintptr_t first = (uintptr_t)slice_address(region, region->first);
    size_t words = (region->slices + 63) / 64;

    if (region->base % METE__SLICE_SIZE != 0)
        return broken(audit, "R1", "the region does not begin with a slice");
    if (region->first > region->top || region->top > region->ready ||
        region->ready > region->slices || region->first >= region->slices)
        return broken(audit, "R1", "first, top, ready and slices are out of order");
    if ((uintptr_t)region->words < (uintptr_t)mete__region_span(region, region->slices) ||
        (uintptr_t)region->full < (uintptr_t)(region->words + words) ||
        first < (uintptr_t)(region->full + (words + 63) / 64))
        return broken(audit, "R2", "the parts of the metadata overlap");
    return true;
}

static bool check_place(struct audit *audit, size_t index) {
    const struct mete__region *region = audit->region;
    uintptr_t end = region->base + (region->slices << METE__SLICE_SHIFT);

    for (size_t i = 0; i < index; i++) {
        const struct mete__region *other = mete__region_at(i);
        if (other->base < end && region->base < other->base + (other->slices << METE__SLICE_SHIFT))
            return broken(audit, "R3", "the region overlaps an earlier one");
    }
    /* The table's unit is 16 slices: one look at each is enough, and one at the last. */
    for (size_t slice = 0; slice < region->ready; slice += 16)
        if (mete__region_of(slice_address(region, slice)) != region)
            return broken_at(audit, "R3", "the look-up does not find the region",
                             slice_address(region, slice));
    if (mete__region_of(slice_address(region, region->ready) - 1) != region)
        return broken(audit, "R3", "the look-up does not find the region's last ready byte");
    return true;
}

static bool check_home(struct audit *audit) {
    size_t extent = 0;

    audit->region = NULL;
    audit->fault->region = NULL;
    if (mete__region_count() > 0 && mete__region_home.base == mete__region_at(0)->base)
        extent = mete__region_at(0)->ready << METE__SLICE_SHIFT;
    if (mete__region_home.extent != extent)
        return broken(audit, "R4", "the home's extent is not what is ready of it");
    return true;
}

static bool check_regions(struct audit *audit) {
    for (size_t i = 0; i < mete__region_count(); i++) {
        audit->region = audit->fault->region = mete__region_at(i);
        if (audit->region->slices == 0) continue; /* removed: an empty place in the order */
        if (!check_layout(audit) || !check_place(audit, i)) return false;
    }
    return check_home(audit);
}

/* ---- S: slices ---- */

/* The bits of word `word` that lie in [from, end). */
static uint64_t bits_between(size_t word, size_t from, size_t end) {
    uint64_t above = from <= word * 64         ? UINT64_MAX
                     : from >= (word + 1) * 64 ? 0
                                               : UINT64_MAX << from % 64;
    uint64_t below = end >= (word + 1) * 64 ? UINT64_MAX
                     : end <= word * 64     ? 0
                                            : ((uint64_t)1 << end % 64) - 1;
    return above & below;
}

/* Which slices of the word the region's spans cover; `covered_to` carries a span over into the next
 * word. False where two overlap. */
static bool cover(const struct mete__region *region, size_t word, size_t *covered_to,
                  uint64_t *covered) {
    uint64_t starts = __atomic_load_n(&region->words[word].start, __ATOMIC_RELAXED);

    *covered = bits_between(word, word * 64, *covered_to);
    for (; starts != 0; starts &= starts - 1) {
        size_t slice = word * 64 + (size_t)__builtin_ctzll(starts);
        if (slice < *covered_to || slice < region->first) return false;
        *covered_to = slice + mete__region_span(region, slice)->slices;
        if (*covered_to == slice || *covered_to > region->ready) return false;
        *covered |= bits_between(word, slice, *covered_to);
    }
    return true;
}

static bool check_word(struct audit *audit, size_t word, size_t *covered_to) {
    const struct mete__region *region = audit->region;
    const struct mete__slice_word *state = &region->words[word];
    uint64_t metadata = bits_between(word, word * 64, region->first);
    uint64_t beyond = bits_between(word, region->top, (word + 1) * 64);
    uint64_t covered;

    audit->fault->address = slice_address(region, word * 64);
    if (!cover(region, word, covered_to, &covered))
        return broken(audit, "S1", "spans overlap or leave their region");
    if (state->used != (covered | metadata))
        return broken(audit, "S1", "the used slices are not those of spans and metadata");
    if ((state->used & state->dirty) != 0) return broken(audit, "S2", "a used slice is dirty");
    if ((covered & ~state->committed) != 0)
        return broken(audit, "S3", "a used slice is not committed");
    if (((state->used | state->dirty | state->committed) & beyond & ~metadata) != 0)
        return broken(audit, "S3", "a slice beyond the top is in use");
    if ((region->full[word / 64] >> word % 64 & 1) != (state->used == UINT64_MAX))
        return broken(audit, "S4", "the summary differs from the word");
    if ((~state->used & bits_between(word, region->first, region->lowest)) != 0)
        return broken(audit, "S5", "a slice below the lowest is free");
    audit->used += (size_t)__builtin_popcountll(covered);
    audit->dirty += (size_t)__builtin_popcountll(state->dirty);
    audit->committed += (size_t)__builtin_popcountll(state->committed);
    return true;
}

static bool check_slices(struct audit *audit) {
    for (size_t i = 0; i < mete__region_count(); i++) {
        const struct mete__region *region = mete__region_at(i);
        size_t covered_to = 0;
        audit->region = audit->fault->region = region;
        for (size_t word = region->first / 64; word * 64 < region->ready; word++)
            if (!check_word(audit, word, &covered_to)) return false;
    }
    struct mete__slices_stats stats;
    mete__slices_read_stats(&stats);
    audit->fault->region = NULL;
    audit->fault->address = NULL;
    if (stats.used_bytes != audit->used << METE__SLICE_SHIFT)
        return broken(audit, "S6", "the count of used slices is wrong");
    if (stats.dirty_bytes != audit->dirty << METE__SLICE_SHIFT)
        return broken(audit, "S6", "the count of dirty slices is wrong");
    if (stats.committed_bytes != audit->committed << METE__SLICE_SHIFT)
        return broken(audit, "S6", "the count of committed slices is wrong");
    if (stats.peak_used_bytes < stats.used_bytes)
        return broken(audit, "S6", "the peak is below what is used");
    return true;
}

/* ---- I: spans ---- */

/* I1 and I2, of descriptors that no walk over spans meets. */
static bool check_other_descriptors(struct audit *audit) {
    const struct mete__region *region = audit->region;

    for (size_t slice = region->first; slice < region->top; slice++) {
        const struct mete__span *span = mete__region_span(region, slice);
        bool starts = (region->words[slice / 64].start >> slice % 64 & 1) != 0;
        audit->fault->span = span;
        if (!starts && mete__span_owner(span) != 0)
            return broken(audit, "I1", "a descriptor that is no span's first has an owner");
        if (starts != (span->kind != METE__SPAN_NONE))
            return broken(audit, "I2", "kind and start bit contradict each other");
    }
    return true;
}

/* Follows a list of blocks, marking each in `seen`; false where one is no block of the span (I4).
 */
static bool follow(struct audit *audit, const struct mete__span *span, const char *memory,
                   const struct mete__block *block, uint64_t seen[64], size_t *count) {
    for (; block != NULL; block = block->next, (*count)++) {
        size_t offset = (size_t)((const char *)block - memory);
        size_t index = offset / span->block_bytes;
        if (index >= span->carved || offset % span->block_bytes != 0)
            return broken_at(audit, "I4", "a list leads to what is no carved block", block);
        if ((seen[index / 64] >> index % 64 & 1) != 0)
            return broken_at(audit, "I4", "a block is listed twice", block);
        seen[index / 64] |= (uint64_t)1 << index % 64;
    }
    return true;
}

static bool check_plain(struct audit *audit, const struct mete__span *span, const char *memory) {
    uint64_t seen[64] = {0};
    size_t count = 0;

    if (!follow(audit, span, memory, span->free, seen, &count) ||
        !follow(audit, span, memory, span->local_free, seen, &count))
        return false;
    if (span->used + count != span->carved)
        return broken(audit, "I3", "used and listed blocks do not make up the carved ones");
    return true;
}

static bool check_watched(struct audit *audit, const struct mete__span *span) {
    size_t count = 0;

    if (span->free != NULL) return broken(audit, "I7", "a watched span has a list of blocks");
    if (span->records == NULL) return broken(audit, "I7", "a watched span has no records");
    for (size_t next = span->free_index; next != 0; count++) {
        if (next > span->carved || count == span->carved)
            return broken(audit, "I7", "the free records are not linked well");
        if (span->records[next - 1].live) return broken(audit, "I7", "a free record is live");
        next = span->records[next - 1].next_free;
    }
    if (span->used + count != span->carved)
        return broken(audit, "I3", "used and free records do not make up the carved ones");
    return true;
}

static bool check_large(struct audit *audit, const struct mete__span *span) {
    uintptr_t owner = mete__span_owner(span);
    bool watched = (owner & METE__OWNER_WATCHED) != 0;

    if (owner == 0 && span->used == 0) return true; /* lost: see I8 */
    if (span->used != 1 || span->carved != 1 || span->capacity != 1)
        return broken(audit, "I8", "a large span is not one used block");
    if (span->block_bytes != (size_t)span->slices << METE__SLICE_SHIFT)
        return broken(audit, "I8", "a large block is not as long as its slices");
    if (mete__span_cache(owner) != NULL || (owner & METE__OWNER_LARGE) == 0)
        return broken(audit, "I8", "a large span has an owner");
    if (watched != (span->records != NULL) || span->free != NULL)
        return broken(audit, "I8", "a large span's record does not go with its owner");
    return true;
}

static bool is_dead(const struct mete__cache *cache) {
    return __atomic_load_n(&cache->state, __ATOMIC_RELAXED) == METE__CACHE_DEAD;
}

static bool check_blocks(struct audit *audit, const struct mete__span *span, const char *memory) {
    uintptr_t owner = mete__span_owner(span);

    if (owner == 0) return true; /* taken by a thread that a fork has left behind */
    if (is_dead(mete__span_cache(owner))) return true;
    if (span->size_class >= METE__CLASSES) return broken(audit, "I3", "there is no such class");
    size_t bytes = mete__size_class_bytes(span->size_class);
    if (span->block_bytes != bytes ||
        span->capacity != ((size_t)span->slices << METE__SLICE_SHIFT) / bytes ||
        span->carved > span->capacity)
        return broken(audit, "I3", "class, size, capacity and carved do not go together");
    if ((owner & METE__OWNER_WATCHED) != 0 ? !check_watched(audit, span)
                                           : !check_plain(audit, span, memory))
        return false;
    if ((owner & METE__OWNER_FULL) == 0)
        audit->open_spans++;
    else if (span->used != span->carved || span->carved != span->capacity)
        return broken(audit, "I6", "a full span has free blocks");
    return true;
}

static bool check_span(void *context, struct mete__span *span, char *memory) {
    struct audit *audit = context;

    audit->fault->span = span;
    audit->fault->address = memory;
    if (mete__span_private(mete__span_owner(span)) != NULL) return true; /* see check_private */
    if (span->kind == METE__SPAN_LARGE) return check_large(audit, span);
    if (span->kind != METE__SPAN_BLOCKS) return broken(audit, "I2", "the kind is unknown");
    return check_blocks(audit, span, memory);
}

static bool check_spans(struct audit *audit) {
    for (size_t i = 0; i < mete__region_count(); i++) {
        audit->region = audit->fault->region = mete__region_at(i);
        if (!check_other_descriptors(audit)) return false;
    }
    audit->fault->region = NULL;
    if (!mete__slices_each(check_span, audit)) return false;
    audit->fault->span = NULL;
    audit->fault->address = NULL;
    return true;
}

/* ---- C: caches ---- */

static bool check_list(struct audit *audit, const struct mete__bin *bin, unsigned size_class,
                       uintptr_t owner) {
    const struct mete__span *previous = NULL;

    for (const struct mete__span *span = bin->first; span != NULL;
         previous = span, span = span->next) {
        audit->fault->span = span;
        if (audit->listed++ == audit->open_spans)
            return broken(audit, "I5", "more spans are listed than are not full");
        if ((mete__span_owner(span) & ~METE__OWNER_CUSHION) != owner ||
            span->size_class != size_class)
            return broken(audit, "C2", "a span of another owner or class is listed");
        if (span->previous != previous)
            return broken(audit, "C2", "a span does not lead back to the one before it");
    }
    audit->fault->span = NULL;
    if (bin->last != previous) return broken(audit, "C2", "a bin's last span is not the last");
    return true;
}

static bool check_tables(struct audit *audit, const struct mete__cache *cache) {
    for (unsigned c = 0; c < METE__CLASSES; c++) {
        const struct mete__span *first = cache->bins[c].first;
        if (first == NULL || cache->watch_mode == METE__WATCH_ALL || mete__checked != NULL)
            first = &mete__cache_no_span;
        if (cache->serving[c] != first)
            return broken(audit, "C1", "a class is not served by the first span of its bin");
    }
    for (size_t slot = 0; slot < METE__DIRECT_SLOTS; slot++)
        if (cache->direct[slot] != cache->serving[mete__size_class_of(slot * 16)])
            return broken(audit, "C1", "a size is not served by the span of its class");
    return true;
}

/* Blocks that are on their way to `home`. Adds up what they are. */
static bool check_sent(struct audit *audit, const struct mete__cache *home,
                       const struct mete__block *block, struct mete__chain *sum) {
    char *memory;

    for (; block != NULL; block = block->next) {
        const struct mete__span *span = mete__slices_find(block, &memory);
        if (span == NULL || mete__span_cache(mete__span_owner(span)) != home)
            return broken_at(audit, "C4", "what is sent to a cache is no block of its", block);
        size_t offset = (size_t)((const char *)block - memory);
        if (offset % span->block_bytes != 0 || offset / span->block_bytes >= span->carved ||
            span->used == 0)
            return broken_at(audit, "C4", "what is sent to a cache is no used block", block);
        sum->blocks++;
        sum->bytes += (uint32_t)span->block_bytes;
    }
    return true;
}

static bool check_post(struct audit *audit, const struct mete__cache *cache) {
    struct mete__chain sum = {.blocks = 0};

    if (!check_sent(audit, cache, __atomic_load_n(&cache->inbox, __ATOMIC_ACQUIRE), &sum))
        return false;
    for (unsigned i = 0; i < METE__OUTBOX_CHAINS; i++) {
        const struct mete__chain *chain = &cache->outbox.chains[i];
        sum = (struct mete__chain){.blocks = 0};
        if (chain->home != NULL) {
            if (mete__outbox_place(chain->home) != i)
                return broken(audit, "C4", "a chain is not where its home has it");
            if (!check_sent(audit, chain->home, chain->first, &sum)) return false;
        }
        if (sum.blocks != chain->blocks || sum.bytes != chain->bytes)
            return broken_at(audit, "C4", "a chain does not count well", chain->first);
    }
    return true;
}

static bool check_cache(struct audit *audit, const struct mete__cache *cache) {
    for (unsigned c = 0; c < METE__CLASSES; c++)
        if (!check_list(audit, &cache->bins[c], c, (uintptr_t)cache) ||
            !check_list(audit, &cache->watched[c], c, (uintptr_t)cache | METE__OWNER_WATCHED))
            return false;
    if (!check_tables(audit, cache) || !check_post(audit, cache)) return false;
    if (__atomic_load_n(&cache->busy, __ATOMIC_RELAXED) != 0)
        return broken(audit, "C5", "a cache is busy");
    return true;
}

static bool owner_is_known(void *context, struct mete__span *span, char *memory) {
    struct audit *audit = context;
    const struct mete__cache *owner = mete__span_cache(mete__span_owner(span));

    if (owner == NULL || mete__span_private(mete__span_owner(span)) != NULL) return true;
    for (const struct mete__cache *cache = mete__cache_all(); cache != NULL; cache = cache->next)
        if (cache == owner) return true;
    audit->fault->span = span;
    return broken_at(audit, "C3", "a span's owner is no cache", memory);
}

static bool check_empty_cache(struct audit *audit) {
    static const struct mete__span untouched;

    audit->fault->cache = &mete__cache_empty;
    if (__builtin_memcmp(&mete__cache_no_span, &untouched, sizeof untouched) != 0)
        return broken(audit, "C5", "the empty span has changed");
    for (size_t slot = 0; slot < METE__DIRECT_SLOTS; slot++)
        if (mete__cache_empty.direct[slot] != &mete__cache_no_span)
            return broken(audit, "C5", "the empty cache has a span");
    for (unsigned c = 0; c < METE__CLASSES; c++)
        if (mete__cache_empty.serving[c] != &mete__cache_no_span)
            return broken(audit, "C5", "the empty cache has a span");
    if (mete__cache_empty.inbox != NULL || mete__cache_empty.busy != 1)
        return broken(audit, "C5", "the empty cache has been used");
    audit->fault->cache = NULL;
    return true;
}

static bool check_caches(struct audit *audit) {
    for (const struct mete__cache *cache = mete__cache_all(); cache != NULL; cache = cache->next) {
        audit->fault->cache = cache;
        if (!is_dead(cache) && !check_cache(audit, cache)) return false;
    }
    audit->fault->cache = NULL;
    if (audit->listed != audit->open_spans)
        return broken(audit, "I5", "a span that is not full is in no list");
    return check_empty_cache(audit);
}

/* ---- P: private heaps ---- */
static bool check_private(void *context, struct mete__holder *holder) {
    struct audit *audit = context;
    if (holder->methods->kind != METE__HOLDER_HEAP) return true;
    const mete_heap *heap = METE_CONTAINER_OF(holder, mete_heap, holder);
    audit->private_spans += heap->spans;
    return mete__private_walk_verify(heap) ||
           broken_at(audit, "P", "a private heap is damaged", heap);
}

static bool count_private(void *context, struct mete__span *span, char *memory) {
    size_t *spans = context;
    *spans -= mete__span_private(mete__span_owner(span)) != NULL && memory != NULL;
    return true;
}

static bool check_privates(struct audit *audit) {
    if (!mete__registry_each(check_private, audit)) return false;
    audit->private_spans += mete__checked != NULL ? mete__checked->spans : 0;
    mete__slices_each(count_private, &audit->private_spans);
    return audit->private_spans == 0 || broken(audit, "P", "a span's owner is no private heap");
}

bool mete__audit_heap(struct mete__audit_fault *fault) {
    struct audit audit = {.fault = fault};

    *fault = (struct mete__audit_fault){.invariant = NULL};
    /* C3 first: what a span's owner is must be known before the owner is looked at. */
    return check_regions(&audit) && check_slices(&audit) &&
           mete__slices_each(owner_is_known, &audit) && check_spans(&audit) &&
           check_caches(&audit) && check_privates(&audit);
}

/* ---- S7 ---- */

/* One comparison: fuzzers follow every single one, and would do little else. */
static bool is_zero(const char *memory, size_t size) {
    return memory[0] == 0 && memcmp(memory, memory + 1, size - 1) == 0;
}

bool mete__audit_zeros(struct mete__audit_fault *fault) {
    struct audit audit = {.fault = fault};

    *fault = (struct mete__audit_fault){.invariant = NULL};
    for (size_t i = 0; i < mete__region_count(); i++) {
        const struct mete__region *region = mete__region_at(i);
        fault->region = region;
        for (size_t slice = region->first; slice < region->top; slice++) {
            const struct mete__slice_word *state = &region->words[slice / 64];
            uint64_t clean = state->committed & ~state->used & ~state->dirty;
            const char *memory = slice_address(region, slice);
            if ((clean >> slice % 64 & 1) == 0) continue;
            mete__checkers_open(memory, METE__SLICE_SIZE); /* until it is taken */
            if (!is_zero(memory, METE__SLICE_SIZE))
                return broken_at(&audit, "S7", "a clean slice is not zero", memory);
        }
    }
    return true;
}

void mete__audit_explain(const struct mete__audit_fault *fault, struct mete__text *text) {
    mete__text_add(text, "%s: %s", fault->invariant, fault->text);
    if (fault->region != NULL) mete__text_add(text, ", region %p", (void *)fault->region->base);
    if (fault->cache != NULL) mete__text_add(text, ", cache %p", (const void *)fault->cache);
    if (fault->span != NULL)
        mete__text_add(text, ", span %p (kind %u, class %u, owner %p, used %u, carved %u)",
                       (const void *)fault->span, (unsigned)fault->span->kind,
                       (unsigned)fault->span->size_class, (void *)mete__span_owner(fault->span),
                       fault->span->used, (unsigned)fault->span->carved);
    if (fault->address != NULL) mete__text_add(text, ", at %p", fault->address);
}
