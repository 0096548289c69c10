/*
 * track/shard.h - what one thread allocates and frees, counted where no other thread writes.
 *
 * A shard hangs on a cache of the heap and passes with it from thread to thread. Counting a block
 * touches the shard, its site, and the records of both in the profile: no lock, no atomic
 * read-modify-write, no line of memory that another thread writes, but for what level.h and
 * account.h say.
 *
 * Shards are never given back. There are at most METE__SHARDS_MAX, as a block's record must name
 * its own.
 */
#ifndef METE_TRACK_SHARD_H
#define METE_TRACK_SHARD_H

#include <stddef.h>
#include <stdint.h>

#include "base/bits.h"
#include "base/compiler.h"
#include "heap/record.h"
#include "profile/format.h"
#include "track/account.h"
#include "track/level.h"
#include "track/site.h"

#define METE__SHARDS_MAX ((1u << 15) - 1)
#define METE__SHARD_NONE METE__SHARDS_MAX /* of a block that was not counted */

/* The 15 bits of the shard in a record's word. */
#define METE__RECORD_SHARD_MASK ((uint64_t)METE__SHARDS_MAX << METE__RECORD_SHARD_SHIFT)

struct mete__stack_memo;

struct mete__shard {
    uint32_t state; /* of the process, as the shard knows it (fork.h) */
    uint32_t index;
    uint64_t signature;   /* index, where records have it */
    uint64_t allocations; /* atomic, like all that follow: written by the owner, read by others */
    uint64_t frees;
    uint64_t freed_bytes;
    struct mete__level_share level;
    struct mete__site_table sites;
    struct mete__stack_memo *memo;
    struct mete_profile_shard *record;  /* in the profile */
    struct mete__shard *next;           /* in the list of all; never changes */
    struct mete_profile_shard counters; /* the truth that the record repeats */
};

struct mete__shard_totals {
    uint64_t allocations, frees;
    uint64_t allocated_bytes, freed_bytes;
    uint64_t samples; /* sampled mode: blocks that were watched; the rest is what they stand for */
    uint64_t unknown; /* of the allocations: those counted under stack 0 */
};

/* Allocations of threads that could not have a shard: they are in no count. Atomic. */
extern METE_HIDDEN uint64_t mete__shard_uncounted;

/* A new shard in the list of all, or NULL where there is no room for it. */
METE_HIDDEN struct mete__shard *mete__shard_create(void);
METE_HIDDEN struct mete__shard *mete__shard_all(void);

/* Adds up all shards; those of other threads as they were a moment ago. */
METE_HIDDEN struct mete__shard_totals mete__shard_sum(void);

/* Stores all counters of all shards in the profile again, whatever it says now, and says what a
 * reader will add up. */
METE_HIDDEN struct mete__site_sums mete__shard_rewrite_all(void);

/* Sets, or adds to, what other threads may read. */
#define METE__SET(counter, value)    __atomic_store_n(&(counter), value, __ATOMIC_RELAXED)
#define METE__COUNT(counter, amount) METE__SET(counter, (counter) + (amount))

/* Sets, or adds to, a field of the site or the shard, and repeats it in the profile. */
#define METE__SET_TWICE(truth, record, field, value)                  \
    do {                                                              \
        __typeof__((truth)->field) value_ = (value);                  \
        __atomic_store_n(&(truth)->field, value_, __ATOMIC_RELAXED);  \
        __atomic_store_n(&(record)->field, value_, __ATOMIC_RELAXED); \
    } while (0)
#define METE__COUNT_TWICE(truth, record, field, amount) \
    METE__SET_TWICE(truth, record, field, (truth)->field + (amount))

/* The number of significant bits in a size, found with one instruction more than a logarithm. */
METE_INLINE unsigned mete__shard_bucket(uint64_t size) {
    return mete__log2_floor(size * 2 + 1);
}
static_assert((METE__RECORD_SIZE_MAX >> (METE_SIZE_BUCKETS - 1)) == 0, "each size has a bucket");

/* A block was allocated at `stack`, which stands for `weight` such blocks (1, but for samples). Its
 * size is in its record; stack, sequence and shard are filled in. */
