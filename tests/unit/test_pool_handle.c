/* mete/pool.h: handles, live, stale, used up and damaged. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <mete/pool.h>

#include "pool/pool_state.h"
#include "support/pools.h"

static void a_stale_handle_is_NULL(void **state) {
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        mete_pool *pool =
            pools_make(shared != 0, (mete_pool_options){.block_size = 64, .handles = true});
        void *block = mete_pool_alloc(pool);
        mete_pool_handle first = mete_pool_handle_of(pool, block);
        assert_true(first != 0);
        assert_ptr_equal(mete_pool_get(pool, first), block);
        assert_int_equal(mete_pool_handle_of(pool, (char *)block + 1), 0);
        mete_pool_free(pool, block);
        assert_null(mete_pool_get(pool, first));
        assert_int_equal(mete_pool_handle_of(pool, block), 0);
        assert_ptr_equal(mete_pool_alloc(pool), block);
        mete_pool_handle second = mete_pool_handle_of(pool, block);
        assert_true(second != first);
        assert_null(mete_pool_get(pool, first));
        assert_ptr_equal(mete_pool_get(pool, second), block);
        mete_pool_reset(pool);
        assert_null(mete_pool_get(pool, second));
        assert_true(mete_pool_trim(pool) > 0);
        assert_null(mete_pool_get(pool, second));
        for (int i = 0; i < 3000; i++) {
            assert_non_null(mete_pool_alloc(pool));
            assert_null(mete_pool_get(pool, first));
            assert_null(mete_pool_get(pool, second));
        }
        assert_null(mete_pool_get(pool, 0));
        assert_null(mete_pool_get(pool, UINT64_MAX));
        mete_pool_destroy(pool);
    }
}

static void a_used_up_slot_retires(void **state) {
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        mete_pool *pool =
            pools_make(shared != 0, (mete_pool_options){.block_size = 64, .handles = true});
        void *block = mete_pool_alloc(pool);
        size_t index = (size_t)((char *)block - pool->front.slabs[0]->memory) / 64;
        /* As after so many lives. */
        pool->front.slabs[0]->handles[index] += 0xfffffffd * METE__POOL_LIFE;
        mete_pool_free(pool, block);
        assert_ptr_equal(mete_pool_alloc(pool), block);
        mete_pool_handle last = mete_pool_handle_of(pool, block);
        assert_ptr_equal(mete_pool_get(pool, last), block);
        mete_pool_free(pool, block);
        assert_null(mete_pool_get(pool, last));
        assert_int_equal(pools_stats(pool).retired_blocks, 1);
        for (int i = 0; i < 3000; i++) assert_ptr_not_equal(mete_pool_alloc(pool), block);
        assert_int_equal(mete_pool_verify(pool), 0);
        mete_pool_reset(pool);
        assert_true(mete_pool_trim(pool) > 0);
        assert_int_equal(mete_pool_reserve(pool, 2000), 0);
        assert_int_equal(mete_pool_verify(pool), 0);
        assert_null(mete_pool_get(pool, last));
        mete_pool_destroy(pool);
    }
}

static void a_block_goes_by_its_handle_alone(void **state) {
    (void)state;
    for (int kind = 0; kind < 8; kind++) {
        mete_pool *pool =
            pools_make((kind & 1) != 0, (mete_pool_options){.block_size = (kind & 2) != 0 ? 64 : 40,
                                                            .handles = true,
                                                            .does_not_fill = (kind & 4) != 0});
        enum { COUNT = 3000 }; /* in several slabs */
        static mete_pool_handle handles[COUNT];
        static void *blocks[COUNT];
        for (int round = 0; round < 2; round++) {
            for (int i = 0; i < COUNT; i++) {
                blocks[i] = mete_pool_alloc_handle(pool, &handles[i]);
                assert_non_null(blocks[i]);
                assert_int_equal(handles[i], mete_pool_handle_of(pool, blocks[i]));
            }
            assert_int_equal(mete_pool_verify(pool), 0);
            assert_int_equal(pools_stats(pool).live_blocks, COUNT);
            for (int i = 0; i < COUNT; i++) {
                assert_ptr_equal(mete_pool_get(pool, handles[i]), blocks[i]);
                assert_true(mete_pool_contains(pool, blocks[i]));
                if (i % 3 == 0)
                    mete_pool_free(pool, blocks[i]);
                else
                    mete_pool_free_handle(pool, handles[i]);
                assert_null(mete_pool_get(pool, handles[i]));
                assert_int_equal(mete_pool_handle_of(pool, blocks[i]), 0);
            }
            assert_int_equal(mete_pool_verify(pool), 0);
            assert_int_equal(pools_stats(pool).live_blocks, 0);
            assert_int_equal(pools_stats(pool).frees, (round + 1) * COUNT);
        }
        assert_true(mete_pool_trim(pool) > 0);
        assert_null(mete_pool_get(pool, handles[0]));
        mete_pool_destroy(pool);
    }
}

