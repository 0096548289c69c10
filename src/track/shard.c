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
    shard->index = __atomic_fetch_add(&shard_count, 1, __ATOMIC_RELAXED);
    mete__level_join(&shard->level);
    struct mete_profile_header *header = mete__writer_header();
    __atomic_store_n(&header->threads_seen, mete__level.shards, __ATOMIC_RELAXED);
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
        sum.unknown += __atomic_load_n(&shard->sites.unknown->allocations, __ATOMIC_RELAXED);
        for (int b = 0; b < METE_SIZE_BUCKETS; b++)
            sum.allocated_bytes +=
                __atomic_load_n(&shard->counters.size_bytes[b], __ATOMIC_RELAXED);
    }
    return sum;
}

void mete__shard_rewrite_all(void) {
    for (struct mete__shard *shard = mete__shard_all(); shard != NULL; shard = shard->next) {
        memcpy(shard->record, &shard->counters, sizeof shard->counters);
        mete__site_rewrite(&shard->sites);
    }
}

void mete__shard_note_peak(struct mete__shard *shard, struct mete__site *site, uint32_t epoch) {
    struct mete_profile_site *record = mete__site_record(&shard->sites, site);

    record->at_peak_bytes = site->at_peak_bytes = mete__site_live_bytes(site);
    __atomic_store_n(&record->peak_epoch, epoch, __ATOMIC_RELEASE);
    site->peak_epoch = epoch;
    mete__level_note(epoch);
}
