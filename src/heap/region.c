/* heap/region.h */
#include "heap/region.h"

#include <string.h>

#include "os/checkers.h"
#include "os/memory.h"
#include "os/meta.h"

enum {
    REGIONS_MAX = 4096,
    MIB_SHIFT = 20,
    LEAF_SHIFT = 14, /* a leaf of the table covers 16 GiB */
    ROOT_SHIFT = 14, /* the root covers 48 bits of address */
    READY_STEP_MIN = 4096,
    READY_STEP_MAX = 262144,
};
static const size_t home_sizes[] = {(size_t)1 << 40, (size_t)1 << 34}; /* tried in turn */
static const size_t smallest_region = (size_t)1 << MIB_SHIFT;
static const size_t largest_region = (size_t)64 << MIB_SHIFT;

struct mete__home mete__region_home;

static struct mete__region regions[REGIONS_MAX];
static size_t region_count;
/* Which region a MiB of address space belongs to: index + 1, 0 for none. The home region is not in
 * it. */
static uint16_t *table[(size_t)1 << ROOT_SHIFT];

size_t mete__region_count(void) {
    return __atomic_load_n(&region_count, __ATOMIC_ACQUIRE);
}

struct mete__region *mete__region_at(size_t index) {
    return &regions[index];
}

static size_t words_of(size_t slices) {
    return (slices + 63) / 64;
}

static size_t metadata_size(size_t slices) {
    size_t words = words_of(slices);
    return slices * sizeof(struct mete__span) + words * sizeof(struct mete__slice_word) +
           words_of(words) * sizeof(uint64_t);
}

static size_t metadata_slices(size_t slices) {
    return (metadata_size(slices) + METE__SLICE_SIZE - 1) >> METE__SLICE_SHIFT;
}

/* Commits the pages that hold [start, start + size); pages committed before are committed again,
 * which is harmless. */
static bool commit_around(const void *start, size_t size) {
    size_t page = mete__memory_page_size();
    uintptr_t from = mete__round_down((uintptr_t)start, page);
    uintptr_t to = mete__round_up((uintptr_t)start + size, page);

    if (mete__memory_commit((void *)from, to - from) != 0) return false;
    mete__memory_wish_huge((void *)from, to - from, false);
    return true;
}

static bool commit_metadata(const struct mete__region *region, size_t ready, size_t target) {
    size_t word = ready / 64;
    return commit_around(mete__region_span(region, ready),
                         (target - ready) * sizeof(struct mete__span)) &&
           commit_around(&region->words[word],
                         (words_of(target) - word) * sizeof(struct mete__slice_word)) &&
           commit_around(&region->full[word / 64],
                         (words_of(words_of(target)) - word / 64) * sizeof(uint64_t));
}

bool mete__region_make_ready(struct mete__region *region, size_t end) {
    size_t ready = region->ready;
    if (end <= ready) return true;
    if (end > region->slices) return false;

    size_t step = ready < READY_STEP_MIN ? READY_STEP_MIN : ready;
    if (step > READY_STEP_MAX) step = READY_STEP_MAX;
    size_t target = mete__round_up(end, READY_STEP_MIN);
    if (target < ready + step) target = ready + step;
    if (target > region->slices) target = region->slices;

    if (!commit_metadata(region, ready, target)) {
        /* Less may be granted than a step. */
        target =
            mete__round_up(end, 64) < region->slices ? mete__round_up(end, 64) : region->slices;
        if (!commit_metadata(region, ready, target)) return false;
    }
    __atomic_store_n(&region->ready, target, __ATOMIC_RELEASE);
    if (region->base == mete__region_home.base)
        __atomic_store_n(&mete__region_home.extent, target << METE__SLICE_SHIFT, __ATOMIC_RELEASE);
    return true;
}

/* The metadata's own slices are below `first`, where no search looks; only those that share a word
 * group with the first usable slice need their bits. */
static void hide_metadata(struct mete__region *region) {
    region->words[region->first / 64].used = ((uint64_t)1 << region->first % 64) - 1;
}

