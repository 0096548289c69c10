/* Shared pools: threads that come late, end, free at one instant, and fork. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <mete/pool.h>

#include "pool/pool_state.h"
#include "support/pools.h"

/* ---- limits ---- */

enum { LATE = 6, EACH = 150 };

static pthread_barrier_t barrier;

static void *take_what_there_is(void *argument) {
    mete_pool *pool = argument;
    void *blocks[EACH];
    size_t taken = 0;

    while (taken < EACH && (blocks[taken] = mete_pool_alloc(pool)) != NULL) taken++;
    assert_true(taken == EACH || errno == ENOBUFS);
    (void)pthread_barrier_wait(&barrier);
    (void)pthread_barrier_wait(&barrier);
    mete_pool_free_many(pool, blocks, taken);
    return NULL;
}

static void max_bytes_holds_for_threads_that_come_late(void **state) {
    (void)state;
    for (size_t most = 24 * 1024; most < 80 * 1024; most += 3000) {
        pthread_t threads[LATE];
        mete_pool *pool = mete_pool_create(&(mete_pool_options){
            .block_size = 64, .slab_bytes = 4096, .shared = true, .max_bytes = most});
        assert_non_null(pool);
        assert_int_equal(pthread_barrier_init(&barrier, NULL, LATE + 1), 0);
        for (int i = 0; i < LATE; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, take_what_there_is, pool), 0);
        (void)pthread_barrier_wait(&barrier);
        assert_in_range(pools_stats(pool).reserved_bytes, 1, most);
        (void)pthread_barrier_wait(&barrier);
        for (int i = 0; i < LATE; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_in_range(pools_stats(pool).reserved_bytes, 1, most);
        assert_int_equal(pools_stats(pool).live_blocks, 0);
        assert_int_equal(mete_pool_verify(pool), 0);
        mete_pool_destroy(pool);
    }
}

/* ---- statistics, while others go on ---- */

enum { BUSY = 3, LOOKS = 100000, TO_BE_BUSY_WITH = 200 };

static mete_pool *busy_with;
static bool is_enough; /* atomic */

static void *be_busy(void *argument) {
    mete_pool *pool = argument;

    (void)pthread_barrier_wait(&barrier);
    while (!__atomic_load_n(&is_enough, __ATOMIC_RELAXED))
        for (int i = 0; i < TO_BE_BUSY_WITH; i++) mete_pool_free(pool, mete_pool_alloc(pool));
    return NULL;
}

/* A look takes time, in which any number of blocks come and go. */
static void statistics_add_up_while_threads_allocate(void **state) {
    (void)state;
    for (int limited = 0; limited < 2; limited++) {
        pthread_t threads[BUSY];
        mete_pool *pool = mete_pool_create(&(mete_pool_options){
            .block_size = 64, .shared = true, .max_blocks = limited ? BUSY : 0});
        uint64_t most = limited ? BUSY : (uint64_t)BUSY * METE__POOL_IN_HAND;
        mete_pool_stats stats;
        __atomic_store_n(&is_enough, false, __ATOMIC_RELAXED);
        assert_int_equal(pthread_barrier_init(&barrier, NULL, BUSY + 1), 0);
        for (int i = 0; i < BUSY; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, be_busy, pool), 0);
        (void)pthread_barrier_wait(&barrier);
        for (int i = 0; i < LOOKS; i++) {
            stats = pools_stats(pool);
            assert_true(stats.frees <= stats.allocations);
            assert_true(stats.live_blocks <= most);
            assert_true(stats.free_blocks <= stats.free_bytes / 64);
        }
        __atomic_store_n(&is_enough, true, __ATOMIC_RELAXED);
        for (int i = 0; i < BUSY; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
        stats = pools_stats(pool);
        assert_int_equal(stats.live_blocks, 0);
        assert_int_equal(stats.allocations, stats.frees);
        mete_pool_destroy(pool);
        (void)pthread_barrier_destroy(&barrier);
    }
}

/* ---- one pool ends while a thread that used it last goes on with another ---- */

static void *go_on(void *argument) {
    mete_pool *ending = argument;

    mete_pool_free(ending, mete_pool_alloc(ending));
    (void)pthread_barrier_wait(&barrier);
    mete_pool_free(busy_with, mete_pool_alloc(busy_with));
    return NULL;
}

