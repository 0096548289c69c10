/* track/level.h */
#include "track/level.h"

#include "profile/writer.h"

struct mete__level mete__level;

bool mete__level_join(struct mete__level_share *share) {
    if (__atomic_fetch_add(&mete__level.shards, 1, __ATOMIC_ACQ_REL) == 0) {
        *share = (struct mete__level_share){.floor = INT64_MIN, .ceiling = INT64_MAX};
        __atomic_store_n(&mete__level.alone, share, __ATOMIC_RELEASE);
        return false;
    }
    *share = (struct mete__level_share){
        .headroom = METE_PEAK_STEP_BYTES, .ceiling = 2 * METE_PEAK_STEP_BYTES, .several = true};
    return true;
}

static void tell(struct mete__level_share *share, int64_t delta) {
    __atomic_store_n(&share->headroom, METE_PEAK_STEP_BYTES, __ATOMIC_RELAXED);
    __atomic_add_fetch(&mete__level.told, delta, __ATOMIC_RELAXED);
}

void mete__level_accept(struct mete__level_share *share) {
    if (share->several) return;
    if (share->headroom < 0) mete__level_pass(share);
    int64_t live = share->peak - share->headroom;
    share->several = true;
    share->floor = 0;
    share->ceiling = 2 * METE_PEAK_STEP_BYTES;
    /* In between the sum is too low, never too high: a peak that was not would stay for ever. */
    __atomic_store_n(&mete__level.alone, NULL, __ATOMIC_RELEASE);
    tell(share, live);
}

int64_t mete__level_live(void) {
    const struct mete__level_share *alone = __atomic_load_n(&mete__level.alone, __ATOMIC_ACQUIRE);
    int64_t live = __atomic_load_n(&mete__level.told, __ATOMIC_RELAXED);
    if (alone == NULL) return live;
    return live + __atomic_load_n(&alone->peak, __ATOMIC_RELAXED) -
           __atomic_load_n(&alone->headroom, __ATOMIC_RELAXED);
}

/* The number of the next peak: a new one where a site has noted something about the last. */
static uint32_t next_epoch(void) {
    uint32_t epoch = __atomic_load_n(&mete__level.epoch, __ATOMIC_RELAXED);
    return epoch + (__atomic_load_n(&mete__level.noted, __ATOMIC_RELAXED) == epoch);
}

static void publish(int64_t peak, uint32_t epoch) {
    struct mete_profile_header *header = mete__writer_header();
    header->peak_epoch = epoch;
    header->peak_clock = __atomic_load_n(&mete__level.clock, __ATOMIC_RELAXED);
    __atomic_store_n(&header->peak_live_bytes, peak, __ATOMIC_RELAXED);
}

void mete__level_publish(void) {
    publish(__atomic_load_n(&mete__level.peak, __ATOMIC_RELAXED),
            __atomic_load_n(&mete__level.epoch, __ATOMIC_RELAXED));
}

void mete__level_publish_making(void) {
    if (__atomic_load_n(&mete__level.alone, __ATOMIC_ACQUIRE) == NULL) return;
    int64_t live = mete__level_live();
    if (live > __atomic_load_n(&mete__level.peak, __ATOMIC_RELAXED)) publish(live, next_epoch());
}

/* `peak` is the newest one. */
static void number_peak(int64_t peak) {
    uint32_t epoch = next_epoch();
    __atomic_store_n(&mete__level.epoch, epoch, __ATOMIC_RELAXED);
    publish(peak, epoch);
}

static bool raise_peak(int64_t live) {
    int64_t peak = __atomic_load_n(&mete__level.peak, __ATOMIC_RELAXED);
    while (live > peak) {
        if (!__atomic_compare_exchange_n(&mete__level.peak, &peak, live, false, __ATOMIC_RELAXED,
                                         __ATOMIC_RELAXED))
            continue;
        number_peak(live);
        return true;
    }
    return false;
}

bool mete__level_pass(struct mete__level_share *share) {
    if (share->several) {
        tell(share, METE_PEAK_STEP_BYTES - share->headroom);
        return raise_peak(mete__level_live());
    }
    int64_t live = share->peak - share->headroom;
    __atomic_store_n(&share->headroom, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&share->peak, live, __ATOMIC_RELAXED);
    /* Others may have joined meanwhile; else nobody else writes the peak. */
    if (METE_UNLIKELY(__atomic_load_n(&mete__level.shards, __ATOMIC_RELAXED) > 1))
        return raise_peak(live);
    __atomic_store_n(&mete__level.peak, live, __ATOMIC_RELAXED);
    number_peak(live);
    return true;
}