/* Lays out the metadata of a reserved range and makes the first slices ready. */
static bool lay_out(struct mete__region *region, void *start, size_t size) {
    size_t slices = size >> METE__SLICE_SHIFT;
    region->base = (uintptr_t)start;
    region->slices = region->laid_out = slices;
    region->first = metadata_slices(slices);
    region->ready = 0;
    region->top = region->first;
    region->touched = region->first;
    region->lowest = region->first;
    region->words = (struct mete__slice_word *)mete__region_span(region, slices);
    region->full = (uint64_t *)(region->words + words_of(slices));
    if (!mete__region_make_ready(region, region->first + 1)) return false;
    hide_metadata(region);
    mete__checkers_root(start, size);
    return true;
}

/* Enters the region's MiBs in the table as `entry`. False where a leaf cannot be had. */
static bool enter_in_table(const struct mete__region *region, uint16_t entry) {
    uintptr_t first = region->base >> MIB_SHIFT;
    uintptr_t last = (region->base + (region->slices << METE__SLICE_SHIFT) - 1) >> MIB_SHIFT;

    if (last >> (LEAF_SHIFT + ROOT_SHIFT) != 0) return false;
    for (uintptr_t mib = first; mib <= last; mib++) {
        uint16_t **leaf = &table[mib >> LEAF_SHIFT];
        if (*leaf == NULL) {
            uint16_t *fresh = mete__meta_map(sizeof(uint16_t) << LEAF_SHIFT);
            if (fresh == NULL) return false;
            __atomic_store_n(leaf, fresh, __ATOMIC_RELEASE);
        }
        __atomic_store_n(&(*leaf)[mib & (((uintptr_t)1 << LEAF_SHIFT) - 1)], entry,
                         __ATOMIC_RELEASE);
    }
    return true;
}

static struct mete__region *add_home(size_t size) {
    struct mete__region *region = &regions[0];
    void *start = mete__memory_reserve(size, METE__SLICE_SIZE);

    if (start == NULL) return NULL;
    mete__region_home.base = (uintptr_t)start;
    if (!lay_out(region, start, size)) {
        mete__region_home = (struct mete__home){0, 0};
        mete__memory_release(start, size);
        return NULL;
    }
    __atomic_store_n(&region_count, 1, __ATOMIC_RELEASE);
    return region;
}

static size_t next_size = smallest_region; /* of the next region: double that of the last one */

/* The size to try first, not above an eighth of what is left, but enough. */
static size_t region_size(size_t needed) {
    size_t size = next_size;
    size_t left = mete__memory_left();

    if (left != SIZE_MAX && size > left / 8) size = mete__round_down(left / 8, smallest_region);
    if (size < smallest_region) size = smallest_region;
    return size > needed ? size : needed;
}

/* Without the end of the region that is too short for a span of `slices`: where address space is
 * limited, it is better left to others. */
static size_t without_rest(size_t size, size_t slices) {
    size_t all = size >> METE__SLICE_SHIFT;
    size_t usable = all - metadata_slices(all);
    return (all - usable % slices) << METE__SLICE_SHIFT;
}

/* What stays of a region that is removed. */
static size_t kept_size(const struct mete__region *region) {
    return mete__round_up(metadata_size(region->laid_out), mete__memory_page_size());
}

/* Leaves of the region what a look-up may still be reading, all zero. */
static void retire(struct mete__region *region) {
    size_t size = region->laid_out << METE__SLICE_SHIFT, kept = kept_size(region);

    __atomic_store_n(&region->ready, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&region->top, 0, __ATOMIC_RELEASE);
    region->slices = 0;
    mete__memory_release((char *)region->base + kept, size - kept);
    if (mete__memory_purge((void *)region->base, kept) != 0) memset((void *)region->base, 0, kept);
}

/* A region that could not be made. Of a new one nobody has read a word. */
static void give_up(struct mete__region *region, bool is_new) {
    if (!is_new) {
        retire(region);
        return;
    }
    region->slices = region->top = region->ready = 0;
    mete__memory_release((void *)region->base, region->laid_out << METE__SLICE_SHIFT);
}

/* Reserves again what belonged to a removed region that has room for `slices` and is not larger
 * than `size`; NULL where there is none. */
static struct mete__region *reserve_former(size_t slices, size_t size) {
    for (size_t i = 0; i < region_count; i++) {
        struct mete__region *region = &regions[i];
        size_t former = region->laid_out << METE__SLICE_SHIFT, kept = kept_size(region);
        if (region->slices != 0 || former > size || region->laid_out < region->first + slices)
            continue;
        if (mete__memory_reserve_at((char *)region->base + kept, former - kept)) return region;
    }
    return NULL;
}

