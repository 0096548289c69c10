/* mete/pool.h: blocks and limits; as an allocator; alone and shared. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <mete/pool.h>

#include "pool/pool_state.h"
#include "support/pools.h"

/* ---- blocks ---- */

static void blocks_of_any_size_are_aligned_and_apart(void **state) {
    static const size_t sizes[] = {1, 2, 3, 7, 8, 13, 16, 24, 40, 64, 100, 1000, 1024, 5000, 70000};
    enum { COUNT = 700 };
    static unsigned char *blocks[COUNT];
    (void)state;
    for (int shared = 0; shared < 2; shared++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            size_t size = sizes[s];
            mete_pool *pool = pools_make(shared != 0, (mete_pool_options){.block_size = size});
            for (int round = 0; round < 2; round++) {
                for (size_t i = 0; i < COUNT; i++) {
                    blocks[i] = mete_pool_alloc(pool);
                    assert_non_null(blocks[i]);
                    if (size % 16 == 0) assert_int_equal((uintptr_t)blocks[i] % 16, 0);
                    memset(blocks[i], (int)i, size);
                }
                for (size_t i = 0; i < COUNT; i++) {
                    assert_int_equal(blocks[i][0], (unsigned char)i);
                    assert_int_equal(blocks[i][size - 1], (unsigned char)i);
                    assert_true(mete_pool_contains(pool, blocks[i] + size - 1));
                }
                assert_int_equal(pools_stats(pool).live_blocks, COUNT);
                assert_int_equal(mete_pool_verify(pool), 0);
                for (size_t i = 0; i < COUNT; i++) mete_pool_free(pool, blocks[i * 37 % COUNT]);
                assert_false(mete_pool_contains(pool, blocks[0]));
                assert_int_equal(mete_pool_verify(pool), 0);
            }
            assert_int_equal(pools_stats(pool).allocations, 2 * COUNT);
            mete_pool_destroy(pool);
        }
}

static void alignment_is_what_was_asked_for(void **state) {
    (void)state;
    for (size_t align = 1; align <= 65536; align *= 4) {
        mete_pool *pool =
            pools_make(false, (mete_pool_options){.block_size = 40, .block_align = align});
        for (int i = 0; i < 50; i++) assert_int_equal((uintptr_t)mete_pool_alloc(pool) % align, 0);
        mete_pool_destroy(pool);
    }
}

static void wrong_layouts_are_refused(void **state) {
    const struct {
        mete_pool_options options;
        int error;
    } wrong[] = {
        {{.block_size = 0}, EINVAL},
        {{.block_size = 64, .block_align = 48}, EINVAL},
        {{.block_size = SIZE_MAX / 2}, EOVERFLOW},
        {{.block_size = SIZE_MAX}, EOVERFLOW},
        {{.block_size = 64, .slab_bytes = 5000}, EINVAL},
        {{.block_size = 64, .slab_bytes = 64}, EINVAL},
        {{.block_size = 8192, .slab_bytes = 4096}, EINVAL},
        {{.block_size = 64, .initial_blocks = 11, .max_blocks = 10}, ENOBUFS},
        {{.block_size = 64, .initial_blocks = 1, .max_bytes = 1000}, ENOBUFS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        errno = 0;
        assert_null(mete_pool_create(&wrong[i].options));
        assert_int_equal(errno, wrong[i].error);
    }
    errno = 0;
    assert_null(mete_pool_create(NULL));
    assert_int_equal(errno, EINVAL);
    mete_pool_destroy(NULL);
}

static void zalloc_zeroes(void **state) {
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        mete_pool *pool = pools_make(shared != 0, (mete_pool_options){.block_size = 100});
        for (int round = 0; round < 3; round++) {
            unsigned char *block = mete_pool_zalloc(pool);
            for (int i = 0; i < 100; i++) assert_int_equal(block[i], 0);
            memset(block, 1, 100);
            mete_pool_free(pool, block);
        }
        mete_pool_destroy(pool);
    }
}

