/* track/census.h */
#include "track/census.h"

#include "heap/stats.h"
#include "os/process.h"
#include "profile/writer.h"

static uint64_t due;  /* atomic: ns of the clock */
static uint32_t busy; /* atomic */

/* The only shard of this mode. */
static struct mete__shard *own_shard(void) {
    struct mete__shard *shard = mete__shard_all();
    return shard != NULL ? shard : mete__shard_create();
}

/* The bytes in spans. */
static uint64_t take(struct mete__shard *shard) {
    struct mete_profile_header *header = mete__writer_header();
    struct mete__site *site = shard->sites.unknown;
    struct mete_profile_site *record = mete__site_record(&shard->sites, site);
    struct mete__heap_stats stats;

    mete__stats_read(&stats);
    METE__SET_TWICE(site, record, allocations, stats.allocations);
    METE__SET_TWICE(site, record, frees, stats.frees);
    METE__SET_TWICE(site, record, allocated_bytes, stats.allocated_bytes);
    METE__SET_TWICE(site, record, freed_bytes, stats.allocated_bytes - stats.live_bytes);
    METE__SET(header->live_bytes, (int64_t)stats.live_bytes);
    METE__SET(header->live_blocks, (int64_t)stats.live_blocks);
    METE__SET(header->peak_live_bytes, (int64_t)stats.peak_span_bytes);
    return stats.span_bytes;
}

void mete__census_take(void) {
    if (__atomic_exchange_n(&busy, 1, __ATOMIC_ACQUIRE) != 0) return;
    struct mete__shard *shard = own_shard();
    uint64_t bytes = shard != NULL ? take(shard) : 0;
    uint64_t apart = METE__CENSUS_APART + (bytes >> 7); /* GiB to 8 ms */
    __atomic_store_n(&due, mete__process_clock() + apart, __ATOMIC_RELAXED);
    __atomic_store_n(&busy, 0, __ATOMIC_RELEASE);
}

void mete__census_tick(void) {
    if (mete__process_clock_coarse() >= __atomic_load_n(&due, __ATOMIC_RELAXED))
        mete__census_take();
}

void mete__census_after_fork(void) {
    __atomic_store_n(&due, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&busy, 0, __ATOMIC_RELAXED);
}

struct mete__shard_totals mete__census_last(void) {
    const struct mete__shard *shard = mete__shard_all();

    if (shard == NULL) return (struct mete__shard_totals){.allocations = 0};
    const struct mete__site *site = shard->sites.unknown;
    return (struct mete__shard_totals){
        .allocations = __atomic_load_n(&site->allocations, __ATOMIC_RELAXED),
        .frees = __atomic_load_n(&site->frees, __ATOMIC_RELAXED),
        .allocated_bytes = __atomic_load_n(&site->allocated_bytes, __ATOMIC_RELAXED),
        .freed_bytes = __atomic_load_n(&site->freed_bytes, __ATOMIC_RELAXED),
    };
}
