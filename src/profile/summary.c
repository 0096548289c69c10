/* profile/summary.c - see summary.h. */
#include "profile/summary.h"

#include <errno.h>
#include <stdlib.h>

/* A record's live bytes, the thread's own part: negative where it freed what others allocated. */
static int64_t live_bytes(const struct mete_profile_site *site) {
    return (int64_t)(site->allocated_bytes - site->freed_bytes);
}

/* The program's peak, and what a record held then. */
struct peak {
    bool now; /* more is live than ever before: the header does not know it yet */
    uint32_t epoch;
};

static int64_t bytes_at_peak(const struct mete_profile_site *site, const struct peak *peak) {
    return !peak->now && site->peak_epoch == peak->epoch ? site->at_peak_bytes : live_bytes(site);
}

static uint64_t not_negative(int64_t value) {
    return value > 0 ? (uint64_t)value : 0;
}

static int compare_stacks(const void *left, const void *right) {
    const struct mete_profile_site *a = *(const struct mete_profile_site *const *)left;
    const struct mete_profile_site *b = *(const struct mete_profile_site *const *)right;
    return a->stack < b->stack ? -1 : a->stack > b->stack;
}

/* All records, as the array they are, and what sizes their blocks have. */
struct records {
    const struct mete_profile_site *sites;
    struct mete__sizes *sizes;
};

/* Adds up the records [first, last), all of one stack. */
static struct mete__summary_site add_up(const struct mete_profile_site *const *first,
                                        const struct mete_profile_site *const *last,
                                        const struct records *records, const struct peak *peak) {
    struct mete__summary_site sum = {.stack = (*first)->stack};
    int64_t at_peak = 0;
    int64_t own_peak = 0;

    for (; first < last; first++) {
        const struct mete_profile_site *site = *first;
        const struct mete__sizes *sizes = &records->sizes[site - records->sites];
        if (sum.allocations == 0)
            sum.sizes = *sizes;
        else if (site->allocations != 0)
            mete__sizes_merge(&sum.sizes, sizes);
        sum.allocations += site->allocations;
        sum.frees += site->frees;
        sum.allocated_bytes += site->allocated_bytes;
        sum.freed_bytes += site->freed_bytes;
        sum.temporary += site->temporary;
        at_peak = (int64_t)((uint64_t)at_peak + (uint64_t)bytes_at_peak(site, peak));
        if (site->own_peak_bytes > own_peak) own_peak = site->own_peak_bytes;
    }
    sum.live_blocks = not_negative((int64_t)(sum.allocations - sum.frees));
    sum.live_bytes = not_negative((int64_t)(sum.allocated_bytes - sum.freed_bytes));
    sum.peak_live_bytes = not_negative(at_peak);
    sum.own_peak_bytes = not_negative(own_peak);
    /* Threads publish a shared stack's own peak in steps; it is never below what is known
     * otherwise. */
    if (sum.own_peak_bytes < sum.live_bytes) sum.own_peak_bytes = sum.live_bytes;
    if (sum.own_peak_bytes < sum.peak_live_bytes) sum.own_peak_bytes = sum.peak_live_bytes;
    return sum;
}

static int sum_sites(const struct mete__profile *profile, struct mete__summary *summary) {
    size_t count = (size_t)mete__profile_count(profile, METE_SECTION_SITES);
    const struct mete_profile_header *header = mete__profile_header(profile);
    const struct mete_profile_site **sorted = malloc((count + 1) * sizeof *sorted);
    struct records records = {.sites = mete__profile_record(profile, METE_SECTION_SITES, 0)};
    size_t used = 0;
    uint64_t live = 0;

    summary->sites = malloc((count + 1) * sizeof *summary->sites);
    if (sorted == NULL || summary->sites == NULL ||
        mete__sizes_read(profile, &records.sizes) != 0) {
        free(sorted);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct mete_profile_site *site = &records.sites[i];
        if (site->allocations != 0 || site->frees != 0) sorted[used++] = site;
        live += (uint64_t)live_bytes(site);
    }
    struct peak peak = {.now = (int64_t)live > header->peak_live_bytes,
                        .epoch = header->peak_epoch};
    qsort(sorted, used, sizeof *sorted, compare_stacks);
    for (size_t i = 0, next; i < used; i = next) {
        for (next = i + 1; next < used && sorted[next]->stack == sorted[i]->stack;) next++;
        summary->sites[summary->site_count++] = add_up(sorted + i, sorted + next, &records, &peak);
    }
    free(records.sizes);
    free(sorted);
    return 0;
}

