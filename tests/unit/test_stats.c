/* heap/stats.h: the totals that spans know, against counts of every call. */
#include <limits.h>
#include <pthread.h>

#include "heap/alloc.h"
#include "heap/blocks.h"
#include "heap/slices.h"
#include "heap/stats.h"
#include "support/apart.h"
#include "support/hooks.h"
#include "support/whole.h"

static const struct mete__caller nobody;

enum { SLOTS = 1000 };

/* What the test itself has counted. */
static struct {
    void *blocks[SLOTS];
    uint64_t allocations, frees, live_bytes;
    uint32_t seed;
} mine = {.seed = 1};

static uint32_t random_below(uint32_t limit) {
    mine.seed ^= mine.seed << 13;
    mine.seed ^= mine.seed >> 17;
    mine.seed ^= mine.seed << 5;
    return mine.seed % limit;
}

static struct mete__heap_stats read_stats(void) {
    struct mete__heap_stats stats;
    mete__stats_read(&stats);
    return stats;
}

static bool stats_agree(void) {
    struct mete__heap_stats stats = read_stats();
    return stats.allocations == mine.allocations && stats.frees == mine.frees &&
           stats.live_blocks == mine.allocations - mine.frees &&
           stats.live_bytes == mine.live_bytes;
}

static void allocate(size_t slot, size_t size) {
    mine.blocks[slot] = mete__alloc(size);
    CHECK(mine.blocks[slot] != NULL);
    mine.allocations++;
    mine.live_bytes += mete__alloc_usable(mine.blocks[slot], &nobody);
}

static void release(size_t slot) {
    mine.live_bytes -= mete__alloc_usable(mine.blocks[slot], &nobody);
    mete__alloc_free(mine.blocks[slot]);
    mine.blocks[slot] = NULL;
    mine.frees++;
}

static size_t random_size(void) {
    return random_below(20) == 0 ? random_below(300000) : random_below(1u << random_below(14));
}

static void do_something(void) {
    size_t slot = random_below(SLOTS);
    if (mine.blocks[slot] == NULL)
        allocate(slot, random_size());
    else
        release(slot);
}

static void trim(void) {
    struct mete__cache *cache = mete__cache_enter();
    mete__blocks_trim(cache);
    mete__cache_leave(cache);
    mete__slices_purge();
}

static void an_unused_heap_counts_nothing(void) {
    CHECK(stats_agree());
    CHECK(read_stats().committed_bytes == 0 && read_stats().peak_span_bytes == 0);
}

static void counts_are_exact_through_random_use(void) {
    for (int i = 0; i < 20000; i++) {
        do_something();
        if (i % 64 == 0) CHECK(stats_agree());
        if (i % 3000 == 0) trim();
    }
    for (size_t slot = 0; slot < SLOTS; slot++)
        if (mine.blocks[slot] != NULL) release(slot);
    CHECK(stats_agree());
    trim();
    CHECK(stats_agree());
    CHECK(read_stats().span_bytes == 0 && read_stats().peak_span_bytes > 0);
    CHECK(whole());
}

static void one_block_many_times_is_counted_each_time(void) {
    for (int i = 0; i < 10000; i++) {
        allocate(0, 40);
        release(0);
    }
    CHECK(stats_agree());
}

static void reallocation_in_place_is_no_allocation_and_elsewhere_is_one(void) {
    allocate(0, 100);
    CHECK(mete__alloc_resize(mine.blocks[0], 110) == mine.blocks[0]);
    CHECK(stats_agree());
    mine.live_bytes -= mete__alloc_usable(mine.blocks[0], &nobody);
    mine.blocks[0] = mete__alloc_resize(mine.blocks[0], 5000);
    mine.live_bytes += mete__alloc_usable(mine.blocks[0], &nobody);
    mine.allocations++;
    mine.frees++;
    CHECK(stats_agree());
}

