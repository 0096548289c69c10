/* mete/pool.h: misuse, writes to freed blocks, and damage of a pool itself are found and named. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <mete/pool.h>

#include "os/checkers.h"
#include "pool/pool_state.h"
#include "support/pools.h"

static void every_misuse_has_its_name(void **state) {
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        mete_pool *pool = pools_make(
            shared != 0,
            (mete_pool_options){.block_size = 64, .name = "sessions", .on_error = pools_note});
        mete_pool *other = pools_make(shared != 0, (mete_pool_options){.block_size = 64});
        char local[64], *a = mete_pool_alloc(pool), *b = mete_pool_alloc(pool);
        char *foreign = mete_pool_alloc(other);
        pools_error_count = 0;
        mete_pool_free(pool, a);
        mete_pool_free(pool, a);
        assert_int_equal(pools_errors[0].fault, METE_POOL_DOUBLE_FREE);
        assert_string_equal(pools_errors[0].pool, "sessions");
        assert_ptr_equal(pools_errors[0].block, a);
        mete_pool_free(pool, b + 8);
        assert_int_equal(pools_errors[1].fault, METE_POOL_INTERIOR_FREE);
        assert_int_equal(pools_errors[1].offset, 8);
        assert_ptr_equal(pools_errors[1].block, b);
        mete_pool_free(pool, local);
        assert_int_equal(pools_errors[2].fault, METE_POOL_INVALID_FREE);
        mete_pool_free(pool, foreign);
        assert_int_equal(pools_errors[3].fault, METE_POOL_INVALID_FREE);
        mete_pool_free(pool, (void *)(uintptr_t)8);
        assert_int_equal(pools_errors[4].fault, METE_POOL_INVALID_FREE);
        mete_pool_free(pool, b + 64 * 900); /* never handed out */
        assert_int_equal(pools_errors[5].fault, METE_POOL_INVALID_FREE);
        assert_int_equal(pools_error_count, 6);
        assert_int_equal(pools_stats(pool).live_blocks, 1);
        assert_int_equal(mete_pool_verify(pool), 0);
        mete_pool_destroy(pool);
        mete_pool_destroy(other);
    }
    assert_string_equal(mete_pool_fault_name(METE_POOL_INTERIOR_FREE), "interior-free");
}

static void a_double_free_is_found_after_many_others(void **state) {
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        mete_pool *pool =
            pools_make(shared != 0, (mete_pool_options){.block_size = 32, .on_error = pools_note});
        void *blocks[500];
        pools_error_count = 0;
        for (int i = 0; i < 500; i++) blocks[i] = mete_pool_alloc(pool);
        for (int i = 0; i < 500; i++) mete_pool_free(pool, blocks[i]);
        mete_pool_free(pool, blocks[0]);
        mete_pool_free(pool, blocks[499]);
        assert_int_equal(pools_error_count, 2);
        assert_int_equal(pools_errors[0].fault, METE_POOL_DOUBLE_FREE);
        mete_pool_reset(pool);
        mete_pool_free(pool, blocks[7]);
        assert_int_equal(pools_error_count, 3);
        assert_int_equal(pools_errors[2].fault, METE_POOL_DOUBLE_FREE);
        mete_pool_destroy(pool);
    }
}

static void a_write_to_a_freed_block_is_found_at_each_byte(void **state) {
    static const size_t sizes[] = {1, 9, 24, 64, 77, 1024, 3000};
    (void)state;
    if (mete__checkers_listen) skip(); /* the tool finds the write itself, at once */
    for (int shared = 0; shared < 2; shared++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            size_t size = sizes[s];
            for (size_t at = 0; at<size; at += size> 100 ? 61 : 1) {
                if (size > 1024 && at >= 512 && at < size - 512) continue; /* as pool.h says */
                mete_pool *pool = pools_make(
                    shared != 0, (mete_pool_options){.block_size = size, .on_error = pools_note});
                unsigned char *block = mete_pool_alloc(pool);
                pools_error_count = 0;
                mete_pool_free(pool, block);
                block[at] ^= 1;
                assert_int_equal(mete_pool_verify(pool), -EILSEQ);
                assert_int_equal(pools_error_count, 1);
                assert_int_equal(pools_errors[0].fault, METE_POOL_WRITE_AFTER_FREE);
                assert_int_equal(pools_errors[0].offset, at);
                assert_ptr_equal(mete_pool_alloc(pool), block);
                assert_int_equal(pools_error_count, 2);
                assert_int_equal(pools_errors[1].offset, at);
                mete_pool_destroy(pool);
            }
        }
}

static void without_filling_only_writes_go_unseen(void **state) {
    (void)state;
    if (mete__checkers_listen) skip(); /* the tool sees them */
    for (int shared = 0; shared < 2; shared++) {
        mete_pool *pool = pools_make(
            shared != 0,
            (mete_pool_options){.block_size = 70, .does_not_fill = true, .on_error = pools_note});
        char *block = mete_pool_alloc(pool);
        memset(block, 'a', 70);
        pools_error_count = 0;
        mete_pool_free(pool, block);
        for (int i = 0; i < 70; i++) assert_int_equal(block[i], 'a');
        assert_int_equal(mete_pool_verify(pool), 0);
        mete_pool_free(pool, block);
        assert_int_equal(pools_errors[0].fault, METE_POOL_DOUBLE_FREE);
        assert_ptr_equal(mete_pool_alloc(pool), block);
        mete_pool_free(pool, block + 1);
        assert_int_equal(pools_errors[1].fault, METE_POOL_INTERIOR_FREE);
        assert_int_equal(pools_error_count, 2);
        mete_pool_destroy(pool);
    }
}

static void damage_of_the_pool_itself_is_found(void **state) {
    mete_pool *pool = pools_make(false, (mete_pool_options){.block_size = 64});
    void *a = mete_pool_alloc(pool), *b = mete_pool_alloc(pool);

    (void)state;
    mete_pool_free(pool, a);
    struct mete__slab *slab = pool->front.slabs[0];
    void **top = &pool->front.hand[mete__pool_depth(pool) - 1];
    *top = pool->front.hand[0];
    assert_int_equal(mete_pool_verify(pool), -EUCLEAN);
    *top = a;
    pool->floor++;
    assert_int_equal(mete_pool_verify(pool), -EUCLEAN);
    pool->floor--;
    assert_int_equal(mete_pool_verify(pool), 0);
    assert_int_equal(mete_pool_trim(pool), 0); /* the hand is empty now */
    assert_int_equal(mete_pool_verify(pool), 0);
    slab->free[0] ^= 2; /* b */
    assert_int_equal(mete_pool_verify(pool), -EUCLEAN);
    slab->free[0] ^= 2;
    slab->used++;
    assert_int_equal(mete_pool_verify(pool), -EUCLEAN);
    slab->used--;
    slab->next_partial = slab; /* a list that runs in a circle */
    assert_int_equal(mete_pool_verify(pool), -EUCLEAN);
    slab->next_partial = NULL;
    assert_int_equal(mete_pool_verify(pool), 0);
    mete_pool_free(pool, b);
    mete_pool_destroy(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_misuse_has_its_name),
        cmocka_unit_test(a_double_free_is_found_after_many_others),
        cmocka_unit_test(a_write_to_a_freed_block_is_found_at_each_byte),
        cmocka_unit_test(without_filling_only_writes_go_unseen),
        cmocka_unit_test(damage_of_the_pool_itself_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