/* ---- limits ---- */

static void at_its_limit_it_says_ENOBUFS(void **state) {
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        mete_pool *pool =
            pools_make(shared != 0, (mete_pool_options){.block_size = 64, .max_blocks = 100});
        void *blocks[100];
        for (int i = 0; i < 100; i++) assert_non_null(blocks[i] = mete_pool_alloc(pool));
        errno = 0;
        assert_null(mete_pool_alloc(pool));
        assert_int_equal(errno, ENOBUFS);
        assert_int_equal(pools_stats(pool).failures, 1);
        mete_pool_free(pool, blocks[50]);
        assert_non_null(mete_pool_alloc(pool));
        assert_null(mete_pool_alloc(pool));
        assert_int_equal(pools_stats(pool).live_blocks, 100);
        mete_pool_destroy(pool);
        pool = pools_make(shared != 0, (mete_pool_options){.block_size = 64, .max_bytes = 200000});
        while (mete_pool_alloc(pool) != NULL) {
        }
        assert_int_equal(errno, ENOBUFS);
        assert_true(pools_stats(pool).reserved_bytes <= 200000);
        assert_true(pools_stats(pool).live_blocks >= 1024);
        mete_pool_destroy(pool);
    }
}

static void what_was_reserved_cannot_fail(void **state) {
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        mete_pool *pool =
            pools_make(shared != 0, (mete_pool_options){.block_size = 64, .max_blocks = 6000});
        assert_int_equal(mete_pool_reserve(pool, 5000), 0);
        mete_pool_stats before = pools_stats(pool);
        assert_true(before.free_blocks >= 5000);
        for (int i = 0; i < 5000; i++) assert_non_null(mete_pool_alloc(pool));
        assert_int_equal(pools_stats(pool).slabs, before.slabs);
        assert_int_equal(mete_pool_reserve(pool, 1001), -ENOBUFS);
        mete_pool_destroy(pool);
    }
}

static void many_are_all_or_none(void **state) {
    void *blocks[200];
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        mete_pool *pool =
            pools_make(shared != 0, (mete_pool_options){.block_size = 64, .max_blocks = 150});
        assert_int_equal(mete_pool_alloc_many(pool, blocks, 200), -ENOBUFS);
        assert_int_equal(pools_stats(pool).live_blocks, 0);
        assert_int_equal(mete_pool_alloc_many(pool, blocks, 150), 0);
        mete_pool_free_many(pool, blocks, 150);
        assert_int_equal(pools_stats(pool).live_blocks, 0);
        assert_int_equal(pools_stats(pool).peak_blocks, 150); /* no more than may be */
        mete_pool_destroy(pool);
    }
}

/* Constructs `*context` blocks, then none. */
static int construct_so_many(void *context, void *block) {
    int *left = context;
    (void)block;
    return (*left)-- > 0 ? 0 : EXDEV;
}

static void many_that_fail_leave_the_array_alone(void **state) {
    static const size_t counts[] = {1, 40, 64, 65, 200};
    int left = 0;
    (void)state;
    for (int shared = 0; shared < 2; shared++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            void *blocks[200];
            size_t count = counts[c];
            mete_pool_options options = {.block_size = 64, .max_blocks = count, .context = &left};
            options.construct = construct_so_many;
            mete_pool *pool = pools_make(shared != 0, options);
            for (size_t i = 0; i < 200; i++) blocks[i] = &left;
            left = (int)count - 1;
            assert_int_equal(mete_pool_alloc_many(pool, blocks, count), -EXDEV);
            left = 1;
            void *one = mete_pool_alloc(pool);
            left = 1000;
            assert_int_equal(mete_pool_alloc_many(pool, blocks, count), -ENOBUFS);
            assert_int_equal(mete_pool_alloc_many(pool, blocks, SIZE_MAX), -ENOBUFS);
            for (size_t i = 0; i < 200; i++) assert_ptr_equal(blocks[i], &left);
            assert_int_equal(pools_stats(pool).live_blocks, 1);
            mete_pool_free(pool, one);
            assert_int_equal(mete_pool_alloc_many(pool, blocks, count), 0);
            for (size_t i = 0; i < count; i++) assert_true(mete_pool_contains(pool, blocks[i]));
            mete_pool_destroy(pool);
        }
}