static void free_in_vain(mete_pool *pool, mete_pool_handle handle, enum mete_pool_fault fault,
                         const void *block) {
    pools_error_count = 0;
    mete_pool_free_handle(pool, handle);
    assert_int_equal(pools_error_count, 1);
    assert_int_equal(pools_errors[0].fault, fault);
    assert_int_equal(pools_errors[0].handle, handle);
    assert_null(pools_errors[0].address);
    assert_ptr_equal(pools_errors[0].block, block);
}

static void a_handle_freed_in_vain_is_told_by_name(void **state) {
    static const mete_pool_handle made_up[] = {1, UINT32_MAX, UINT64_MAX, (uint64_t)1 << 63};

    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        mete_pool *pool = pools_make(
            shared != 0,
            (mete_pool_options){.block_size = 64, .handles = true, .on_error = pools_note});
        mete_pool_handle handle;
        void *block = mete_pool_alloc_handle(pool, &handle);
        pools_error_count = 0;
        mete_pool_free_handle(pool, handle);
        mete_pool_free_handle(pool, 0);
        assert_int_equal(pools_error_count, 0);
        free_in_vain(pool, handle, METE_POOL_DOUBLE_FREE, block);
        assert_ptr_equal(mete_pool_alloc(pool), block); /* its next life */
        free_in_vain(pool, handle, METE_POOL_DOUBLE_FREE, block);
        mete_pool_free(pool, block);
        for (size_t i = 0; i < sizeof made_up / sizeof *made_up; i++)
            free_in_vain(pool, made_up[i], METE_POOL_INVALID_FREE, NULL);
        for (uint64_t life = 5; life < 8; life++) { /* those to come, and what names another */
            mete_pool_handle next = life << 32 | (uint32_t)handle;
            assert_null(mete_pool_get(pool, next));
            assert_null(mete_pool_get(pool, next + 1));
            free_in_vain(pool, next, METE_POOL_INVALID_FREE, NULL);
            free_in_vain(pool, next + 1, METE_POOL_INVALID_FREE, NULL);
        }
        assert_int_equal(mete_pool_verify(pool), 0);
        mete_pool_destroy(pool);
    }
}

static void a_pool_without_handles_gives_none(void **state) {
    mete_pool *pool = pools_make(false, (mete_pool_options){.block_size = 64});
    mete_pool_handle handle = 7;

    (void)state;
    assert_null(mete_pool_alloc_handle(pool, &handle));
    assert_int_equal(errno, EINVAL);
    assert_int_equal(handle, 7);
    assert_int_equal(pools_stats(pool).failures, 1);
    assert_int_equal(mete_pool_handle_of(pool, mete_pool_alloc(pool)), 0);
    mete_pool_destroy(pool);
}

static void damage_of_handles_is_found(void **state) {
    mete_pool *pool = pools_make(false, (mete_pool_options){.block_size = 64, .handles = true});
    mete_pool_handle *kept, was;

    (void)state;
    mete_pool_free(pool, mete_pool_alloc(pool));
    mete_pool_handle *top = &pool->front.next[mete__pool_depth(pool) - 1];
    was = *top;
    *top = pool->front.next[0]; /* twice in hand */
    assert_int_equal(mete_pool_verify(pool), -EUCLEAN);
    *top = was + METE__POOL_LIFE;
    assert_int_equal(mete_pool_verify(pool), -EUCLEAN);
    *top = was;
    kept = &pool->front.slabs[0]->handles[mete__pool_index_of(was)];
    --*kept; /* lives, and is in hand */
    assert_int_equal(mete_pool_verify(pool), -EUCLEAN);
    ++*kept;
    assert_int_equal(mete_pool_verify(pool), 0);
    mete_pool_destroy(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stale_handle_is_NULL),
        cmocka_unit_test(a_block_goes_by_its_handle_alone),
        cmocka_unit_test(a_handle_freed_in_vain_is_told_by_name),
        cmocka_unit_test(a_pool_without_handles_gives_none),
        cmocka_unit_test(damage_of_handles_is_found),
        cmocka_unit_test(a_used_up_slot_retires),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
