/* mete/adapters.h: each adapter alone, on top of each other, and with threads. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <mete/adapters.h>
#include <mete/arena.h>
#include <mete/pool.h>

#include "registry/registry.h"
#include "support/apart.h"

struct conn {
    int fd;
    char name[20];
};

static mete_layout bytes(size_t size) {
    return (mete_layout){size, 8};
}

static mete_allocator_stats stats_of(const mete_allocator *allocator) {
    mete_allocator_stats stats;
    assert_int_equal(mete_allocator_stats_read(allocator, &stats), 0);
    return stats;
}

/* ---- counting ---- */

static bool note_name(void *context, struct mete__holder *holder) {
    struct mete__holder_stats stats;
    if (strcmp(holder->name, "images") != 0) return true;
    holder->methods->read(holder, &stats);
    *(uint64_t *)context = stats.live_bytes;
    return false;
}

static void counting_counts_by_layout(void **state) {
    mete_allocator *counting = mete_allocator_counting(mete_allocator_heap(), "images");
    uint64_t live = 0;

    (void)state;
    assert_string_equal(mete_allocator_name(counting), "images");
    void *a = mete_allocator_alloc(counting, bytes(100));
    void *b = mete_allocator_alloc(counting, bytes(50));
    assert_false(mete__registry_each(note_name, &live));
    assert_int_equal(live, 150);
    mete_allocator_free(counting, a, bytes(100));
    b = mete_allocator_remap(counting, b, bytes(50), 300000);
    assert_null(mete_allocator_alloc(counting, bytes(METE_SIZE_MAX / 2)));
    mete_allocator_stats stats = stats_of(counting);
    assert_int_equal(stats.allocations, 3);
    assert_int_equal(stats.frees, 2);
    assert_int_equal(stats.failures, 1);
    assert_int_equal(stats.allocated_bytes, 300150);
    assert_int_equal(stats.freed_bytes, 150);
    assert_int_equal(stats.live_blocks, 1);
    assert_int_equal(stats.live_bytes, 300000);
    assert_int_equal(stats.peak_live_bytes, 300000);
    assert_int_equal(mete_allocator_resize(counting, b, bytes(300000), 200000), 0);
    assert_int_equal(stats_of(counting).live_bytes, 200000);
    mete_allocator_free(counting, b, bytes(200000));
    assert_int_equal(stats_of(counting).live_bytes, 0);
    mete_allocator_destroy(counting);
    assert_true(mete__registry_each(note_name, &live));
}

/* ---- limiting ---- */

static void limiting_says_ENOBUFS_at_its_limit(void **state) {
    mete_allocator *limiting = mete_allocator_limiting(mete_allocator_heap(), 1000, 3);

    (void)state;
    void *a = mete_allocator_alloc(limiting, bytes(600));
    assert_non_null(a);
    errno = 0;
    assert_null(mete_allocator_alloc(limiting, bytes(401)));
    assert_int_equal(errno, ENOBUFS);
    void *b = mete_allocator_alloc(limiting, bytes(400));
    assert_non_null(b);
    errno = 0;
    assert_null(mete_allocator_remap(limiting, b, bytes(400), 401));
    assert_int_equal(errno, ENOBUFS);
    assert_int_equal(mete_allocator_resize(limiting, b, bytes(400), 401), -ENOBUFS);
    assert_int_equal(mete_allocator_resize(limiting, b, bytes(400), 10), 0);
    void *c = mete_allocator_alloc(limiting, bytes(390));
    assert_non_null(c);
    errno = 0;
    assert_null(mete_allocator_alloc(limiting, bytes(0x1))); /* the fourth block */
    assert_int_equal(errno, ENOBUFS);
    mete_allocator_free(limiting, c, bytes(390));
    c = mete_allocator_alloc(limiting, bytes(1));
    assert_non_null(c);
    assert_int_equal(stats_of(limiting).failures, 4);
    mete_allocator_free(limiting, a, bytes(600));
    mete_allocator_free(limiting, b, bytes(10));
    mete_allocator_free(limiting, c, bytes(1));
    mete_allocator_destroy(limiting);
}

enum { THREADS = 4, ROUNDS = 20000 };