static void watched_blocks_are_counted_apart(void) {
    for (size_t slot = 0; slot < 100; slot++) allocate(slot, slot * 10);
    hooks_watch_all();
    void *watched[3] = {mete__alloc_for(10, &nobody), mete__alloc_for(60000, &nobody),
                        mete__alloc_for(600000, &nobody)};
    CHECK(hooks_seen.allocated == 3);
    CHECK(stats_agree());
    CHECK(read_stats().watched_blocks == 3);
    CHECK(read_stats().watched_bytes >= 660010 && read_stats().watched_bytes < 1000000);
    for (size_t i = 0; i < 3; i++) mete__alloc_free(watched[i]);
    CHECK(read_stats().watched_blocks == 0 && read_stats().watched_bytes == 0);
    for (size_t slot = 0; slot < 100; slot++) release(slot);
    CHECK(stats_agree());
}

static void spans_and_their_peak_are_whole_slices(void) {
    allocate(0, 10 * METE__SLICE_SIZE);
    CHECK(read_stats().span_bytes == 10 * METE__SLICE_SIZE);
    release(0);
    CHECK(read_stats().span_bytes == 0);
    CHECK(read_stats().peak_span_bytes == 10 * METE__SLICE_SIZE);
    CHECK(read_stats().dirty_bytes == 10 * METE__SLICE_SIZE);
    CHECK(read_stats().committed_bytes >= 10 * METE__SLICE_SIZE);
    mete__slices_purge();
    CHECK(read_stats().dirty_bytes == 0);
}

static void *use_heap(void *unused) {
    for (int i = 0; i < 1000; i++) do_something();
    return unused;
}

static void counts_are_exact_when_a_thread_has_ended(void) {
    for (int i = 0; i < 10; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, use_heap, NULL) == 0);
        pthread_join(thread, NULL);
        CHECK(stats_agree());
    }
    CHECK(whole());
}

static pthread_key_t key;
static int rounds_left = PTHREAD_DESTRUCTOR_ITERATIONS;

static void use_heap_at_last(void *value) {
    if (--rounds_left > 0)
        pthread_setspecific(key, value);
    else
        use_heap(NULL);
}

static void *set_destructor(void *unused) {
    use_heap(NULL);
    CHECK(pthread_setspecific(key, &key) == 0);
    return unused;
}

static void late_threads_are_counted_too(void) {
    pthread_t thread;
    if (APART_UNDER_TSAN) apart_skip("ThreadSanitizer ends threads before their last round");
    allocate(0, 10);
    release(0);
    CHECK(pthread_key_create(&key, use_heap_at_last) == 0);
    CHECK(pthread_create(&thread, NULL, set_destructor, NULL) == 0);
    pthread_join(thread, NULL);
    CHECK(rounds_left == 0);
    CHECK(stats_agree());
}

static void *release_all(void *unused) {
    for (size_t slot = 0; slot < SLOTS; slot++)
        if (mine.blocks[slot] != NULL) release(slot);
    return unused;
}

static void what_others_freed_counts_when_the_owner_knows(void) {
    pthread_t thread;
    use_heap(NULL);
    CHECK(pthread_create(&thread, NULL, release_all, NULL) == 0);
    pthread_join(thread, NULL);
    CHECK(read_stats().live_blocks > 0);
    allocate(0, 60000);
    release(0);
    CHECK(stats_agree());
}

static int stop;

static void *use_heap_until_told(void *unused) {
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) mete__alloc_free(mete__alloc(200));
    return unused;
}

static void reading_does_not_disturb_threads_at_work(void) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, use_heap_until_told, NULL) == 0);
    for (int i = 0; i < 2000; i++) CHECK(read_stats().live_blocks <= 4096);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    CHECK(read_stats().live_blocks == 0 && read_stats().allocations == read_stats().frees);
    CHECK(whole());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(an_unused_heap_counts_nothing),
        FACT(counts_are_exact_through_random_use),
        FACT(one_block_many_times_is_counted_each_time),
        FACT(reallocation_in_place_is_no_allocation_and_elsewhere_is_one),
        FACT(watched_blocks_are_counted_apart),
        FACT(spans_and_their_peak_are_whole_slices),
        FACT(counts_are_exact_when_a_thread_has_ended),
        FACT(late_threads_are_counted_too),
        FACT(what_others_freed_counts_when_the_owner_knows),
        FACT(reading_does_not_disturb_threads_at_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