static void reset_keeps_slabs_and_trim_gives_them_back(void **state) {
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        mete_pool *pool = pools_make(shared != 0, (mete_pool_options){.block_size = 64});
        for (int i = 0; i < 5000; i++) assert_non_null(mete_pool_alloc(pool));
        mete_pool_stats full = pools_stats(pool);
        mete_pool_reset(pool);
        assert_int_equal(mete_pool_verify(pool), 0);
        assert_int_equal(pools_stats(pool).live_blocks, 0);
        assert_int_equal(pools_stats(pool).slabs, full.slabs);
        assert_int_equal(pools_stats(pool).frees, 5000);
        assert_non_null(mete_pool_alloc(pool));
        for (int i = 0; i < 4999; i++) assert_non_null(mete_pool_alloc(pool));
        assert_int_equal(pools_stats(pool).slabs, full.slabs);
        mete_pool_reset(pool);
        void *kept = mete_pool_alloc(pool);
        size_t given = mete_pool_trim(pool);
        assert_true(given >= (full.slabs - 2) * 65536);
        assert_int_equal(pools_stats(pool).slabs, full.slabs - given / 65536);
        assert_int_equal(mete_pool_verify(pool), 0);
        mete_pool_free(pool, kept);
        for (int i = 0; i < 5000; i++) assert_non_null(mete_pool_alloc(pool));
        assert_int_equal(mete_pool_verify(pool), 0);
        mete_pool_destroy(pool);
    }
}

/* A pool's own hand holds back some free blocks: neither the peak nor the counts may show it. */
static void peak_and_counts_are_exact_at_each_step(void **state) {
    enum { MOST = 1000, STEPS = 60000 };
    static void *blocks[MOST];
    size_t live = 0, peak = 0, allocations = 0, target = 0;
    unsigned seed = 7;
    mete_pool *pool =
        pools_make(false, (mete_pool_options){.block_size = 64, .max_blocks = MOST - 50});
    (void)state;
    for (int step = 0; step < STEPS; step++) {
        if (live == target) {
            seed = seed * 1664525 + 1013904223;
            target = (seed >> 8) % MOST;
        }
        if (live < target) {
            void *block = mete_pool_alloc(pool);
            assert_int_equal(block != NULL, live < MOST - 50);
            if (block == NULL) {
                target = 0;
                continue;
            }
            blocks[live++] = block;
            allocations++;
            if (live > peak) peak = live;
        } else {
            mete_pool_free(pool, blocks[--live]);
        }
        mete_pool_stats stats = pools_stats(pool);
        assert_int_equal(stats.live_blocks, live);
        assert_int_equal(stats.peak_blocks, peak);
        assert_int_equal(stats.allocations, allocations);
        if (step % 1000 == 0) assert_int_equal(mete_pool_verify(pool), 0);
        if (step % 7001 == 0) (void)mete_pool_trim(pool);
    }
    assert_int_equal(peak, MOST - 50);
    mete_pool_destroy(pool);
}

/* ---- construct, foreach ---- */

static int constructed, destructed;

static int construct(void *context, void *block) {
    if (*(int *)context == constructed) return EIO;
    constructed++;
    memset(block, 0x11, 48);
    return 0;
}

static void destruct(void *context, void *block) {
    (void)context;
    assert_int_equal(*(char *)block, 0x11);
    destructed++;
}

