/* mete/pool.h: requests for many blocks, and what is left of those that fail. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <mete/pool.h>

#include "os/checkers.h"
#include "support/pools.h"

static void assert_same_counts(mete_pool *pool, const mete_pool_stats *before) {
    mete_pool_stats after = pools_stats(pool);
    assert_int_equal(after.peak_blocks, before->peak_blocks);
    assert_int_equal(after.live_blocks, before->live_blocks);
    assert_int_equal(after.allocations, before->allocations);
    assert_int_equal(after.frees, before->frees);
    assert_int_equal(after.failures, before->failures + 1);
    assert_int_equal(mete_pool_verify(pool), 0);
}

static int blocks_to_construct;

static int construct(void *context, void *block) {
    (void)context, (void)block;
    return blocks_to_construct-- > 0 ? 0 : EXDEV;
}

static void a_refused_request_leaves_no_trace_in_the_counts(void **state) {
    static void *blocks[2000];
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        mete_pool *pool = pools_make(
            shared != 0,
            (mete_pool_options){.block_size = 64, .max_blocks = 2100, .construct = construct});
        blocks_to_construct = 300;
        assert_int_equal(mete_pool_alloc_many(pool, blocks, 300), 0);
        mete_pool_free_many(pool, blocks + 100, 200);
        mete_pool_stats before = pools_stats(pool);
        assert_int_equal(before.peak_blocks, 300);
        blocks_to_construct = 1500;
        assert_int_equal(mete_pool_alloc_many(pool, blocks + 100, 1800), -EXDEV);
        assert_same_counts(pool, &before);
        before = pools_stats(pool);
        assert_int_equal(mete_pool_alloc_many(pool, blocks, 2001), -ENOBUFS);
        assert_same_counts(pool, &before);
        before = pools_stats(pool);
        blocks_to_construct = 0;
        assert_null(mete_pool_alloc(pool));
        assert_int_equal(errno, EXDEV);
        assert_same_counts(pool, &before);
        blocks_to_construct = 1900;
        assert_int_equal(mete_pool_alloc_many(pool, blocks + 100, 1900), 0);
        assert_int_equal(pools_stats(pool).peak_blocks, 2000);
        mete_pool_free_many(pool, blocks, 2000);
        mete_pool_destroy(pool);
    }
}

static void a_refused_reservation_takes_no_memory(void **state) {
    (void)state;
    for (int shared = 0; shared < 2; shared++)
        for (int handles = 0; handles < 2; handles++) {
            mete_pool *pool = pools_make(
                shared != 0,
                (mete_pool_options){.block_size = 64, .max_bytes = 1 << 20, .handles = handles});
            assert_non_null(mete_pool_alloc(pool));
            mete_pool_stats before = pools_stats(pool);
            assert_int_equal(mete_pool_reserve(pool, 16000), -ENOBUFS);
            assert_int_equal(mete_pool_reserve(pool, (1 << 20) / 64 - 100), -ENOBUFS); /* nearly */
            assert_int_equal(mete_pool_reserve(pool, SIZE_MAX), -ENOBUFS);
            mete_pool_stats after = pools_stats(pool);
            assert_int_equal(after.slabs, before.slabs);
            assert_in_range(after.reserved_bytes, before.reserved_bytes,
                            before.reserved_bytes + 4096); /* tables that have grown */
            assert_int_equal(mete_pool_reserve(pool, 8000), 0);
            assert_int_equal(mete_pool_verify(pool), 0);
            mete_pool_destroy(pool);
        }
}

/* At once: not by taking all memory there is first. */
static void what_no_machine_has_is_refused(void **state) {
    static const size_t counts[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 64, (size_t)1 << 57,
                                    (size_t)1 << 40};
    (void)state;
    if (mete__checkers_listen) skip(); /* a sanitizer aborts where mmap fails */
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        errno = 0;
        assert_null(
            mete_pool_create(&(mete_pool_options){.block_size = 64, .initial_blocks = counts[i]}));
        assert_int_equal(errno, ENOMEM);
        mete_pool *pool = pools_make(i % 2 != 0, (mete_pool_options){.block_size = 64});
        void *block;
        assert_int_equal(mete_pool_reserve(pool, counts[i]), -ENOMEM);
        assert_int_equal(mete_pool_alloc_many(pool, &block, counts[i]), -ENOMEM);
        assert_int_equal(pools_stats(pool).slabs, 0);
        mete_pool_destroy(pool);
    }
}

