/* track/site.h */
#include "track/site.h"

#include <errno.h>
#include <string.h>

#include "os/meta.h"
#include "profile/writer.h"
#include "track/account.h"

enum {
    FIRST_SHIFT = 32 - 6,   /* 64 entries: 2 KiB */
    ROOM = 4,               /* entries for each that is used: most look-ups end at the first */
    FIRST_SLAB_BYTES = 512, /* threads that allocate little are many */
    SLAB_BYTES = 4096,
};

struct mete__site_slab {
    struct mete__site_slab *next;
    size_t used;
    size_t capacity;
    struct mete__site sites[] METE_ALIGNED(METE_CACHE_LINE);
};

static size_t capacity_of(uint32_t shift) {
    return (size_t)1 << (32 - shift);
}

static struct mete__site *take_site(struct mete__site_table *table) {
    if (table->slab == NULL || table->slab->used == table->slab->capacity) {
        size_t bytes = table->slab == NULL ? FIRST_SLAB_BYTES : SLAB_BYTES;
        struct mete__site_slab *slab = mete__meta_alloc(bytes);
        if (slab == NULL) return NULL;
        slab->capacity = (bytes - sizeof *slab) / sizeof slab->sites[0];
        slab->next = table->slab;
        table->slab = slab;
    }
    return &table->slab->sites[table->slab->used++];
}

/* A new site with its record in the profile, in no table yet; NULL where there is no room. */
static struct mete__site *make_site(struct mete__site_table *table, uint32_t stack) {
    int64_t index = mete__writer_reserve(METE_SECTION_SITES, 1);
    if (index < 0) return NULL;
    struct mete__site *site = take_site(table);
    if (site == NULL) return NULL; /* its record stays all zero, as readers expect */

    struct mete_profile_site *record = mete__writer_record(METE_SECTION_SITES, (uint64_t)index);
    site->place = (uint32_t)((unsigned char *)record - table->profile);
    record->stack = stack;
    mete__writer_publish(METE_SECTION_SITES, (uint64_t)index);
    return site;
}

/* The entry of the stack, or the free one where it belongs. There is always a free one. */
static struct mete__site_entry *probe(struct mete__site_entry *entries, uint32_t shift,
                                      uint32_t stack) {
    uint32_t place = mete__site_place(stack, shift);
    while (entries[place].key != 0 && entries[place].key != stack + 1)
        place = (place + 1) & (uint32_t)(capacity_of(shift) - 1);
    return &entries[place];
}

/* Doubles the table. A thread that vanishes in a fork between the last two stores leaves a large
 * table that is used like a small one: sites are then made twice, which readers add up. */
static bool grow(struct mete__site_table *table) {
    uint32_t shift = table->shift - 1;
    struct mete__site_entry *old = table->entries;
    size_t old_bytes = capacity_of(table->shift) * sizeof *old;
    struct mete__site_entry *entries = mete__meta_alloc(old_bytes * 2);

    if (entries == NULL) return false;
    for (size_t i = 0; i < capacity_of(table->shift); i++)
        if (old[i].key != 0) *probe(entries, shift, old[i].key - 1) = old[i];
    __atomic_store_n(&table->entries, entries, __ATOMIC_RELEASE);
    __atomic_store_n(&table->shift, shift, __ATOMIC_RELEASE);
    mete__meta_free(old, old_bytes);
    return true;
}

struct mete__site *mete__site_find_or_add(struct mete__site_table *table, uint32_t stack) {
    struct mete__site_entry *entry = probe(table->entries, table->shift, stack);
    if (entry->key != 0) return entry->site;

    size_t capacity = capacity_of(table->shift);
    if (table->used >= capacity / ROOM && grow(table)) {
        capacity *= 2;
        entry = probe(table->entries, table->shift, stack);
    }
    if (table->used >= capacity - 1) return table->unknown;

    struct mete__site *site = make_site(table, stack);
    if (site == NULL)
        site = table->unknown; /* remembered, so that it is not tried again with each block */
    else
        mete__account_join(site, stack);
    *entry = (struct mete__site_entry){
        .usual = METE__SITE_SIZE_MAX, .min = METE__SITE_SIZE_MAX, .site = site};
    __atomic_store_n(&entry->key, stack + 1, __ATOMIC_RELEASE);
    table->used++;
    return site;
}

