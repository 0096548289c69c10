/* mete/box.h: boxes on every allocator, with every request failing once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <mete/adapters.h>
#include <mete/box.h>

struct conn {
    int number;
    char name[12];
};

static int closed; /* numbers of the connections that were closed, one digit each */

static void conn_close(struct conn *conn) {
    closed = closed * 10 + conn->number;
    errno = EIO; /* that must not be seen */
}

METE_BOX_DECLARE(conn_box, struct conn, conn_close);
METE_BOX_DECLARE(wide_box, long double, METE_NO_DESTRUCTOR);

static int open_all(void **state) {
    (void)state;
    closed = 0;
    return 0;
}

static mete_allocator_stats stats_of(const mete_allocator *allocator) {
    mete_allocator_stats stats;
    assert_int_equal(mete_allocator_stats_read(allocator, &stats), 0);
    return stats;
}

static void box_owns_its_value_until_it_is_dropped(void **state) {
    mete_allocator *counting = mete_allocator_counting(mete_allocator_heap(), "boxes");
    struct conn_box box = {0};
    (void)state;

    assert_int_equal(conn_box_new(&box, counting, (struct conn){3, "three"}), 0);
    assert_int_equal(conn_box_get(&box)->number, 3);
    assert_string_equal(conn_box_get(&box)->name, "three");
    assert_int_equal(stats_of(counting).live_blocks, 1);
    assert_int_equal(stats_of(counting).live_bytes, sizeof(struct conn));
    errno = ENOENT;
    conn_box_drop(&box);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(closed, 3);
    assert_null(conn_box_get(&box));
    assert_int_equal(stats_of(counting).live_blocks, 0);
    conn_box_drop(&box); /* empty */
    assert_int_equal(closed, 3);
    assert_int_equal(stats_of(counting).frees, 1);
    mete_allocator_destroy(counting);
}

static void value_that_is_taken_is_not_destroyed(void **state) {
    struct conn_box box = {0};
    struct conn conn = {0, ""};
    (void)state;

    assert_int_equal(conn_box_take(&box, &conn), -ENOENT);
    assert_int_equal(conn.number, 0);
    assert_int_equal(conn_box_new(&box, NULL, (struct conn){4, "four"}), 0);
    assert_int_equal(conn_box_take(&box, &conn), 0);
    assert_string_equal(conn.name, "four");
    assert_null(conn_box_get(&box));
    conn_box_drop(&box);
    assert_int_equal(closed, 0);
}

static void moved_box_is_empty(void **state) {
    struct conn_box box = {0};
    (void)state;

    assert_int_equal(conn_box_new(&box, NULL, (struct conn){5, "five"}), 0);
    struct conn *where = conn_box_get(&box);
    struct conn_box other = conn_box_move(&box);
    assert_null(conn_box_get(&box));
    assert_ptr_equal(conn_box_get(&other), where);
    conn_box_drop(&box);
    conn_box_drop(&other);
    assert_int_equal(closed, 5);
}

static void owned_boxes_are_dropped_at_the_end_last_first(void **state) {
    (void)state;
    {
        METE_OWNED(conn_box) first = {0}, second = {0};
        METE_OWNED(conn_box) empty = {0};
        assert_int_equal(conn_box_new(&first, NULL, (struct conn){1, ""}), 0);
        assert_int_equal(conn_box_new(&second, NULL, (struct conn){2, ""}), 0);
        assert_null(conn_box_get(&empty));
    }
    assert_int_equal(closed, 21);
}

static void boxes_live_on_any_allocator(void **state) {
    _Alignas(16) char buffer[512];
    mete_allocator *small = mete_allocator_buffer(buffer, sizeof buffer);
    struct wide_box box = {0}, last = {0};
    int status = 0, count = 0;
    (void)state;

    assert_non_null(small);
    while ((status = wide_box_new(&last, small, (long double)count)) == 0) {
        assert_true((char *)wide_box_get(&last) > buffer);
        assert_int_equal((uintptr_t)wide_box_get(&last) % _Alignof(long double), 0);
        box = wide_box_move(&last);
        count++;
    }
    assert_true(status == -ENOMEM || status == -ENOBUFS);
    assert_in_range(count, 1, 512 / sizeof(long double));
    assert_null(wide_box_get(&last)); /* untouched */
    assert_true(*wide_box_get(&box) == count - 1);
    wide_box_drop(&box);
    mete_allocator_destroy(small);
}

/* --- Where memory runs out */

METE_SHARED_DECLARE(conn_shared, struct conn, conn_close);

/* Three owners of two kinds; 0 also where it could not have all of them. */
static int own_some(void *context, const mete_allocator *allocator) {
    METE_OWNED(conn_box) first = {0};
    METE_OWNED(conn_shared) second = {0}, third = {0};
    METE_OWNED(conn_shared_weak) weak = {0};
    int status;

    *(int *)context += 1;
    if ((status = conn_box_new(&first, allocator, (struct conn){1, ""})) != 0 ||
        (status = conn_shared_new(&second, allocator, (struct conn){2, ""})) != 0 ||
        (status = conn_shared_new(&third, allocator, (struct conn){3, ""})) != 0)
        return status == -ENOMEM ? 0 : status;
    return conn_shared_watch(&third, &weak);
}

static void each_request_that_fails_leaves_everything_whole(void **state) {
    uint64_t requests = 0;
    int runs = 0;
    (void)state;
    assert_int_equal(mete_allocator_failing_each(mete_allocator_heap(), own_some, &runs, &requests),
                     0);
    assert_int_equal(requests, 3);
    assert_int_equal(runs, 4);
    assert_int_equal(closed, 121321); /* nothing, 1, then 2 and 1, then all, last first */
}

#define CLEAN(test) cmocka_unit_test_setup(test, open_all)

int main(void) {
    const struct CMUnitTest tests[] = {
        CLEAN(box_owns_its_value_until_it_is_dropped),
        CLEAN(value_that_is_taken_is_not_destroyed),
        CLEAN(moved_box_is_empty),
        CLEAN(owned_boxes_are_dropped_at_the_end_last_first),
        CLEAN(boxes_live_on_any_allocator),
        CLEAN(each_request_that_fails_leaves_everything_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