static void *hold_one_at_a_time(void *allocator) {
    for (int i = 0; i < ROUNDS; i++) {
        void *block = mete_allocator_alloc(allocator, bytes(64));
        if (block == NULL) continue;
        memset(block, i, 64);
        mete_allocator_free(allocator, block, bytes(64));
    }
    return NULL;
}

static void run_threads(mete_allocator *allocator) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hold_one_at_a_time, allocator), 0);
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void no_threads_pass_a_limit_together(void **state) {
    mete_allocator *limiting = mete_allocator_limiting(mete_allocator_heap(), 128, 0);

    (void)state;
    run_threads(limiting);
    mete_allocator_stats stats = stats_of(limiting);
    assert_true(stats.peak_live_bytes <= 128);
    assert_int_equal(stats.live_bytes, 0);
    assert_int_equal(stats.allocations + stats.failures, THREADS * ROUNDS);
    mete_allocator_destroy(limiting);
}

/* ---- zeroing ---- */

static void zeroing_leaves_nothing_behind(void **state) {
    static _Alignas(16) unsigned char memory[4096];
    mete_allocator *buffer = mete_allocator_buffer(memory, sizeof memory);
    mete_allocator *zeroing = mete_allocator_zeroing(buffer);
    unsigned char *secret = mete_allocator_alloc(zeroing, bytes(100));
    unsigned char *other = mete_allocator_alloc(zeroing, bytes(8));

    (void)state;
    memset(secret, 0xaa, 100);
    unsigned char *moved = mete_allocator_remap(zeroing, secret, bytes(100), 50);
    assert_non_null(moved);
    assert_ptr_not_equal(moved, secret);
    assert_int_equal(moved[49], 0xaa);
    for (int i = 0; i < 100; i++) assert_int_equal(secret[i], 0);
    assert_int_equal(mete_allocator_resize(zeroing, moved, bytes(50), 20), -ENOTSUP);
    mete_allocator_free(zeroing, moved, bytes(50));
    for (int i = 0; i < 50; i++) assert_int_equal(moved[i], 0);
    mete_allocator_free(zeroing, other, bytes(8));
    mete_allocator_destroy(zeroing);
}

/* ---- locking ---- */

static void locking_makes_a_buffer_thread_safe(void **state) {
    static _Alignas(16) char memory[65536];
    mete_allocator *buffer = mete_allocator_buffer(memory, sizeof memory);
    mete_allocator *locking = mete_allocator_locking(buffer);

    (void)state;
    assert_true((mete_allocator_capabilities(locking) & METE_ALLOCATOR_THREAD_SAFE) != 0);
    assert_true((mete_allocator_capabilities(buffer) & METE_ALLOCATOR_THREAD_SAFE) == 0);
    run_threads(locking);
    mete_allocator_stats stats = stats_of(locking);
    assert_int_equal(stats.allocations, stats.frees);
    assert_int_equal(stats.allocations + stats.failures, THREADS * ROUNDS);
    mete_allocator_destroy(locking);
}

/* ---- logging ---- */

static mete_log_entry entries[8];
static size_t entry_count;

static void note_entry(void *context, const mete_log_entry *entry) {
    assert_string_equal(context, "mine");
    assert_true(entry_count < 8);
    entries[entry_count++] = *entry;
}

static void logging_tells_of_every_call(void **state) {
    static char context[] = "mine";
    mete_allocator *logging = mete_allocator_logging(mete_allocator_heap(), note_entry, context);

    (void)state;
    struct conn *conn = METE_ALLOC(logging, struct conn);
    unsigned line = __LINE__ - 1;
    mete_layout layout = METE_LAYOUT_OF(struct conn);
    assert_int_equal(mete_allocator_resize(logging, conn, layout, layout.size), 0);
    void *moved = mete_allocator_remap(logging, conn, layout, 5000);
    layout.size = 5000;
    mete_allocator_free(logging, moved, layout);
    assert_null(mete_allocator_alloc(logging, bytes(METE_SIZE_MAX / 2)));
    assert_int_equal(entry_count, 5);
    assert_int_equal(entries[0].event, METE_LOG_ALLOC);
    assert_ptr_equal(entries[0].block, conn);
    assert_string_equal(entries[0].site->type, "struct conn");
    assert_int_equal(entries[0].site->line, line);
    assert_string_equal(entries[0].allocator, "heap");
    assert_int_equal(entries[1].event, METE_LOG_RESIZE);
    assert_int_equal(entries[2].event, METE_LOG_REMAP);
    assert_ptr_equal(entries[2].old_block, conn);
    assert_ptr_equal(entries[2].block, moved);
    assert_int_equal(entries[3].event, METE_LOG_FREE);
    assert_int_equal(entries[4].event, METE_LOG_ALLOC);
    assert_null(entries[4].block);
    mete_allocator_destroy(logging);
}

