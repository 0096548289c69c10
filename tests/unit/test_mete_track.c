/* mete/track.h: tracking that the program starts, its leak check and its snapshot. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mete/heap.h>
#include <mete/malloc.h>
#include <mete/pool.h>
#include <mete/track.h>

#include "os/checkers.h"
#include "support/apart.h"

static mete_leak_summary check_leaks(void) {
    mete_leak_summary summary;
    CHECK(mete_leak_check(&summary) == 0);
    return summary;
}

/* Stack and registers hold no copy of what was there. */
static __attribute__((noinline)) void forget(void) {
    volatile char rubbish[4096];
    for (size_t i = 0; i < sizeof rubbish; i++) rubbish[i] = 0;
}

static __attribute__((noinline)) void put(void **place, size_t size) {
    *place = mete_malloc(size);
}

static void nothing_works_before_the_start(void **state) {
    (void)state;
    mete_leak_summary summary;
    assert_int_equal(mete_leak_check(&summary), -EINVAL);
    assert_int_equal(mete_snapshot("/tmp/none"), -EINVAL);
    assert_int_equal(mete_track_stop(), -EINVAL);
    assert_int_equal(mete_track_start((mete_track_mode)3), -EINVAL);
}

static void tracked_block_has_size_and_stacks(void **state) {
    (void)state;
    mete_where_info info;
    assert_int_equal(mete_track_start(METE_TRACK_EXACT), 0);
    assert_int_equal(mete_track_start(METE_TRACK_EXACT), 0);
    assert_int_equal(mete_track_start(METE_TRACK_SAMPLED), -EBUSY);
    char *block = mete_malloc(100);
    assert_int_equal(mete_where(block + 104, &info), 0);
    assert_int_equal(info.kind, METE_WHERE_BLOCK);
    assert_int_equal(info.flags, METE_WHERE_LIVE | METE_WHERE_TRACKED);
    assert_int_equal(info.size, 100);
    assert_int_equal(info.offset, 104);
    assert_true(info.allocated_frames > 1);
    uintptr_t own = (uintptr_t)tracked_block_has_size_and_stacks;
    assert_in_range(info.allocated_at[0], own, own + 4096);
    mete_free(block);
    assert_int_equal(mete_where(block, &info), 0);
    assert_int_equal(info.flags, METE_WHERE_FREE | METE_WHERE_TRACKED);
    assert_int_equal(info.freed_frames, 1);
    assert_in_range(info.freed_at[0], own, own + 4096);
}

static void lost_block_is_lost_and_held_one_is_not(void **state) {
    (void)state;
    static void *held;
    mete_leak_summary before = check_leaks();
    put(&held, 1000);
    assert_int_equal(check_leaks().definite.blocks, before.definite.blocks);
    held = NULL;
    forget();
    mete_leak_summary after = check_leaks();
    assert_int_equal(after.definite.blocks, before.definite.blocks + 1);
    assert_int_equal(after.definite.bytes, before.definite.bytes + 1000);
}

/* How many blocks more are lost when the only pointer to one is in a pool's block. */
static uint64_t lost_behind_pool(bool is_no_root) {
    static mete_pool *pool;
    static void **block;
    pool = mete_pool_create(&(mete_pool_options){.block_size = 64, .is_no_root = is_no_root});
    block = mete_pool_zalloc(pool);
    uint64_t before = check_leaks().definite.blocks;
    put(block, 500);
    forget();
    uint64_t lost = check_leaks().definite.blocks - before;
    mete_free(*block);
    mete_pool_destroy(pool);
    return lost;
}

static void pool_is_a_root_unless_it_says_so(void **state) {
    (void)state;
    assert_int_equal(lost_behind_pool(false), 0);
    assert_int_equal(lost_behind_pool(true), 1);
}

/* The same of a private heap's, and of a block of it that is free already. */
static uint64_t lost_behind_heap(bool is_no_root, bool is_freed) {
    static mete_heap *heap;
    static void **block;
    heap = mete_heap_create(&(mete_heap_options){.is_no_root = is_no_root});
    block = mete_heap_calloc(heap, 1, 64);
    uint64_t before = check_leaks().definite.blocks;
    put(block, 500);
    forget();
    void **seen = block;
    if (is_freed) mete_heap_free(heap, block);
    uint64_t lost = check_leaks().definite.blocks - before;
    mete_free(*seen); /* what a heap has taken back it leaves as it is */
    mete_heap_destroy(heap);
    return lost;
}

static void private_heap_is_a_root_unless_it_says_so(void **state) {
    (void)state;
    if (mete__checkers_listen) skip(); /* they close what is free */
    assert_int_equal(lost_behind_heap(false, false), 0);
    assert_int_equal(lost_behind_heap(true, false), 1);
    assert_int_equal(lost_behind_heap(false, true), 1);
}

static void stopping_leaves_new_blocks_alone(void **state) {
    (void)state;
    mete_where_info info;
    assert_int_equal(mete_track_stop(), 0);
    char *block = mete_malloc(300000);
    assert_int_equal(mete_where(block, &info), 0);
    assert_int_equal(info.flags & METE_WHERE_TRACKED, 0);
    assert_int_equal(mete_track_start(METE_TRACK_EXACT), 0);
    mete_free(block);
}

static void snapshot_is_a_profile(void **state) {
    (void)state;
    char path[] = "/tmp/mete-snapshot-XXXXXX", magic[4];
    int file = mkstemp(path);
    close(file);
    assert_int_equal(mete_snapshot(path), 0);
    file = open(path, O_RDONLY);
    assert_int_equal(read(file, magic, sizeof magic), 4);
    assert_memory_equal(magic, "mete", 4);
    close(file);
    unlink(path);
    assert_int_equal(mete_snapshot("/nowhere/at/all"), -ENOENT);
    assert_int_equal(mete_snapshot(NULL), -EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_works_before_the_start),
        cmocka_unit_test(tracked_block_has_size_and_stacks),
        cmocka_unit_test(lost_block_is_lost_and_held_one_is_not),
        cmocka_unit_test(pool_is_a_root_unless_it_says_so),
        cmocka_unit_test(private_heap_is_a_root_unless_it_says_so),
        cmocka_unit_test(stopping_leaves_new_blocks_alone),
        cmocka_unit_test(snapshot_is_a_profile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