static void reset_and_destroy_find_writes_to_free_blocks(void **state) {
    (void)state;
    if (mete__checkers_listen) skip(); /* the tool finds the write itself, at once */
    for (int shared = 0; shared < 2; shared++) {
        mete_pool *pool =
            pools_make(shared != 0, (mete_pool_options){.block_size = 80, .on_error = pools_note});
        char *blocks[600];
        for (int i = 0; i < 600; i++) assert_non_null(blocks[i] = mete_pool_alloc(pool));
        for (int i = 0; i < 500; i++) mete_pool_free(pool, blocks[i]);
        pools_error_count = 0;
        blocks[3][79] = 1;
        mete_pool_reset(pool);
        assert_int_equal(pools_error_count, 1);
        assert_int_equal(pools_errors[0].fault, METE_POOL_WRITE_AFTER_FREE);
        assert_ptr_equal(pools_errors[0].block, blocks[3]);
        assert_int_equal(pools_errors[0].offset, 79);
        assert_int_equal(mete_pool_verify(pool), 0); /* told once: it is filled again */
        blocks[499][0] = 1;
        blocks[599][5] = 1; /* freed by the reset */
        mete_pool_destroy(pool);
        assert_int_equal(pools_error_count, 3);
        assert_ptr_equal(pools_errors[2].block, blocks[599]);
    }
}

/* Each address of a slab, for sizes that divide it and others: but one is wrong. */
static void only_the_start_of_a_block_can_be_freed(void **state) {
    static const size_t sizes[] = {1, 2, 3, 6, 7, 8, 24, 48, 64, 96, 100, 120, 1000};
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t size = sizes[s];
        mete_pool *pool = pools_make(s % 2 != 0, (mete_pool_options){.block_size = size,
                                                                     .slab_bytes = 4096,
                                                                     .block_align = 1,
                                                                     .handles = s % 3 == 0,
                                                                     .on_error = pools_note});
        size_t count = 4096 / size;
        char *first = NULL;
        for (size_t i = 0; i < count; i++) {
            char *block = mete_pool_alloc(pool);
            if (first == NULL || block < first) first = block;
        }
        for (size_t at = 0; at < 4096; at++) {
            pools_error_count = 0;
            if (at / size < count && at % size == 0) continue;
            mete_pool_free(pool, first + at);
            assert_int_equal(pools_error_count, 1);
            assert_int_equal(pools_errors[0].fault,
                             at / size < count ? METE_POOL_INTERIOR_FREE : METE_POOL_INVALID_FREE);
        }
        for (size_t i = 0; i < count; i++) mete_pool_free(pool, first + i * size);
        assert_int_equal(pools_stats(pool).live_blocks, 0);
        assert_int_equal(mete_pool_verify(pool), 0);
        mete_pool_destroy(pool);
    }
}

/* What the header has compiled into the program, and the functions themselves. */
static void the_short_way_and_the_long_one_go_together(void **state) {
    void *(*volatile alloc)(mete_pool *) = mete_pool_alloc;
    void (*volatile give)(mete_pool *, void *) = mete_pool_free;
    static void *blocks[3000];
    unsigned seed = 5;
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        mete_pool *pool = pools_make(kind % 2 != 0, (mete_pool_options){.block_size = 64,
                                                                        .does_not_fill = kind > 1,
                                                                        .on_error = pools_note});
        size_t live = 0, most = 0;
        pools_error_count = 0;
        for (int step = 0; step < 100000; step++) {
            seed = seed * 1664525 + 1013904223;
            bool grows = (seed >> 8) % 3000 > live;
            if (grows) {
                void *block = seed >> 31 ? mete_pool_alloc(pool) : alloc(pool);
                assert_non_null(block);
                memset(block, 0x5a, 64);
                blocks[live++] = block;
                if (live > most) most = live;
            } else if (live > 0) {
                size_t at = (seed >> 4) % live;
                void *block = blocks[at];
                blocks[at] = blocks[--live];
                if (seed >> 31)
                    mete_pool_free(pool, block);
                else
                    give(pool, block);
                if (step % 16 != 0) continue;
                if (seed >> 30 & 1)
                    mete_pool_free(pool, block);
                else
                    give(pool, block);
                assert_int_equal(pools_error_count, 1);
                assert_int_equal(pools_errors[0].fault, METE_POOL_DOUBLE_FREE);
                pools_error_count = 0;
            }
        }
        assert_int_equal(pools_error_count, 0);
        assert_int_equal(pools_stats(pool).live_blocks, live);
        assert_in_range(pools_stats(pool).peak_blocks, most, most + (kind % 2 != 0 ? 128 : 0));
        assert_int_equal(mete_pool_verify(pool), 0);
        mete_pool_destroy(pool);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_request_leaves_no_trace_in_the_counts),
        cmocka_unit_test(a_refused_reservation_takes_no_memory),
        cmocka_unit_test(what_no_machine_has_is_refused),
        cmocka_unit_test(reset_and_destroy_find_writes_to_free_blocks),
        cmocka_unit_test(only_the_start_of_a_block_can_be_freed),
        cmocka_unit_test(the_short_way_and_the_long_one_go_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
