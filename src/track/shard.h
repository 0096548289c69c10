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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "heap/record.h"
#include "profile/format.h"
#include "track/account.h"
#include "track/level.h"
#include "track/site.h"

#define METE__SHARDS_MAX ((1u << 15) - 1)
#define METE__SHARD_NONE METE__SHARDS_MAX /* of a block that was not counted */

/* Where the 15 bits of the shard are in a record's word. */
#define METE__RECORD_SHARD_SHIFT 48

struct mete__stack_memo;

struct mete__shard {
    uint32_t state; /* of the process, as the shard knows it (fork.h) */
    uint32_t index;
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
    uint64_t unknown; /* of the allocations: those counted under stack 0 */
};

/* Allocations of threads that could not have a shard: they are in no count. Atomic. */
extern METE_HIDDEN uint64_t mete__shard_uncounted;

/* A new shard in the list of all, or NULL where there is no room for it. */
METE_HIDDEN struct mete__shard *mete__shard_create(void);
METE_HIDDEN struct mete__shard *mete__shard_all(void);

/* Adds up all shards; those of other threads as they were a moment ago. */
METE_HIDDEN struct mete__shard_totals mete__shard_sum(void);

/* Stores all counters of all shards in the profile again, whatever it says now. */
METE_HIDDEN void mete__shard_rewrite_all(void);

/* A site is about to change for the first time since the newest peak. */
METE_HIDDEN void mete__shard_note_peak(struct mete__shard *shard, struct mete__site *site,
                                       uint32_t epoch);

/* Adds to a counter that other threads may read. */
#define METE__COUNT(counter, amount) \
    __atomic_store_n(&(counter), (counter) + (amount), __ATOMIC_RELAXED)

/* Adds to a counter of the site or the shard, and repeats it in the profile. */
#define METE__COUNT_TWICE(truth, record, field, amount)               \
    do {                                                              \
        uint64_t count_ = (truth)->field + (amount);                  \
        __atomic_store_n(&(truth)->field, count_, __ATOMIC_RELAXED);  \
        __atomic_store_n(&(record)->field, count_, __ATOMIC_RELAXED); \
    } while (0)

METE_INLINE unsigned mete__shard_bucket(uint64_t size) {
    unsigned bits = size == 0 ? 0 : 64 - (unsigned)__builtin_clzl(size);
    return bits < METE_SIZE_BUCKETS ? bits : METE_SIZE_BUCKETS - 1;
}

METE_INLINE void mete__shard_note_change(struct mete__shard *shard, struct mete__site *site) {
    uint32_t epoch = __atomic_load_n(&mete__level.epoch, __ATOMIC_RELAXED);
    if (METE_UNLIKELY(site->peak_epoch != epoch)) mete__shard_note_peak(shard, site, epoch);
}

/* A block of `size` bytes was allocated at `stack`, which stands for `weight` such blocks (1, but
 * for samples). Fills what the block's record has of it. */
METE_INLINE void mete__shard_allocated(struct mete__shard *shard, struct mete__record *block,
                                       uint32_t stack, uint64_t size, uint64_t weight) {
    uint64_t bytes = size * weight;
    struct mete__site *site = mete__site_of(&shard->sites, stack);
    struct mete_profile_site *site_record = mete__site_record(&shard->sites, site);
    struct mete_profile_shard *record = shard->record;
    unsigned bucket = mete__shard_bucket(size);

    METE__COUNT(shard->allocations, weight);
    METE__COUNT_TWICE(&shard->counters, record, size_counts[bucket], weight);
    METE__COUNT_TWICE(&shard->counters, record, size_bytes[bucket], bytes);
    block->stack = stack;
    block->sequence = (uint32_t)shard->allocations;
    /* One store of the whole word: a narrow one would make the load of the size wait when it is
     * freed. */
    block->word = (block->word & ~((uint64_t)METE__SHARDS_MAX << METE__RECORD_SHARD_SHIFT)) |
                  (uint64_t)shard->index << METE__RECORD_SHARD_SHIFT;

    METE__COUNT(shard->level.headroom, -(int64_t)bytes);
    if (shard->level.headroom >= 0 || !mete__level_pass(&shard->level))
        mete__shard_note_change(shard, site);
    METE__COUNT_TWICE(site, site_record, allocations, weight);
    METE__COUNT_TWICE(site, site_record, allocated_bytes, bytes);
    int64_t live = mete__site_live_bytes(site);
    if (METE_UNLIKELY(mete__site_is(site, METE__SITE_SHARED))) {
        mete__account_tell(&shard->sites, site, stack);
    } else if (live > site->own_peak_bytes) {
        __atomic_store_n(&site->own_peak_bytes, live, __ATOMIC_RELAXED);
        __atomic_store_n(&site_record->own_peak_bytes, live, __ATOMIC_RELAXED);
    }
}

/* The block is freed by this shard's thread, whoever allocated it. */
METE_INLINE void mete__shard_freed(struct mete__shard *shard, const struct mete__record *block,
                                   uint64_t weight) {
    uint32_t stack = block->stack;
    uint64_t bytes = block->size * weight;
    struct mete__site *site = mete__site_of(&shard->sites, stack);
    struct mete_profile_site *site_record = mete__site_record(&shard->sites, site);

    METE__COUNT(shard->frees, weight);
    METE__COUNT(shard->freed_bytes, bytes);
    METE__COUNT(shard->level.headroom, (int64_t)bytes);
    if (METE_UNLIKELY(shard->level.headroom > shard->level.ceiling))
        mete__level_pass(&shard->level);
    mete__shard_note_change(shard, site);
    METE__COUNT_TWICE(site, site_record, frees, weight);
    METE__COUNT_TWICE(site, site_record, freed_bytes, bytes);
    if (block->sequence == (uint32_t)shard->allocations && block->shard == shard->index)
        METE__COUNT_TWICE(site, site_record, temporary, 1);
    if (METE_UNLIKELY(mete__site_is(site, METE__SITE_SHARED)))
        mete__account_tell(&shard->sites, site, stack);
}

#endif