METE_HIDDEN void mete__shard_allocated(struct mete__shard *shard, struct mete__record *block,
                                       uint32_t stack, uint64_t weight);
/* The block is freed by this shard's thread, whoever allocated it. */
METE_HIDDEN void mete__shard_freed(struct mete__shard *shard, const struct mete__record *block,
                                   uint64_t weight);

/* The size in a record's word, and the word with the shard entered: loaded and stored whole,
 * because a load right after a narrower store would have to wait for it. */
METE_INLINE uint64_t mete__shard_size(uint64_t word) {
    return word & METE__RECORD_SIZE_MAX;
}
METE_INLINE uint64_t mete__shard_sign(const struct mete__shard *shard, uint64_t word) {
    return (word & ~METE__RECORD_SHARD_MASK) | shard->signature;
}

/* The usual case of mete__shard_allocated with weight 1: a known stack that is not shared, tells
 * nothing new by its size, and has noted what it held at the newest peak unless this is one. What
 * is unusual is found out first, so that the rest calls nothing. */
METE_INLINE void mete__shard_count_allocated(struct mete__shard *shard, struct mete__record *block,
                                             uint32_t stack) {
    const struct mete__site_entry *entry = mete__site_entry_of(&shard->sites, stack);
    struct mete__site *site = entry->site;
    uint64_t word = block->word;
    uint64_t size = mete__shard_size(word);
    int64_t headroom = shard->level.headroom - (int64_t)size;

    if (METE_UNLIKELY(entry->key != stack + 1 || mete__site_is_news(entry, size) ||
                      headroom < shard->level.floor || mete__site_is(site, METE__SITE_SHARED) ||
                      (headroom >= 0 && !mete__site_has_noted(site)))) {
        mete__shard_allocated(shard, block, stack, 1);
        return;
    }
    struct mete_profile_site *site_record = mete__site_record(&shard->sites, site);
    struct mete_profile_shard *record = shard->record;
    unsigned bucket = mete__shard_bucket(size);
    uint64_t sequence = shard->allocations + 1;
    uint64_t allocated_bytes = site->allocated_bytes + size;
    int64_t live = (int64_t)(allocated_bytes - site->freed_bytes);
    METE__SET(shard->allocations, sequence);
    METE__COUNT_TWICE(&shard->counters, record, size_counts[bucket], 1);
    METE__COUNT_TWICE(&shard->counters, record, size_bytes[bucket], size);
    METE__SET(shard->level.headroom, headroom);
    METE__COUNT_TWICE(site, site_record, allocations, 1);
    METE__SET_TWICE(site, site_record, allocated_bytes, allocated_bytes);
    if (live > site->own_peak_bytes) METE__SET_TWICE(site, site_record, own_peak_bytes, live);
    block->stack = stack;
    block->sequence = (uint32_t)sequence;
    block->word = mete__shard_sign(shard, word);
}

/* The same for mete__shard_freed. */
METE_INLINE void mete__shard_count_freed(struct mete__shard *shard,
                                         const struct mete__record *block) {
    uint32_t stack = block->stack;
    const struct mete__site_entry *entry = mete__site_entry_of(&shard->sites, stack);
    struct mete__site *site = entry->site;
    uint64_t word = block->word;
    uint64_t size = mete__shard_size(word);
    int64_t headroom = shard->level.headroom;

    if (METE_UNLIKELY(entry->key != stack + 1 || headroom < 0 ||
                      headroom > shard->level.ceiling - (int64_t)size ||
                      mete__site_is(site, METE__SITE_SHARED) || !mete__site_has_noted(site))) {
        mete__shard_freed(shard, block, 1);
        return;
    }
    struct mete_profile_site *site_record = mete__site_record(&shard->sites, site);
    METE__COUNT(shard->frees, 1);
    METE__COUNT(shard->freed_bytes, size);
    METE__SET(shard->level.headroom, headroom + (int64_t)size);
    METE__COUNT_TWICE(site, site_record, frees, 1);
    METE__COUNT_TWICE(site, site_record, freed_bytes, size);
    if (block->sequence == (uint32_t)shard->allocations && mete__shard_sign(shard, word) == word)
        METE__COUNT_TWICE(site, site_record, temporary, 1);
}

#endif