static void blocks_are_constructed_and_destructed(void **state) {
    static int most = 10;
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        mete_pool *pool = pools_make(shared != 0, (mete_pool_options){.block_size = 48,
                                                                      .construct = construct,
                                                                      .destruct = destruct,
                                                                      .context = &most});
        constructed = destructed = 0;
        void *blocks[10];
        for (int i = 0; i < 10; i++) assert_non_null(blocks[i] = mete_pool_alloc(pool));
        errno = 0;
        assert_null(mete_pool_alloc(pool));
        assert_int_equal(errno, EIO);
        assert_int_equal(mete_pool_verify(pool), 0);
        mete_pool_free(pool, blocks[3]);
        assert_int_equal(destructed, 1);
        most = 100;
        mete_pool_reset(pool);
        assert_int_equal(destructed, 10);
        for (int i = 0; i < 5; i++) assert_non_null(mete_pool_alloc(pool));
        mete_pool_destroy(pool);
        assert_int_equal(constructed, 15);
        assert_int_equal(destructed, 15);
        most = 10;
    }
}

static mete_pool *visited_pool;

static bool free_every_other(void *context, void *block) {
    size_t *count = context;
    if ((*count)++ % 2 == 0) mete_pool_free(visited_pool, block);
    return *count < 900;
}

static void foreach_may_free_the_block_it_is_at(void **state) {
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        mete_pool *pool = visited_pool =
            pools_make(shared != 0, (mete_pool_options){.block_size = 200});
        size_t count = 0;
        for (int i = 0; i < 800; i++) assert_non_null(mete_pool_alloc(pool));
        assert_true(mete_pool_foreach(pool, free_every_other, &count));
        assert_int_equal(count, 800);
        assert_int_equal(pools_stats(pool).live_blocks, 400);
        assert_false(mete_pool_foreach(pool, free_every_other, &count));
        assert_int_equal(mete_pool_verify(pool), 0);
        mete_pool_destroy(pool);
    }
}

/* ---- as an allocator ---- */

static void a_pool_is_an_allocator_for_what_fits(void **state) {
    mete_pool *pool = pools_make(false, (mete_pool_options){.block_size = 64});
    const mete_allocator *allocator = mete_pool_allocator(pool);

    (void)state;
    void *block = mete_allocator_alloc(allocator, (mete_layout){50, 16});
    assert_int_equal(mete_allocator_usable(allocator, block, (mete_layout){50, 16}), 64);
    assert_int_equal(mete_allocator_resize(allocator, block, (mete_layout){50, 16}, 64), 0);
    assert_int_equal(mete_allocator_resize(allocator, block, (mete_layout){50, 16}, 65), -ENOMEM);
    mete_allocator_free(allocator, block, (mete_layout){64, 16});
    errno = 0;
    assert_null(mete_allocator_alloc(allocator, (mete_layout){65, 1}));
    assert_int_equal(errno, EINVAL);
    assert_null(mete_allocator_alloc(allocator, (mete_layout){8, 32}));
    for (size_t align = 0; align <= 3; align += 3) {
        errno = 0;
        assert_null(mete_allocator_alloc(allocator, (mete_layout){8, align}));
        assert_int_equal(errno, EINVAL);
    }
    mete_pool_destroy(pool);
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 200, BATCH = 150, CROSSING = 256 };

static void *crossing[CROSSING]; /* atomic: blocks that threads leave to each other */

struct worker {
    mete_pool *pool;
    unsigned seed;
};

static void *work(void *argument) {
    struct worker *worker = argument;
    void *blocks[BATCH];

    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < BATCH; i++) {
            blocks[i] = mete_pool_alloc(worker->pool);
            assert_non_null(blocks[i]);
            memset(blocks[i], round + i, 64);
        }
        for (int i = 0; i < BATCH; i++) {
            assert_int_equal(((unsigned char *)blocks[i])[63], (unsigned char)(round + i));
            worker->seed = worker->seed * 1664525 + 1013904223;
            void *given = __atomic_exchange_n(&crossing[(worker->seed >> 8) % CROSSING], blocks[i],
                                              __ATOMIC_ACQ_REL);
            if (given != NULL) mete_pool_free(worker->pool, given);
        }
    }
    return NULL;
}

