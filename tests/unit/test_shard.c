/*
 * track/shard.h, with site.c, level.c and account.c: counters and peaks against a model that keeps
 * every block and looks at every stack after each step.
 *
 * Shards are never destroyed, so each test runs in a process of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "profile/reader.h"
#include "profile/summary.h"
#include "profile/writer.h"
#include "support/holds.h"
#include "track/shard.h"
#include "track/stack.h"

/* Shards need no unwinder here. */
struct mete__stack_memo *mete__stack_memo_create(void) {
    static char memo;
    return (struct mete__stack_memo *)(void *)&memo;
}

static char path[64];

static void run(void (*test)(void)) {
    int status;
    snprintf(path, sizeof path, "/tmp/mete-test-shard-%d.mete", getpid());
    pid_t child = fork();
    if (child == 0) {
        struct mete__writer_options options = {.path = path, .limit_bytes = 64 << 20};
        HOLDS(mete__writer_open(&options) == 0);
        test();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    unlink(path);
    assert_int_equal(status, 0);
}

/* ---- the model ---- */

enum { STACKS = 40, BLOCKS = 300, STEPS = 20000, SHARDS_MOST = 3 };

struct block {
    struct mete__record record;
    uint32_t shard;
    uint64_t born; /* its shard's count of allocations then */
};

static struct {
    struct block blocks[BLOCKS];
    uint64_t allocations[STACKS], frees[STACKS], temporary[STACKS];
    int64_t live[STACKS], own_peak[STACKS], at_peak[STACKS];
    uint64_t allocated_bytes[STACKS];
    uint64_t min[STACKS], max[STACKS], step[STACKS]; /* of sizes */
    uint64_t shard_allocations[SHARDS_MOST];
    int64_t total, peak;
} model;

static struct mete__shard *shards[SHARDS_MOST];

static uint64_t common_divisor(uint64_t a, uint64_t b) {
    return b == 0 ? a : common_divisor(b, a % b);
}

static void model_size(uint32_t stack, uint64_t size) {
    if (model.allocations[stack] == 0) model.min[stack] = model.max[stack] = size;
    int64_t apart = (int64_t)(size - model.min[stack]);
    model.step[stack] = common_divisor(model.step[stack], (uint64_t)(apart < 0 ? -apart : apart));
    if (size < model.min[stack]) model.min[stack] = size;
    if (size > model.max[stack]) model.max[stack] = size;
}

static void model_allocate(struct block *block, uint32_t shard, uint32_t stack, uint64_t size) {
    block->shard = shard;
    block->born = ++model.shard_allocations[shard];
    model_size(stack, size);
    model.allocations[stack]++;
    model.allocated_bytes[stack] += size;
    model.live[stack] += (int64_t)size;
    model.total += (int64_t)size;
    if (model.live[stack] > model.own_peak[stack]) model.own_peak[stack] = model.live[stack];
    if (model.total > model.peak) {
        model.peak = model.total;
        memcpy(model.at_peak, model.live, sizeof model.at_peak);
    }
}

static void model_free(const struct block *block, uint32_t shard) {
    uint32_t stack = block->record.stack;
    model.frees[stack]++;
    model.live[stack] -= (int64_t)block->record.size;
    model.total -= (int64_t)block->record.size;
    if (block->shard == shard && block->born == model.shard_allocations[shard])
        model.temporary[stack]++;
}

/* A step: frees the block if it is there, else allocates it. Shards may take note at any time. */
static void step(struct block *block, uint32_t shard, uint64_t largest) {
    if (shards[0]->level.several == false && mete__level.shards > 1 && shard == 0)
        mete__level_accept(&shards[0]->level);
    if (block->record.live) {
        model_free(block, shard);
        mete__shard_count_freed(shards[shard], &block->record);
        block->record.live = 0;
    } else {
        uint32_t stack = 1 + (uint32_t)random() % (STACKS - 1);
        uint64_t size = (uint64_t)random() % largest;
        if (stack % 3 == 1) size = stack; /* always the same */
        if (stack % 3 == 2) size -= size % stack;
        block->record.size = size & METE__RECORD_SIZE_MAX;
        block->record.live = 1;
        model_allocate(block, shard, stack, size);
        mete__shard_count_allocated(shards[shard], &block->record, stack);
    }
}

static const struct mete__summary_site *site_of(const struct mete__summary *summary,
                                                uint32_t stack) {
    for (size_t i = 0; i < summary->site_count; i++)
        if (summary->sites[i].stack == stack) return &summary->sites[i];
    return NULL;
}

static struct mete__summary *read_summary(void) {
    struct mete__profile *profile = NULL;
    struct mete__summary *summary = NULL;
    char why[200];
    mete__writer_header()->threads_seen = mete__level.shards;
    mete__writer_header()->mode = METE_PROFILE_EXACT;
    if (mete__profile_open(path, &profile, why, sizeof why) != 0) {
        fprintf(stderr, "%s\n", why);
        _exit(1);
    }
    HOLDS(mete__summary_make(profile, &summary) == 0);
    mete__profile_close(profile);
    return summary;
}

static int64_t difference(uint64_t left, int64_t right) {
    int64_t difference = (int64_t)left - right;
    return difference < 0 ? -difference : difference;
}

/* The profile, as a report would read it, against the model; peaks within the errors allowed. */
static void compare(int64_t peak_error, int64_t own_peak_error) {
    struct mete__summary *summary = read_summary();
    uint64_t allocations = 0;

    for (uint32_t stack = 0; stack < STACKS; stack++) {
        const struct mete__summary_site *site = site_of(summary, stack);
        if (site == NULL) {
            HOLDS(model.allocations[stack] == 0);
            continue;
        }
        HOLDS(site->allocations == model.allocations[stack]);
        HOLDS(site->frees == model.frees[stack]);
        HOLDS(site->temporary == model.temporary[stack]);
        HOLDS(site->allocated_bytes == model.allocated_bytes[stack]);
        HOLDS(site->live_bytes == (uint64_t)model.live[stack]);
        HOLDS(site->allocations == 0 || site->sizes.are_known);
        HOLDS(site->allocations == 0 || site->sizes.min == model.min[stack]);
        HOLDS(site->sizes.max == model.max[stack] && site->sizes.step == model.step[stack]);
        HOLDS(difference(site->own_peak_bytes, model.own_peak[stack]) <= own_peak_error);
        HOLDS(peak_error > 0 || site->peak_live_bytes == (uint64_t)model.at_peak[stack]);
        allocations += site->allocations;
    }
    HOLDS(summary->totals.allocations == allocations);
    HOLDS(summary->totals.live_bytes == (uint64_t)model.total);
    HOLDS(difference(summary->totals.peak_live_bytes, model.peak) <= peak_error);
    HOLDS(peak_error > 0 || summary->peak_is_exact);
    mete__summary_free(summary);
}

/* Nodes so that stacks are in range for the reader. */
static void make_stacks(void) {
    for (uint32_t i = 0; i < STACKS; i++) {
        struct mete_profile_node node = {.pc = i, .parent = 0};
        mete__writer_append(METE_SECTION_NODES, &node);
    }
}

static void one_thread(void) {
    make_stacks();
    shards[0] = mete__shard_create();
    HOLDS(shards[0] != NULL);
    for (int i = 0; i < STEPS; i++) {
        /* Phases that grow and phases that shrink, with ups and downs in each. */
        int wanted = (i / 2000) % 2 == 0;
        struct block *block = &model.blocks[random() % BLOCKS];
        if (random() % 3 != 0 && block->record.live == wanted) continue;
        step(block, 0, i % 5 == 0 ? 20 : 5000);
        if (i % 31 == 0) mete__level_publish_making();
        if (i % 97 == 0) compare(0, 0);
    }
    compare(0, 0);
}

static void one_shard_counts_and_peaks_exactly(void **state) {
    (void)state;
    for (unsigned seed = 1; seed <= 5; seed++) {
        srandom(seed);
        run(one_thread);
    }
}

static void several_shards(void) {
    make_stacks();
    for (int i = 0; i < SHARDS_MOST; i++) {
        shards[i] = mete__shard_create();
        HOLDS(shards[i] != NULL);
        /* The first is alone for a while; the others free what it allocated. */
        for (int j = 0; j < STEPS; j++)
            step(&model.blocks[random() % BLOCKS], (uint32_t)(random() % (i + 1)), 3000);
        int64_t count = i + 1;
        compare(count == 1 ? 0 : count * METE_PEAK_STEP_BYTES, count * METE__ACCOUNT_STEP * 2);
    }
}

static void several_shards_count_exactly_and_peak_within_their_steps(void **state) {
    (void)state;
    for (unsigned seed = 1; seed <= 5; seed++) {
        srandom(seed);
        run(several_shards);
    }
}

/* One allocates for ever, another frees: the stack holds little at any time. */
static void producer_and_consumer(void) {
    struct mete__record block = {.size = 1000, .live = 1};
    make_stacks();
    shards[0] = mete__shard_create();
    shards[1] = mete__shard_create();
    mete__level_accept(&shards[0]->level);
    for (int i = 0; i < 100000; i++) {
        mete__shard_count_allocated(shards[0], &block, 7);
        mete__shard_count_freed(shards[1], &block);
    }
    struct mete__summary *summary = read_summary();
    const struct mete__summary_site *site = site_of(summary, 7);
    HOLDS(site->live_bytes == 0 && site->live_blocks == 0);
    HOLDS(site->own_peak_bytes <= 2 * 2 * METE__ACCOUNT_STEP);
    HOLDS(site->temporary == 0);
    HOLDS(summary->totals.peak_live_bytes <= 3 * METE_PEAK_STEP_BYTES);
}

static void what_another_thread_frees_does_not_pile_up(void **state) {
    (void)state;
    run(producer_and_consumer);
}

static void sizes_on_edges(void) {
    static const struct {
        uint64_t size;
        unsigned bucket;
    } edges[] = {{0, 0},     {1, 1},
                 {2, 2},     {3, 2},
                 {4, 3},     {1023, 10},
                 {1024, 11}, {METE__RECORD_SIZE_MAX, __builtin_popcountll(METE__RECORD_SIZE_MAX)}};
    shards[0] = mete__shard_create();
    for (size_t i = 0; i < METE_COUNT_OF(edges); i++) {
        struct mete__record block = {.size = edges[i].size & METE__RECORD_SIZE_MAX, .live = 1};
        uint64_t before = shards[0]->record->size_counts[edges[i].bucket];
        mete__shard_count_allocated(shards[0], &block, 0);
        HOLDS(shards[0]->record->size_counts[edges[i].bucket] == before + 1);
        struct mete__summary *summary = read_summary();
        HOLDS(edges[i].size >= summary->sizes[edges[i].bucket].low);
        HOLDS(edges[i].size <= summary->sizes[edges[i].bucket].high);
        mete__summary_free(summary);
        mete__shard_count_freed(shards[0], &block);
    }
}

static void sizes_fall_into_the_buckets_the_summary_names(void **state) {
    (void)state;
    run(sizes_on_edges);
}

static void allocate_one_of(uint64_t size) {
    struct mete__record block = {.size = size & METE__RECORD_SIZE_MAX, .live = 1};
    mete__shard_count_allocated(shards[0], &block, 1);
}

static void large_sizes(void) {
    make_stacks();
    shards[0] = mete__shard_create();
    allocate_one_of(48);
    allocate_one_of((uint64_t)48 << 32 | 48);
    struct mete__summary *summary = read_summary();
    const struct mete__sizes *sizes = &site_of(summary, 1)->sizes;
    HOLDS(sizes->are_known && sizes->min == 48 && sizes->max == UINT32_MAX);
    mete__summary_free(summary);
}

static void sizes_beyond_32_bits_are_told_from_small_ones(void **state) {
    (void)state;
    run(large_sizes);
}

static void sizes_without_room(void) {
    struct mete_profile_sizes filler = {.site = 1 << 30, .min = 1, .max = 2, .step = 1};
    make_stacks();
    shards[0] = mete__shard_create();
    while (mete__writer_append(METE_SECTION_SIZES, &filler) >= 0) {
    }
    allocate_one_of(40);
    allocate_one_of(56);
    allocate_one_of(48);
    struct mete__summary *summary = read_summary();
    HOLDS(!site_of(summary, 1)->sizes.are_known);
    mete__summary_free(summary);
}

static void sizes_that_find_no_room_are_not_taken_for_one(void **state) {
    (void)state;
    run(sizes_without_room);
}

/* What a forked child does: all is lost in the file, and written again. */
static void sizes_once_more(void) {
    make_stacks();
    shards[0] = mete__shard_create();
    allocate_one_of(40);
    allocate_one_of(56);
    struct mete_profile_sizes *record = mete__writer_record(METE_SECTION_SIZES, 0);
    record->min = record->max = record->step = 1;
    mete__shard_rewrite_all();
    HOLDS(record->min == 40 && record->max == 56 && record->step == 16);
}

static void sizes_are_written_once_more_for_a_child(void **state) {
    (void)state;
    run(sizes_once_more);
}

static void fill_the_profile(void) {
    struct mete_profile_site filler = {.stack = 0};
    struct mete__record block = {.size = 10, .live = 1};
    shards[0] = mete__shard_create();
    while (mete__writer_append(METE_SECTION_SITES, &filler) >= 0) {
    }
    for (uint32_t stack = 1; stack < 100000; stack++) {
        mete__shard_count_allocated(shards[0], &block, stack);
        mete__shard_count_freed(shards[0], &block);
        HOLDS(mete__site_of(&shards[0]->sites, stack) == shards[0]->sites.unknown);
    }
    HOLDS(shards[0]->sites.unknown->allocations == 99999);
    HOLDS(shards[0]->allocations == 99999);
}

static void stacks_that_fit_no_more_are_counted_as_unknown(void **state) {
    (void)state;
    run(fill_the_profile);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_shard_counts_and_peaks_exactly),
        cmocka_unit_test(several_shards_count_exactly_and_peak_within_their_steps),
        cmocka_unit_test(what_another_thread_frees_does_not_pile_up),
        cmocka_unit_test(sizes_fall_into_the_buckets_the_summary_names),
        cmocka_unit_test(sizes_beyond_32_bits_are_told_from_small_ones),
        cmocka_unit_test(sizes_that_find_no_room_are_not_taken_for_one),
        cmocka_unit_test(sizes_are_written_once_more_for_a_child),
        cmocka_unit_test(stacks_that_fit_no_more_are_counted_as_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