static void a_pool_can_end_that_a_thread_has_used_last(void **state) {
    (void)state;
    busy_with = pools_make(true, (mete_pool_options){.block_size = 64});
    assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        mete_pool *ending = pools_make(true, (mete_pool_options){.block_size = 64});
        assert_int_equal(pthread_create(&thread, NULL, go_on, ending), 0);
        (void)pthread_barrier_wait(&barrier);
        mete_pool_destroy(ending);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    assert_int_equal(pools_stats(busy_with).live_blocks, 0);
    mete_pool_destroy(busy_with);
    (void)pthread_barrier_destroy(&barrier);
}

/* ---- one block freed twice at one instant ---- */

static void uncount_a_free(struct mete__pool_cache *cache) {
    cache->share.count -= 256;
    cache->drawn++; /* but no allocation */
}

/* As it is left by two threads that found the block live both. */
static void a_block_in_two_hands_is_handed_out_once(void **state) {
    mete_pool *pool = mete_pool_create(
        &(mete_pool_options){.block_size = 64, .shared = true, .on_error = pools_note});
    (void)state;
    for (int round = 0; round < 3; round++) {
        void *block = mete_pool_alloc(pool);
        pools_error_count = 0;
        mete_pool_free(pool, block);
        struct mete__pool_cache *cache = mete__pool_threads_find(pool);
        size_t depth = mete__pool_share_depth(&cache->share);
        cache->share.blocks[depth + 1] = cache->share.blocks[depth];
        cache->share.places[depth + 1] = cache->share.places[depth];
        cache->share.count += 257;
        if (round == 0) {
            assert_ptr_equal(mete_pool_alloc(pool), block);
            void *other = mete_pool_alloc(pool);
            assert_int_equal(pools_error_count, 1);
            assert_int_equal(pools_errors[0].fault, METE_POOL_DOUBLE_FREE);
            assert_ptr_equal(pools_errors[0].block, block);
            assert_ptr_not_equal(other, block);
            mete_pool_free(pool, other);
            mete_pool_free(pool, block);
        } else if (round == 1) {
            (void)mete_pool_trim(pool); /* both go back to the slab */
            uncount_a_free(cache);
        } else {
            void *many[40];
            assert_int_equal(mete_pool_alloc_many(pool, many, 40), 0);
            size_t times = 0;
            for (size_t i = 0; i < 40; i++) times += many[i] == block;
            assert_int_equal(times, 1);
            mete_pool_free_many(pool, many, 40);
            uncount_a_free(cache);
        }
        assert_int_equal(mete_pool_verify(pool), 0);
        assert_int_equal(pools_stats(pool).live_blocks, 0);
    }
    mete_pool_destroy(pool);
}

/* ---- fork ---- */

enum { WORKERS = 3, FORKS = 60, HELD = 100 };

static bool stop; /* atomic */

static void *hammer(void *argument) {
    mete_pool *pool = argument;
    void *blocks[HELD];

    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        for (int i = 0; i < HELD; i++) blocks[i] = mete_pool_alloc(pool);
        mete_pool_free_many(pool, blocks, HELD);
        (void)mete_pool_trim(pool);
        mete_pool *own = mete_pool_create(&(mete_pool_options){.block_size = 32, .shared = true});
        mete_pool_free(own, mete_pool_alloc(own));
        mete_pool_destroy(own);
    }
    return NULL;
}

/* A child that waits for what it has not got is ended by the alarm. */
static void use_in_child(mete_pool *pool) {
    static void *blocks[3000];
    mete_pool_stats stats;

    alarm(20);
    for (int i = 0; i < 3000; i++)
        if ((blocks[i] = mete_pool_alloc(pool)) == NULL) _exit(1);
    mete_pool_free_many(pool, blocks, 3000);
    if (mete_pool_alloc_many(pool, blocks, 500) != 0) _exit(2);
    if (mete_pool_stats_read(pool, &stats) != 0) _exit(3);
    if (stats.reserved_bytes != stats.live_bytes + stats.free_bytes + stats.metadata_bytes)
        _exit(4);
    (void)mete_pool_trim(pool);
    mete_pool_reset(pool);
    if (mete_pool_verify(pool) != 0) _exit(5);
    mete_pool *other = mete_pool_create(&(mete_pool_options){.block_size = 100, .shared = true});
    if (other == NULL) _exit(6);
    mete_pool_destroy(other);
    mete_pool_destroy(pool);
    _exit(0);
}

