/* track/timeline.h */
#include "track/timeline.h"
#include "track/census.h"

#include <stdbool.h>

#include "os/process.h"
#include "profile/writer.h"
#include "track/level.h"
#include "track/shard.h"

static struct {
    struct mete_profile_moment *moments; /* METE_MOMENTS_MAX, in the profile; NULL: no room there */
    uint32_t count;
    uint32_t busy;  /* atomic: somebody writes */
    uint64_t start; /* ns, CLOCK_MONOTONIC */
    uint64_t due;   /* atomic: ns since start */
    uint64_t step;  /* ns between moments */
} timeline;

/* Half as many, twice as far apart. A reader meanwhile sees some moments twice. */
static void thin_out(void) {
    for (uint32_t i = 1; i < METE_MOMENTS_MAX / 2; i++)
        timeline.moments[i] = timeline.moments[i * 2];
    timeline.count = METE_MOMENTS_MAX / 2;
    timeline.step *= 2;
}

static void take_moment(uint64_t now) {
    struct mete_profile_header *header = mete__writer_header();
    struct mete__shard_totals sum =
        header->mode == METE_PROFILE_STATS ? mete__census_last() : mete__shard_sum();

    header->live_bytes = (int64_t)(sum.allocated_bytes - sum.freed_bytes);
    header->live_blocks = (int64_t)(sum.allocations - sum.frees);
    /* Where stacks are not wanted, none is missing. */
    header->dropped_allocations = __atomic_load_n(&mete__shard_uncounted, __ATOMIC_RELAXED);
    if (header->mode != METE_PROFILE_STATS) {
        header->dropped_allocations += sum.unknown;
        mete__level_publish_making();
    }
    if (timeline.moments == NULL) return;
    if (timeline.count == METE_MOMENTS_MAX) thin_out();
    timeline.moments[timeline.count++] = (struct mete_profile_moment){
        .clock = now,
        .live_bytes = header->live_bytes,
        .live_blocks = header->live_blocks,
        .allocations = sum.allocations,
    };
    __atomic_store_n(&header->sections[METE_SECTION_TIMELINE].count, timeline.count,
                     __ATOMIC_RELEASE);
    __atomic_store_n(&timeline.due, now + timeline.step, __ATOMIC_RELAXED);
}

static void take_moment_alone(uint64_t now) {
    if (__atomic_exchange_n(&timeline.busy, 1, __ATOMIC_ACQUIRE) != 0) return;
    take_moment(now);
    __atomic_store_n(&timeline.busy, 0, __ATOMIC_RELEASE);
}

void mete__timeline_start(void) {
    int64_t first = mete__writer_reserve(METE_SECTION_TIMELINE, METE_MOMENTS_MAX);

    timeline.moments = first == 0 ? mete__writer_record(METE_SECTION_TIMELINE, 0) : NULL;
    timeline.count = 0;
    timeline.busy = 0;
    timeline.start = mete__writer_header()->start_clock;
    timeline.step = METE__TIMELINE_FIRST_STEP;
    mete__level.clock = timeline.start;
    take_moment(0);
}

void mete__timeline_tick(void) {
    uint64_t now = mete__process_clock_coarse();

    /* The coarse clock lags behind the one that read the start. */
    if (now < timeline.start) now = timeline.start;
    __atomic_store_n(&mete__level.clock, now, __ATOMIC_RELAXED);
    now -= timeline.start;
    if (now >= __atomic_load_n(&timeline.due, __ATOMIC_RELAXED)) take_moment_alone(now);
}

void mete__timeline_finish(void) {
    take_moment_alone(mete__process_clock() - timeline.start);
}