static void threads_share_a_pool(void **state) {
    mete_pool *pool = pools_make(true, (mete_pool_options){.block_size = 64, .handles = true});
    (void)state;
    for (int generation = 0; generation < 3; generation++) {
        pthread_t threads[THREADS];
        struct worker workers[THREADS];
        for (unsigned i = 0; i < THREADS; i++) {
            workers[i] = (struct worker){pool, i * 77 + (unsigned)generation};
            assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
        }
        for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_null(pool->caches); /* all threads have ended, and left nothing */
    }
    for (int i = 0; i < CROSSING; i++) {
        mete_pool_free(pool, crossing[i]);
        crossing[i] = NULL;
    }
    mete_pool_stats stats = pools_stats(pool);
    assert_int_equal(stats.live_blocks, 0);
    assert_int_equal(stats.allocations, 3 * THREADS * ROUNDS * BATCH);
    assert_int_equal(mete_pool_verify(pool), 0);
    assert_true(mete_pool_trim(pool) > 0);
    assert_int_equal(pools_stats(pool).slabs, 0);
    mete_pool_destroy(pool);
}

static pthread_barrier_t barrier;

static void *outlive_the_pool(void *pool) {
    void *block = mete_pool_alloc(pool);
    mete_pool_free(pool, block);
    (void)pthread_barrier_wait(&barrier);
    (void)pthread_barrier_wait(&barrier); /* it is destroyed now, another has its slot */
    return NULL;
}

static void a_thread_may_end_after_its_pool(void **state) {
    mete_pool *pool = pools_make(true, (mete_pool_options){.block_size = 64});
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
    assert_int_equal(pthread_create(&thread, NULL, outlive_the_pool, pool), 0);
    (void)pthread_barrier_wait(&barrier);
    mete_pool_destroy(pool);
    pool = pools_make(true, (mete_pool_options){.block_size = 32});
    assert_non_null(mete_pool_alloc(pool));
    (void)pthread_barrier_wait(&barrier);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(pools_stats(pool).live_blocks, 1);
    mete_pool_destroy(pool);
}

static void what_grows_with_the_slabs_counts_against_max_bytes(void **state) {
    (void)state;
    for (size_t most = 16384; most < 131072; most += 1000) {
        mete_pool *pool = pools_make(
            false, (mete_pool_options){
                       .block_size = 256, .slab_bytes = 4096, .handles = true, .max_bytes = most});
        while (mete_pool_alloc(pool) != NULL) continue;
        assert_int_equal(errno, ENOBUFS);
        assert_in_range(pools_stats(pool).reserved_bytes, 1, most);
        mete_pool_destroy(pool);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_grows_with_the_slabs_counts_against_max_bytes),
        cmocka_unit_test(blocks_of_any_size_are_aligned_and_apart),
        cmocka_unit_test(alignment_is_what_was_asked_for),
        cmocka_unit_test(wrong_layouts_are_refused),
        cmocka_unit_test(zalloc_zeroes),
        cmocka_unit_test(at_its_limit_it_says_ENOBUFS),
        cmocka_unit_test(what_was_reserved_cannot_fail),
        cmocka_unit_test(many_are_all_or_none),
        cmocka_unit_test(many_that_fail_leave_the_array_alone),
        cmocka_unit_test(reset_keeps_slabs_and_trim_gives_them_back),
        cmocka_unit_test(peak_and_counts_are_exact_at_each_step),
        cmocka_unit_test(blocks_are_constructed_and_destructed),
        cmocka_unit_test(foreach_may_free_the_block_it_is_at),
        cmocka_unit_test(a_pool_is_an_allocator_for_what_fits),
        cmocka_unit_test(threads_share_a_pool),
        cmocka_unit_test(a_thread_may_end_after_its_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