static void sum_shards(const struct mete__profile *profile, struct mete__summary *summary) {
    for (uint64_t i = 0; i < mete__profile_count(profile, METE_SECTION_SHARDS); i++) {
        const struct mete_profile_shard *shard =
            mete__profile_record(profile, METE_SECTION_SHARDS, i);
        summary->totals.failed += shard->failed;
        summary->totals.samples += shard->samples;
        for (int b = 0; b < METE_SIZE_BUCKETS; b++) {
            summary->sizes[b].allocations += shard->size_counts[b];
            summary->sizes[b].bytes += shard->size_bytes[b];
        }
    }
}

static void sum_totals(const struct mete_profile_header *header, struct mete__summary *summary) {
    struct mete__summary_totals *totals = &summary->totals;

    for (size_t i = 0; i < summary->site_count; i++) {
        const struct mete__summary_site *site = &summary->sites[i];
        totals->allocations += site->allocations;
        totals->frees += site->frees;
        totals->allocated_bytes += site->allocated_bytes;
        totals->freed_bytes += site->freed_bytes;
        totals->temporary += site->temporary;
    }
    totals->live_blocks = not_negative((int64_t)(totals->allocations - totals->frees));
    totals->live_bytes = not_negative((int64_t)(totals->allocated_bytes - totals->freed_bytes));
    totals->peak_live_bytes = not_negative(header->peak_live_bytes);
    /* The newest bytes may not have been compared with the peak yet. */
    if (totals->peak_live_bytes < totals->live_bytes) totals->peak_live_bytes = totals->live_bytes;
}

static void note_inherited(const struct mete_profile_header *header,
                           struct mete__summary_totals *inherited) {
    inherited->allocations = header->inherited_allocations;
    inherited->frees = header->inherited_frees;
    inherited->allocated_bytes = header->inherited_allocated_bytes;
    inherited->freed_bytes = header->inherited_freed_bytes;
    inherited->live_blocks = not_negative((int64_t)(inherited->allocations - inherited->frees));
    inherited->live_bytes =
        not_negative((int64_t)(inherited->allocated_bytes - inherited->freed_bytes));
}

static void name_sizes(struct mete__summary_size *sizes) {
    for (unsigned b = 0; b < METE_SIZE_BUCKETS; b++) {
        sizes[b].low = b == 0 ? 0 : (uint64_t)1 << (b - 1);
        sizes[b].high = b == 0 ? 0 : ((uint64_t)1 << b) - 1;
    }
}

static double wall_seconds(const struct mete__profile *profile) {
    const struct mete_profile_header *header = mete__profile_header(profile);
    uint64_t moments = mete__profile_count(profile, METE_SECTION_TIMELINE);
    uint64_t duration = 0;

    if (header->end_clock > header->start_clock) {
        duration = header->end_clock - header->start_clock;
    } else {
        if (header->peak_clock > header->start_clock)
            duration = header->peak_clock - header->start_clock;
        for (uint64_t i = 0; i < moments; i++) {
            const struct mete_profile_moment *moment =
                mete__profile_record(profile, METE_SECTION_TIMELINE, i);
            if (moment->clock > duration) duration = moment->clock;
        }
    }
    return (double)duration / 1e9;
}

int mete__summary_make(const struct mete__profile *profile, struct mete__summary **out) {
    const struct mete_profile_header *header = mete__profile_header(profile);
    struct mete__summary *summary = calloc(1, sizeof *summary);

    if (summary == NULL || sum_sites(profile, summary) != 0) {
        mete__summary_free(summary);
        return -ENOMEM;
    }
    name_sizes(summary->sizes);
    sum_shards(profile, summary);
    sum_totals(header, summary);
    note_inherited(header, &summary->inherited);
    summary->is_estimate = header->mode == METE_PROFILE_SAMPLED || header->sample_blocks > 1;
    summary->peak_is_exact =
        header->threads_seen <= 1 && !summary->is_estimate && header->mode != METE_PROFILE_STATS;
    /* Statistics know no places: their one site is where the totals were kept. */
    if (header->mode == METE_PROFILE_STATS) summary->site_count = 0;
    summary->peak_error_bytes =
        summary->peak_is_exact ? 0 : (uint64_t)header->threads_seen * METE_PEAK_STEP_BYTES;
    summary->wall_seconds = wall_seconds(profile);
    *out = summary;
    return 0;
}

void mete__summary_free(struct mete__summary *summary) {
    if (summary == NULL) return;
    free(summary->sites);
    free(summary);
}

void mete__summary_add(struct mete__summary_site *sum, const struct mete__summary_site *site) {
    sum->allocations += site->allocations;
    sum->frees += site->frees;
    sum->allocated_bytes += site->allocated_bytes;
    sum->freed_bytes += site->freed_bytes;
    sum->live_blocks += site->live_blocks;
    sum->live_bytes += site->live_bytes;
    sum->temporary += site->temporary;
    sum->peak_live_bytes += site->peak_live_bytes;
    sum->own_peak_bytes += site->own_peak_bytes;
}