int mete__site_table_init(struct mete__site_table *table) {
    size_t bytes = capacity_of(FIRST_SHIFT) * sizeof *table->entries;

    memset(table, 0, sizeof *table);
    table->profile = (unsigned char *)mete__writer_header();
    table->shift = FIRST_SHIFT;
    table->entries = mete__meta_alloc(bytes);
    if (table->entries == NULL) return -ENOMEM;
    table->unknown = make_site(table, 0);
    if (table->unknown == NULL) goto fail_entries;
    struct mete__site_entry *entry = probe(table->entries, table->shift, 0);
    *entry =
        (struct mete__site_entry){.key = 1, .usual = METE__SITE_SIZE_MAX, .site = table->unknown};
    table->used = 1;
    return 0;

fail_entries:
    mete__meta_free(table->slab, FIRST_SLAB_BYTES); /* no other could follow yet */
    mete__meta_free(table->entries, bytes);
    return -ENOSPC;
}

/* ---- sizes ---- */

static uint32_t common_divisor(uint32_t a, uint32_t b) {
    while (b != 0) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static void write_sizes(const struct mete__site_entry *entry) {
    struct mete_profile_sizes *record = mete__writer_record(METE_SECTION_SIZES, entry->sizes - 1);

    __atomic_store_n(&record->max, entry->max, __ATOMIC_RELEASE); /* never less than min */
    __atomic_store_n(&record->min, entry->min, __ATOMIC_RELEASE);
    __atomic_store_n(&record->step, entry->step, __ATOMIC_RELAXED);
}

/* The record of a site whose blocks have begun to differ. */
static void add_sizes(const struct mete__site_table *table, struct mete__site_entry *entry) {
    const struct mete_profile_site *site = mete__site_record(table, entry->site);
    int64_t index = mete__writer_reserve(METE_SECTION_SIZES, 1);

    if (index < 0) {
        mete__writer_header()->dropped_sizes = 1;
        return;
    }
    struct mete_profile_sizes *record = mete__writer_record(METE_SECTION_SIZES, (uint64_t)index);
    record->site = (uint32_t)mete__writer_index(METE_SECTION_SITES, site);
    entry->sizes = (uint32_t)index + 1;
    write_sizes(entry);
    mete__writer_publish(METE_SECTION_SIZES, (uint64_t)index);
}

void mete__site_note_size(struct mete__site_table *table, uint32_t stack, uint64_t wide) {
    struct mete__site_entry *entry = probe(table->entries, table->shift, stack);
    uint32_t size = wide < METE__SITE_SIZE_MAX ? (uint32_t)wide : METE__SITE_SIZE_MAX;

    if (entry->key == 0 || entry->site == table->unknown || !mete__site_is_news(entry, wide))
        return;
    entry->usual = size;
    if (entry->min > entry->max) {
        entry->min = entry->max = size;
        return;
    }
    entry->step =
        common_divisor(entry->step, size < entry->min ? entry->min - size : size - entry->min);
    if (size < entry->min) entry->min = size;
    if (size > entry->max) entry->max = size;
    if (entry->min == entry->max) return;
    if (entry->sizes == 0)
        add_sizes(table, entry);
    else
        write_sizes(entry);
}

/* ---- all once more ---- */

static void rewrite_site(const struct mete__site_table *table, const struct mete__site *site) {
    struct mete_profile_site *record = mete__site_record(table, site);

    record->peak_epoch = site->peak_epoch;
    record->allocations = site->allocations;
    record->frees = site->frees;
    record->allocated_bytes = site->allocated_bytes;
    record->freed_bytes = site->freed_bytes;
    record->temporary = site->temporary;
    record->at_peak_bytes = site->at_peak_bytes;
    /* The own peak of a shared site's stack is in the account; what the file says is close to it.
     */
    if (!mete__site_is(site, METE__SITE_SHARED)) record->own_peak_bytes = site->own_peak_bytes;
}

static void add_to(struct mete__site_sums *sums, const struct mete__site *site) {
    sums->allocations += site->allocations;
    sums->frees += site->frees;
    sums->allocated_bytes += site->allocated_bytes;
    sums->freed_bytes += site->freed_bytes;
}

void mete__site_rewrite(const struct mete__site_table *table, struct mete__site_sums *sums) {
    for (const struct mete__site_slab *slab = table->slab; slab != NULL; slab = slab->next)
        for (size_t i = 0; i < slab->used; i++) {
            rewrite_site(table, &slab->sites[i]);
            add_to(sums, &slab->sites[i]);
        }
    for (size_t i = 0; i < capacity_of(table->shift); i++)
        if (table->entries[i].sizes != 0) write_sizes(&table->entries[i]);
}