/* ---- checking ---- */

static mete_allocator_error errors[8];
static size_t error_count;

static void note_error(void *context, const mete_allocator_error *error) {
    (void)context;
    assert_true(error_count < 8);
    errors[error_count++] = *error;
}

static void checking_names_every_misuse(void **state) {
    mete_allocator *checking = mete_allocator_checking(mete_allocator_heap(), note_error, NULL);
    struct conn *conn = METE_ALLOC(checking, struct conn);
    char *block = mete_allocator_alloc(checking, bytes(10));
    char local[16];

    (void)state;
    error_count = 0;
    mete_allocator_free(checking, local, bytes(16));
    assert_int_equal(errors[0].fault, METE_ALLOCATOR_INVALID_FREE);
    mete_allocator_free(checking, block + 1, bytes(9));
    assert_int_equal(errors[1].fault, METE_ALLOCATOR_INVALID_FREE);
    mete_allocator_free(checking, conn, bytes(10));
    assert_int_equal(errors[2].fault, METE_ALLOCATOR_WRONG_LAYOUT);
    assert_int_equal(errors[2].actual.size, sizeof *conn);
    assert_string_equal(errors[2].site->type, "struct conn");
    assert_int_equal(error_count, 3);
    METE_FREE(checking, conn);
    assert_int_equal(error_count, 3);
    METE_FREE(checking, conn);
    assert_int_equal(errors[3].fault, METE_ALLOCATOR_DOUBLE_FREE);
    block[10] = 1;
    mete_allocator_free(checking, block, bytes(10));
    assert_int_equal(errors[4].fault, METE_ALLOCATOR_OVERFLOW);
    assert_int_equal(error_count, 5);
    assert_int_equal(stats_of(checking).live_blocks, 0);
    assert_string_equal(mete_allocator_checking_fault(METE_ALLOCATOR_OVERFLOW), "heap-overflow");
    mete_allocator_destroy(checking);
}

static void checking_tells_of_an_overflow_once(void **state) {
    mete_allocator *checking = mete_allocator_checking(mete_allocator_system(), note_error, NULL);
    char *block = mete_allocator_alloc(checking, bytes(40));

    (void)state;
    error_count = 0;
    block[40] = 1;
    block = mete_allocator_remap(checking, block, bytes(40), 4000);
    assert_non_null(block);
    assert_int_equal(errors[0].fault, METE_ALLOCATOR_OVERFLOW);
    mete_allocator_free(checking, block, bytes(4000));
    assert_int_equal(error_count, 1);
    mete_allocator_destroy(checking);
}

static void checking_follows_resizes(void **state) {
    mete_allocator *checking = mete_allocator_checking(mete_allocator_heap(), note_error, NULL);
    char *block = mete_allocator_alloc(checking, bytes(40));

    (void)state;
    error_count = 0;
    memset(block, 1, 40);
    assert_int_equal(mete_allocator_resize(checking, block, bytes(40), 30), 0);
    block = mete_allocator_remap(checking, block, bytes(30), 100000);
    memset(block, 2, 100000);
    mete_allocator_free(checking, block, bytes(100000));
    assert_int_equal(error_count, 0);
    assert_null(mete_allocator_alloc(checking, bytes(METE_SIZE_MAX - 8)));
    assert_int_equal(errno, ENOMEM);
    mete_allocator_destroy(checking);
}

/* ---- tracking ---- */

static bool note_block(void *context, const mete_tracked_block *live) {
    mete_tracked_block *notes = context;
    notes[live->sequence] = *live;
    return true;
}

