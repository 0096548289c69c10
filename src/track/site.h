/*
 * track/site.h - counters per stack, a set of them for each shard.
 *
 * A site's counters are kept twice: here, in private memory, where they are added to, and in the
 * profile, where every change is stored at once. So what the file says is never believed, and a
 * forked child knows what the counters were at the moment of the fork, however its parent has gone
 * on in the shared file since.
 *
 * A table and its sites are written by one thread at a time, the owner of the shard.
 */
#ifndef METE_TRACK_SITE_H
#define METE_TRACK_SITE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "profile/format.h"
#include "track/level.h"

/* The private copy of a struct mete_profile_site: one cache line. */
struct mete__site {
    uint64_t allocations;
    uint64_t frees;
    uint64_t allocated_bytes;
    uint64_t freed_bytes;
    uint64_t temporary;
    int64_t at_peak_bytes;
    int64_t own_peak_bytes; /* of a shared site: the live bytes last told to the account */
    uint32_t peak_epoch;
    uint32_t place; /* atomic: the record's offset in the profile, bytes, and METE__SITE_* flags */
};
static_assert(sizeof(struct mete__site) == METE_CACHE_LINE, "a site is one cache line");

/* Another shard has a site of the same stack, so that their peak is found together (account.h). */
#define METE__SITE_SHARED   1u /* set by the thread that finds out */
#define METE__SITE_ACCEPTED 2u /* set by the owner, who knows it too */
#define METE__SITE_FLAGS    (sizeof(struct mete_profile_site) - 1)

/* The sizes are here, where counting a block looks anyway to find its site: the usual case is the
 * size before. */
struct mete__site_entry {
    uint32_t key;      /* stack + 1; 0: free */
    uint32_t usual;    /* the size that was last noted; METE__SITE_SIZE_MAX: none, or as large */
    uint32_t min, max; /* as in struct mete_profile_sizes; min > max: none yet */
    uint32_t step;
    uint32_t sizes; /* index + 1 of that record; 0: there is none */
    struct mete__site *site;
};
static_assert(sizeof(struct mete__site_entry) == 32, "two to a cache line");

#define METE__SITE_SIZE_MAX UINT32_MAX

/* Sites by stack: a hash table with open addressing, and the memory that new sites come from. */
struct mete__site_table {
    struct mete__site_entry *entries;
    uint32_t shift; /* 32 - log2(capacity) */
    uint32_t used;
    struct mete__site *unknown;   /* the site of stack 0: for all that cannot have its own */
    unsigned char *profile;       /* where it is mapped */
    struct mete__site_slab *slab; /* the newest; sites are never given back */
};

/* Makes an empty table whose site of stack 0 is in the profile already. -ENOMEM or -ENOSPC. */
METE_HIDDEN int mete__site_table_init(struct mete__site_table *table);
METE_HIDDEN struct mete__site *mete__site_find_or_add(struct mete__site_table *table,
                                                      uint32_t stack);

METE_INLINE uint32_t mete__site_place(uint32_t stack, uint32_t shift) {
    return stack * 0x9e3779b1u >> shift;
}

/* Where the stack's entry is, if its key says so; else it may be elsewhere, or there is none. */
METE_INLINE const struct mete__site_entry *mete__site_entry_of(const struct mete__site_table *table,
                                                               uint32_t stack) {
    return &table->entries[mete__site_place(stack, table->shift)];
}

/* The stack's site in this table, a new one if need be; `unknown` where there is no room for it. */
METE_INLINE struct mete__site *mete__site_of(struct mete__site_table *table, uint32_t stack) {
    const struct mete__site_entry *entry = mete__site_entry_of(table, stack);
    if (METE_LIKELY(entry->key == stack + 1)) return entry->site;
    return mete__site_find_or_add(table, stack);
}

/* Whether a block of this size is a reason to note it. */
METE_INLINE bool mete__site_is_news(const struct mete__site_entry *entry, uint64_t size) {
    if (METE_LIKELY(entry->usual == size)) return false;
    return size < entry->min || size > entry->max ||
           (entry->step != 0 && (uint32_t)(size - entry->min) % entry->step != 0);
}

/* A block of this size was allocated at the stack, which has been looked up. */
METE_HIDDEN void mete__site_note_size(struct mete__site_table *table, uint32_t stack,
                                      uint64_t size);

/* The site's record in the profile. */
METE_INLINE struct mete_profile_site *mete__site_record(const struct mete__site_table *table,
                                                        const struct mete__site *site) {
    size_t offset = __atomic_load_n(&site->place, __ATOMIC_RELAXED) & ~METE__SITE_FLAGS;
    return (struct mete_profile_site *)(void *)(table->profile + offset);
}

METE_INLINE bool mete__site_is(const struct mete__site *site, uint32_t flag) {
    return (__atomic_load_n(&site->place, __ATOMIC_RELAXED) & flag) != 0;
}

/* Whether the site has noted what it held at the newest peak. */
METE_INLINE bool mete__site_has_noted(const struct mete__site *site) {
    return site->peak_epoch == __atomic_load_n(&mete__level.epoch, __ATOMIC_RELAXED);
}

/* Allocated minus freed; below 0 where other shards' blocks were freed here. */
METE_INLINE int64_t mete__site_live_bytes(const struct mete__site *site) {
    return (int64_t)(__atomic_load_n(&site->allocated_bytes, __ATOMIC_RELAXED) -
                     __atomic_load_n(&site->freed_bytes, __ATOMIC_RELAXED));
}

/* What a reader of the profile finds when it adds up sites. */
struct mete__site_sums {
    uint64_t allocations, frees;
    uint64_t allocated_bytes, freed_bytes;
};

/* Stores all private counters in the profile again, whatever it says now, and adds them to sums. */
METE_HIDDEN void mete__site_rewrite(const struct mete__site_table *table,
                                    struct mete__site_sums *sums);

#endif