static void a_child_of_fork_can_use_a_pool_that_was_in_use(void **state) {
    pthread_t threads[WORKERS];
    mete_pool *pool =
        mete_pool_create(&(mete_pool_options){.block_size = 64, .shared = true, .handles = true});

    (void)state;
    stop = false;
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, pool), 0);
    for (int i = 0; i < FORKS; i++) {
        int status;
        pid_t child = fork();
        if (child == 0) use_in_child(pool);
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (int i = 0; i < WORKERS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(pools_stats(pool).live_blocks, 0);
    assert_int_equal(mete_pool_verify(pool), 0);
    mete_pool_destroy(pool);
}

/* No handler of fork runs. One thread: what others held is lost. */
static void a_child_of_the_bare_system_call_can_use_a_pool(void **state) {
    mete_pool *pool = mete_pool_create(&(mete_pool_options){.block_size = 64, .shared = true});
    void *block = mete_pool_alloc(pool);
    int status;

    (void)state;
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0) {
        mete_pool_free(pool, block);
        use_in_child(pool);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(pools_stats(pool).live_blocks, 1);
    mete_pool_free(pool, block);
    mete_pool_destroy(pool);
}

/* ---- handles ---- */

enum { NAMED = 2000 };
static mete_pool_handle named[NAMED];
static unsigned double_frees; /* atomic */

static void count_double_free(void *context, const mete_pool_error *error) {
    (void)context;
    if (error->fault == METE_POOL_DOUBLE_FREE && error->handle != 0)
        __atomic_add_fetch(&double_frees, 1, __ATOMIC_RELAXED);
}

/* Frees what the other thread frees, too, and takes a block each time, which may be the same. */
static void *free_named(void *argument) {
    static mete_pool_handle taken[2][NAMED];
    static unsigned threads;
    mete_pool *pool = argument;
    mete_pool_handle *mine = taken[__atomic_fetch_add(&threads, 1, __ATOMIC_RELAXED) % 2];

    (void)pthread_barrier_wait(&barrier);
    for (size_t i = 0; i < NAMED; i++) {
        mete_pool_free_handle(pool, named[i]);
        if (mete_pool_alloc_handle(pool, &mine[i]) == NULL) return NULL;
    }
    for (size_t i = 0; i < NAMED; i++)
        if (mete_pool_get(pool, mine[i]) == NULL) return NULL;
    return mine;
}

static void a_handle_ends_once_whoever_frees_it(void **state) {
    pthread_t other;
    void *result;
    mete_pool *pool = mete_pool_create(&(mete_pool_options){
        .block_size = 64, .shared = true, .handles = true, .on_error = count_double_free});

    (void)state;
    for (size_t i = 0; i < NAMED; i++) assert_non_null(mete_pool_alloc_handle(pool, &named[i]));
    assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
    assert_int_equal(pthread_create(&other, NULL, free_named, pool), 0);
    assert_non_null(free_named(pool));
    assert_int_equal(pthread_join(other, &result), 0);
    assert_non_null(result);
    assert_int_equal(double_frees, NAMED);
    assert_int_equal(pools_stats(pool).live_blocks, 2 * NAMED);
    assert_int_equal(mete_pool_verify(pool), 0);
    mete_pool_destroy(pool);
    (void)pthread_barrier_destroy(&barrier);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(max_bytes_holds_for_threads_that_come_late),
        cmocka_unit_test(statistics_add_up_while_threads_allocate),
        cmocka_unit_test(a_pool_can_end_that_a_thread_has_used_last),
        cmocka_unit_test(a_block_in_two_hands_is_handed_out_once),
        cmocka_unit_test(a_handle_ends_once_whoever_frees_it),
        cmocka_unit_test(a_child_of_fork_can_use_a_pool_that_was_in_use),
        cmocka_unit_test(a_child_of_the_bare_system_call_can_use_a_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