static void tracking_reports_what_is_live_by_line(void **state) {
    mete_allocator *tracking = mete_allocator_tracking(mete_allocator_heap());
    mete_tracked_block live[8] = {{.sequence = 0}};
    struct conn *conns[3];
    char text[512], expected[512];

    (void)state;
    for (int i = 0; i < 3; i++) conns[i] = METE_ALLOC(tracking, struct conn);
    unsigned line = __LINE__ - 1;
    void *plain = mete_allocator_alloc(tracking, bytes(500));
    assert_int_equal(mete_allocator_tracking_each(tracking, note_block, live), 4);
    for (int i = 0; i < 3; i++) assert_ptr_equal(live[i + 1].block, conns[i]);
    assert_int_equal(live[3].site->line, line);
    assert_null(live[4].site);
    assert_int_equal(mete_allocator_tracking_report(tracking, text, sizeof text), 4);
    (void)snprintf(expected, sizeof expected,
                   "1 block, 500 bytes asked for where nobody said\n"
                   "3 blocks, %zu bytes (struct conn) asked for at %s:%u\n"
                   "4 blocks, %zu bytes live\n",
                   3 * sizeof(struct conn), __FILE__, line, 500 + 3 * sizeof(struct conn));
    assert_string_equal(text, expected);
    for (int i = 0; i < 3; i++) METE_FREE(tracking, conns[i]);
    mete_allocator_free(tracking, plain, bytes(500));
    assert_int_equal(mete_allocator_tracking_report(tracking, text, sizeof text), 0);
    assert_string_equal(text, "0 blocks, 0 bytes live\n");
    assert_int_equal(mete_allocator_tracking_each(mete_allocator_heap(), note_block, live),
                     -EINVAL);
    mete_allocator_destroy(tracking);
}

/* ---- failing ---- */

static void failing_fails_what_it_was_told_to(void **state) {
    mete_failing_options options = {.fail_at = 3};
    mete_allocator *failing = mete_allocator_failing(mete_allocator_heap(), &options);

    (void)state;
    for (int i = 1; i <= 5; i++) {
        void *block = mete_allocator_alloc(failing, bytes(8));
        assert_int_equal(block == NULL, i == 3);
        mete_allocator_free(failing, block, bytes(8));
    }
    mete_allocator_destroy(failing);
    options = (mete_failing_options){.one_in = 4, .seed = 9};
    uint64_t failures[2];
    for (int run = 0; run < 2; run++) {
        failing = mete_allocator_failing(mete_allocator_heap(), &options);
        for (int i = 0; i < 4000; i++)
            mete_allocator_free(failing, mete_allocator_alloc(failing, bytes(8)), bytes(8));
        failures[run] = stats_of(failing).failures;
        mete_allocator_destroy(failing);
    }
    assert_int_equal(failures[0], failures[1]);
    assert_in_range(failures[0], 850, 1150);
}

struct plan {
    bool leaks; /* does not free the first block when the second fails */
};

static int take_two_and_grow(void *context, const mete_allocator *allocator) {
    const struct plan *plan = context;
    char *a = mete_allocator_alloc(allocator, bytes(10));
    if (a == NULL) return 0;
    char *b = mete_allocator_alloc(allocator, bytes(20));
    if (b == NULL) {
        if (!plan->leaks) mete_allocator_free(allocator, a, bytes(10));
        return 0;
    }
    char *c = mete_allocator_remap(allocator, b, bytes(20), 2000);
    mete_allocator_free(allocator, c != NULL ? c : b, bytes(c != NULL ? 2000 : 20));
    mete_allocator_free(allocator, a, bytes(10));
    return 0;
}

static void fail_each_fails_every_request_once(void **state) {
    struct plan plan = {.leaks = false};
    uint64_t at = 0;

    (void)state;
    assert_int_equal(
        mete_allocator_failing_each(mete_allocator_heap(), take_two_and_grow, &plan, &at), 0);
    assert_int_equal(at, 3);
    plan.leaks = true;
    assert_int_equal(
        mete_allocator_failing_each(mete_allocator_heap(), take_two_and_grow, &plan, &at),
        -ENOTEMPTY);
    assert_int_equal(at, 2);
}

/* ---- all of them ---- */