/* Another place, and `size` bytes for it, or at least `needed`. */
static struct mete__region *reserve_new(size_t needed, size_t size) {
    if (region_count == REGIONS_MAX) return NULL;
    struct mete__region *region = &regions[region_count];
    void *start = mete__memory_reserve(size, smallest_region);
    if (start == NULL && size > needed) {
        size = needed;
        start = mete__memory_reserve(size, smallest_region);
    }
    if (start == NULL) return NULL;
    region->base = (uintptr_t)start;
    region->laid_out = size >> METE__SLICE_SHIFT;
    return region;
}

struct mete__region *mete__region_add(size_t slices) {
    if (region_count == 0 && mete__memory_unlimited()) {
        for (size_t i = 0; i < METE_COUNT_OF(home_sizes); i++) {
            struct mete__region *home = add_home(home_sizes[i]);
            if (home != NULL) return home;
        }
    }
    if (slices > home_sizes[0] >> METE__SLICE_SHIFT) return NULL;
    size_t needed = slices + 1;
    while (needed - slices < metadata_slices(needed)) needed++;
    needed <<= METE__SLICE_SHIFT;

    size_t size = without_rest(region_size(needed), slices);
    struct mete__region *region = reserve_former(slices, size);
    bool is_new = region == NULL;
    if (is_new) region = reserve_new(needed, size);
    if (region == NULL) return NULL;
    size = region->laid_out << METE__SLICE_SHIFT;
    if (!lay_out(region, (void *)region->base, size) ||
        !mete__region_make_ready(region, region->slices) ||
        !enter_in_table(region, (uint16_t)(region - regions + 1))) {
        give_up(region, is_new);
        return NULL;
    }
    if (is_new) __atomic_store_n(&region_count, region_count + 1, __ATOMIC_RELEASE);
    if (next_size < largest_region) next_size *= 2;
    return region;
}

void mete__region_remove(struct mete__region *region) {
    enter_in_table(region, 0);
    retire(region);
}

struct mete__region *mete__region_of(const void *address) {
    uintptr_t offset = (uintptr_t)address - mete__region_home.base;
    if (offset < mete__region_home.extent) return &regions[0];

    uintptr_t mib = (uintptr_t)address >> MIB_SHIFT;
    if (mib >> (LEAF_SHIFT + ROOT_SHIFT) != 0) return NULL;
    const uint16_t *leaf = __atomic_load_n(&table[mib >> LEAF_SHIFT], __ATOMIC_ACQUIRE);
    if (leaf == NULL) return NULL;
    uint16_t index =
        __atomic_load_n(&leaf[mib & (((uintptr_t)1 << LEAF_SHIFT) - 1)], __ATOMIC_ACQUIRE);
    return index == 0 ? NULL : &regions[index - 1];
}

uint64_t mete__region_mask(size_t word, size_t from, size_t count) {
    size_t low = word * 64, high = low + 64;
    size_t start = from > low ? from : low;
    size_t end = from + count < high ? from + count : high;
    uint64_t bits = end - start == 64 ? UINT64_MAX : ((uint64_t)1 << (end - start)) - 1;
    return bits << (start - low);
}

size_t mete__region_next(const struct mete__region *region, size_t from, size_t limit, bool used) {
    while (from < limit) {
        size_t word = from / 64;
        uint64_t bits = used ? region->words[word].used : ~region->words[word].used;
        bits &= UINT64_MAX << from % 64;
        if (bits != 0) {
            size_t found = word * 64 + (size_t)__builtin_ctzll(bits);
            return found < limit ? found : limit;
        }
        from = (word + 1) * 64;
        /* Whole groups of 64 full words are skipped by their summary. */
        while (!used && from < limit && from % 4096 == 0 && region->full[from / 4096] == UINT64_MAX)
            from += 4096;
    }
    return limit;
}

size_t mete__region_dirty(const struct mete__region *region, size_t from, size_t count) {
    size_t dirty = 0;
    for (size_t word = from / 64; word <= (from + count - 1) / 64; word++)
        dirty += (size_t)__builtin_popcountll(region->words[word].dirty &
                                              mete__region_mask(word, from, count));
    return dirty;
}
