/* heap/sample.h: sampled allocations estimate what was allocated, whatever the program's rhythm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <mete/malloc.h>

#include "heap/heap.h"
#include "heap/sample.h"

static double estimate; /* bytes */
static uint64_t samples, freed;

static void on_allocated(struct mete__cache *cache, struct mete__record *record, void *block,
                         const struct mete__caller *caller) {
    struct mete__found found;
    (void)cache;
    (void)caller;
    record->stack = 1;
    if (!mete__heap_find(block, &found)) abort();
    estimate += (double)mete__watch_weight(found.block_bytes) * (double)record->size;
    samples++;
}

static void on_freed(struct mete__cache *cache, struct mete__record *record, void *block,
                     const struct mete__caller *caller) {
    (void)cache;
    (void)record;
    (void)block;
    (void)caller;
    freed++;
}

static const struct mete__watch_hooks hooks = {.allocated = on_allocated, .freed = on_freed};

static int watch_samples(void **state) {
    (void)state;
    estimate = 0;
    samples = freed = 0;
    mete__watch_set(METE__WATCH_SAMPLED, 64 << 10, &hooks);
    return 0;
}

/* The standard deviation of the estimate is at most truth / sqrt(samples); five of them is one
 * failure in two million. */
static void expect_truth(double truth) {
    assert_true(samples > 100);
    double error = estimate / truth - 1;
    assert_true(error * error * (double)samples < 5 * 5);
}

static void a_block_freed_at_once_is_sampled_as_often_as_any_other(void **state) {
    const size_t count = 2000000, size = 48;
    (void)state;
    for (size_t i = 0; i < count; i++) {
        void *volatile block = mete_malloc(size);
        mete_free(block);
    }
    expect_truth((double)(count * size));
    assert_int_equal(samples, freed);
}

static void mixed_sizes_and_lifetimes_are_estimated_in_bytes(void **state) {
    static void *blocks[3000];
    double truth = 0;
    uint32_t random = 1;
    (void)state;
    for (size_t i = 0; i < 1000000; i++) {
        random = random * 1103515245 + 12345;
        size_t place = (random >> 8) % 3000, size = 8 + (random >> 16) % 2000;
        mete_free(blocks[place]);
        blocks[place] = mete_malloc(size);
        truth += (double)size;
    }
    expect_truth(truth);
    for (size_t i = 0; i < 3000; i++) mete_free(blocks[i]);
    assert_int_equal(samples, freed);
}

static void blocks_larger_than_the_distance_are_all_sampled(void **state) {
    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        void *volatile block = mete_malloc((128 << 10) + i * 100);
        mete_free(block);
    }
    assert_int_equal(samples, 1000);
    assert_int_equal(freed, 1000);
}

static void an_interval_is_the_distance_in_blocks_and_never_less_than_one(void **state) {
    (void)state;
    assert_int_equal(mete__sample_interval(64), 1024);
    assert_int_equal(mete__sample_interval(48), 1365);
    assert_int_equal(mete__sample_interval(64 << 10), 1);
    assert_int_equal(mete__sample_interval(1 << 20), 1);
    mete__watch_set(METE__WATCH_NONE, 0, &hooks);
    assert_int_equal(mete__sample_interval(64), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_block_freed_at_once_is_sampled_as_often_as_any_other,
                               watch_samples),
        cmocka_unit_test_setup(mixed_sizes_and_lifetimes_are_estimated_in_bytes, watch_samples),
        cmocka_unit_test_setup(blocks_larger_than_the_distance_are_all_sampled, watch_samples),
        cmocka_unit_test_setup(an_interval_is_the_distance_in_blocks_and_never_less_than_one,
                               watch_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