static void they_stack_in_any_order(void **state) {
    mete_allocator *counting = mete_allocator_counting(mete_allocator_system(), NULL);
    mete_allocator *checking = mete_allocator_checking(counting, note_error, NULL);
    mete_allocator *limiting = mete_allocator_limiting(checking, 1 << 20, 0);
    mete_allocator *zeroing = mete_allocator_zeroing(limiting);

    (void)state;
    error_count = 0;
    struct conn *conn = METE_ALLOC(zeroing, struct conn);
    assert_non_null(conn);
    mete_layout layout = METE_LAYOUT_OF(struct conn);
    conn = mete_allocator_remap(zeroing, conn, layout, 100);
    layout.size = 100;
    mete_allocator_free(zeroing, conn, layout);
    assert_int_equal(error_count, 0);
    assert_int_equal(stats_of(counting).live_blocks, 0);
    assert_string_equal(mete_allocator_name(counting), "allocator");
    mete_allocator_destroy(zeroing);
    mete_allocator_destroy(limiting);
    mete_allocator_destroy(checking);
    mete_allocator_destroy(counting);
}

/* ---- all of them ---- */

enum { EVERY_MAX = 20 };

/* What an allocator can do, and what it says to a request that is too large for it. */
struct one {
    const mete_allocator *allocator;
    unsigned capabilities;
    int error;
};

static struct {
    struct one all[EVERY_MAX];
    size_t count;
    mete_pool *pool;
    mete_arena *arenas[5];
    mete_allocator *own[8];
    size_t own_count;
    _Alignas(64) char buffers[2][4096];
} every;

static void add(const mete_allocator *allocator, unsigned capabilities, int error) {
    assert_non_null(allocator);
    every.all[every.count++] = (struct one){allocator, capabilities, error};
}

static void add_own(mete_allocator *allocator, unsigned capabilities, int error) {
    add(allocator, capabilities, error);
    every.own[every.own_count++] = allocator;
}

static int make_every(void **state) {
    const unsigned safe = METE_ALLOCATOR_THREAD_SAFE, frees = METE_ALLOCATOR_FREES,
                   ends = METE_ALLOCATOR_FREES_ALL, sized = METE_ALLOCATOR_KNOWS_SIZE;
    const mete_allocator *heap = mete_allocator_heap();
    mete_arena_options options[5] = {
        {.reserve = 1 << 20},
        {0},
        {.zero = true, .allocator = heap},
        {.buffer = every.buffers[0], .buffer_size = sizeof every.buffers[0]},
        {.limit = 1000},
    };
    (void)state;
    add(heap, safe | frees | sized, ENOMEM);
    if (!APART_SANITIZED) add(mete_allocator_system(), safe | frees, ENOMEM);
    add_own(mete_allocator_buffer(every.buffers[1], sizeof every.buffers[1]), ends, ENOBUFS);
    every.pool = mete_pool_create(&(mete_pool_options){.block_size = 64});
    add(mete_pool_allocator(every.pool), frees | ends | sized, EINVAL);
    for (size_t i = 0; i < 5; i++) {
        every.arenas[i] = mete_arena_create(&options[i]);
        assert_non_null(every.arenas[i]);
        add(mete_arena_allocator(every.arenas[i]),
            ends | (options[i].zero ? METE_ALLOCATOR_ZEROES : 0),
            i == 1 || i == 2 ? ENOMEM : ENOBUFS);
    }
    add_own(mete_allocator_counting(heap, "every"), safe | frees | sized, ENOMEM);
    add_own(mete_allocator_limiting(heap, 1000, 0), safe | frees | sized, ENOBUFS);
    add_own(mete_allocator_zeroing(heap), safe | frees | sized, ENOMEM);
    add_own(mete_allocator_locking(mete_arena_allocator(every.arenas[0])), safe | ends, ENOBUFS);
    add_own(mete_allocator_checking(heap, note_error, NULL), safe | frees, ENOMEM);
    add_own(mete_allocator_tracking(heap), safe | frees, ENOMEM);
    return 0;
}

static int end_every(void **state) {
    (void)state;
    while (every.own_count > 0) mete_allocator_destroy(every.own[--every.own_count]);
    for (size_t i = 0; i < 5; i++) mete_arena_destroy(every.arenas[i]);
    mete_pool_destroy(every.pool);
    every.count = 0;
    return 0;
}

