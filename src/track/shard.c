/* track/shard.h */
#include "track/shard.h"

#include <string.h>

#include "os/meta.h"
#include "os/process.h"
#include "profile/writer.h"
#include "track/stack.h"

static struct mete__shard *all_shards; /* atomic: the newest */
static uint32_t shard_count;           /* atomic */
uint64_t mete__shard_uncounted;

struct mete__shard *mete__shard_all(void) {
    return __atomic_load_n(&all_shards, __ATOMIC_ACQUIRE);
}

static bool furnish(struct mete__shard *shard) {
    shard->memo = mete__stack_memo_create();
    if (shard->memo == NULL || mete__site_table_init(&shard->sites) != 0) return false;
    int64_t index = mete__writer_reserve(METE_SECTION_SHARDS, 1);
    if (index < 0) return false;
    shard->record = mete__writer_record(METE_SECTION_SHARDS, (uint64_t)index);
    shard->counters.thread = shard->record->thread = mete__process_thread_id();
    mete__writer_publish(METE_SECTION_SHARDS, (uint64_t)index);
    return true;
}

struct mete__shard *mete__shard_create(void) {
    if (__atomic_load_n(&shard_count, __ATOMIC_RELAXED) >= METE__SHARD_NONE) return NULL;
    struct mete__shard *shard = mete__meta_alloc(sizeof *shard);
    if (shard == NULL) return NULL;
    if (!furnish(shard)) {
        mete__meta_free(shard, sizeof *shard);
        return NULL;
    }
    shard->index = __atomic_fetch_add(&shard_count, 1, __ATOMIC_RELAXED) & METE__SHARDS_MAX;
    shard->signature = (uint64_t)shard->index << METE__RECORD_SHARD_SHIFT;
    mete__level_join(&shard->level);
    struct mete_profile_header *header = mete__writer_header();
    __atomic_store_n(&header->threads_seen, __atomic_load_n(&mete__level.shards, __ATOMIC_RELAXED),
                     __ATOMIC_RELAXED);
    shard->next = __atomic_load_n(&all_shards, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&all_shards, &shard->next, shard, false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED)) {
    }
    return shard;
}

struct mete__shard_totals mete__shard_sum(void) {
    struct mete__shard_totals sum = {.frees = 0};

    for (struct mete__shard *shard = mete__shard_all(); shard != NULL; shard = shard->next) {
        /* Frees first: a block freed in between counts as live, never as less than none. */
        sum.frees += __atomic_load_n(&shard->frees, __ATOMIC_ACQUIRE);
        sum.freed_bytes += __atomic_load_n(&shard->freed_bytes, __ATOMIC_ACQUIRE);
        sum.allocations += __atomic_load_n(&shard->allocations, __ATOMIC_ACQUIRE);
        sum.samples += __atomic_load_n(&shard->counters.samples, __ATOMIC_RELAXED);
        sum.unknown += __atomic_load_n(&shard->sites.unknown->allocations, __ATOMIC_RELAXED);
        for (int b = 0; b < METE_SIZE_BUCKETS; b++)
            sum.allocated_bytes +=
                __atomic_load_n(&shard->counters.size_bytes[b], __ATOMIC_RELAXED);
    }
    return sum;
}

struct mete__site_sums mete__shard_rewrite_all(void) {
    struct mete__site_sums sums = {.allocations = 0};

    for (struct mete__shard *shard = mete__shard_all(); shard != NULL; shard = shard->next) {
        memcpy(shard->record, &shard->counters, sizeof shard->counters);
        mete__site_rewrite(&shard->sites, &sums);
    }
    return sums;
}

/* ---- counting, whatever the case ---- */

/* A site is about to change: for the first time since the newest peak? */
static void note_change(struct mete__shard *shard, struct mete__site *site) {
    uint32_t epoch = __atomic_load_n(&mete__level.epoch, __ATOMIC_RELAXED);
    struct mete_profile_site *record = mete__site_record(&shard->sites, site);

    if (site->peak_epoch == epoch) return;
    record->at_peak_bytes = site->at_peak_bytes = mete__site_live_bytes(site);
    __atomic_store_n(&record->peak_epoch, epoch, __ATOMIC_RELEASE);
    site->peak_epoch = epoch;
    mete__level_note(epoch);
}

void mete__shard_allocated(struct mete__shard *shard, struct mete__record *block, uint32_t stack,
                           uint64_t weight) {
    struct mete__site *site = mete__site_of(&shard->sites, stack);
    struct mete_profile_site *site_record = mete__site_record(&shard->sites, site);
    struct mete_profile_shard *record = shard->record;
    uint64_t bytes = block->size * weight;
    unsigned bucket = mete__shard_bucket(block->size);

    mete__site_note_size(&shard->sites, stack, block->size);
    METE__COUNT(shard->allocations, weight);
    METE__COUNT_TWICE(&shard->counters, record, size_counts[bucket], weight);
    METE__COUNT_TWICE(&shard->counters, record, size_bytes[bucket], bytes);
    block->stack = stack;
    block->sequence = (uint32_t)shard->allocations;
    block->word = mete__shard_sign(shard, block->word);
    METE__COUNT(shard->level.headroom, -(int64_t)bytes);
    bool higher = shard->level.headroom < 0;
    if (shard->level.headroom < shard->level.floor) higher = mete__level_pass(&shard->level);
    /* What a site held at the last peak is of no interest once there is a new one. */
    if (!higher) note_change(shard, site);
    METE__COUNT_TWICE(site, site_record, allocations, weight);
    METE__COUNT_TWICE(site, site_record, allocated_bytes, bytes);
    int64_t live = mete__site_live_bytes(site);
    if (mete__site_is(site, METE__SITE_SHARED))
        mete__account_tell(&shard->sites, site, stack);
    else if (live > site->own_peak_bytes)
        METE__SET_TWICE(site, site_record, own_peak_bytes, live);
}

void mete__shard_freed(struct mete__shard *shard, const struct mete__record *block,
                       uint64_t weight) {
    uint32_t stack = block->stack;
    struct mete__site *site = mete__site_of(&shard->sites, stack);
    struct mete_profile_site *site_record = mete__site_record(&shard->sites, site);
    uint64_t bytes = block->size * weight;

    METE__COUNT(shard->frees, weight);
    METE__COUNT(shard->freed_bytes, bytes);
    if (shard->level.headroom < 0) mete__level_pass(&shard->level);
    METE__COUNT(shard->level.headroom, (int64_t)bytes);
    if (shard->level.headroom > shard->level.ceiling) mete__level_pass(&shard->level);
    note_change(shard, site);
    METE__COUNT_TWICE(site, site_record, frees, weight);
    METE__COUNT_TWICE(site, site_record, freed_bytes, bytes);
    if (block->sequence == (uint32_t)shard->allocations && block->shard == shard->index)
        METE__COUNT_TWICE(site, site_record, temporary, 1);
    if (mete__site_is(site, METE__SITE_SHARED)) mete__account_tell(&shard->sites, site, stack);
}