static void each_says_what_it_can_do(void **state) {
    (void)state;
    for (size_t i = 0; i < every.count; i++)
        if (mete_allocator_capabilities(every.all[i].allocator) != every.all[i].capabilities)
            fail_msg("%zu, %s: 0x%x", i, mete_allocator_name(every.all[i].allocator),
                     mete_allocator_capabilities(every.all[i].allocator));
}

static void what_is_no_layout_is_EINVAL_for_each(void **state) {
    static const mete_layout wrong[] = {
        {64, 0},        {64, 48},       {64, SIZE_MAX},           {SIZE_MAX, 1},
        {SIZE_MAX, 16}, {SIZE_MAX, 64}, {METE_SIZE_MAX + 1, 1},   {METE_SIZE_MAX, 2},
        {0, 8},         {8, 0},         {METE_SIZE_MAX - 14, 16}, {METE_SIZE_MAX, (size_t)1 << 63},
    };
    (void)state;
    for (size_t i = 0; i < every.count; i++) {
        const mete_allocator *allocator = every.all[i].allocator;
        for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++) {
            errno = 0;
            if (mete_allocator_alloc(allocator, wrong[w]) != NULL || errno != EINVAL)
                fail_msg("%zu, %s: layout %zu, errno %d", i, mete_allocator_name(allocator), w,
                         errno);
        }
        void *block = mete_allocator_alloc(allocator, bytes(64));
        assert_non_null(block);
        assert_int_equal(mete_allocator_resize(allocator, block, bytes(64), SIZE_MAX), -EINVAL);
        assert_int_equal(mete_allocator_resize(allocator, block, bytes(64), METE_SIZE_MAX),
                         -EINVAL);
        errno = 0;
        assert_null(mete_allocator_remap(allocator, block, bytes(64), SIZE_MAX));
        assert_int_equal(errno, EINVAL);
        mete_allocator_free(allocator, block, bytes(64));
    }
}

static void what_is_too_large_is_a_limit_or_memory(void **state) {
    static const mete_layout large[] = {{METE_SIZE_MAX, 1},
                                        {METE_SIZE_MAX - 15, 16},
                                        {METE_SIZE_MAX - 4096, 8},
                                        {METE_SIZE_MAX / 2, 64}};
    (void)state;
    for (size_t i = 0; i < every.count; i++)
        for (size_t n = 0; n < sizeof large / sizeof *large; n++) {
            errno = 0;
            if (mete_allocator_alloc(every.all[i].allocator, large[n]) != NULL ||
                errno != every.all[i].error)
                fail_msg("%zu, %s: layout %zu, errno %d", i,
                         mete_allocator_name(every.all[i].allocator), n, errno);
        }
}

static void without_an_allocator_below_there_is_none(void **state) {
    (void)state;
    errno = 0;
    assert_null(mete_allocator_counting(NULL, "x"));
    assert_int_equal(errno, EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counting_counts_by_layout),
        cmocka_unit_test(limiting_says_ENOBUFS_at_its_limit),
        cmocka_unit_test(no_threads_pass_a_limit_together),
        cmocka_unit_test(zeroing_leaves_nothing_behind),
        cmocka_unit_test(locking_makes_a_buffer_thread_safe),
        cmocka_unit_test(logging_tells_of_every_call),
        cmocka_unit_test(checking_names_every_misuse),
        cmocka_unit_test(checking_tells_of_an_overflow_once),
        cmocka_unit_test(checking_follows_resizes),
        cmocka_unit_test(tracking_reports_what_is_live_by_line),
        cmocka_unit_test(failing_fails_what_it_was_told_to),
        cmocka_unit_test(fail_each_fails_every_request_once),
        cmocka_unit_test(they_stack_in_any_order),
        cmocka_unit_test_setup_teardown(each_says_what_it_can_do, make_every, end_every),
        cmocka_unit_test_setup_teardown(what_is_no_layout_is_EINVAL_for_each, make_every,
                                        end_every),
        cmocka_unit_test_setup_teardown(what_is_too_large_is_a_limit_or_memory, make_every,
                                        end_every),
        cmocka_unit_test(without_an_allocator_below_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
