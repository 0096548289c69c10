/* mete/scope.h: what is destroyed, when, and in which order. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <mete/scope.h>
#include <mete/stats.h>

#include "support/apart.h"

/* What has been destroyed, in this order. */
static char ended[64];

static int forget(void **state) {
    (void)state;
    memset(ended, 0, sizeof ended);
    return 0;
}

static void end_text(const char *text) {
    errno = EIO; /* that must not be seen */
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): a NULL never gets here */
    strncat(ended, text, sizeof ended - strlen(ended) - 1);
}

struct number {
    int value;
};

static void end_number(struct number number) {
    char text[] = {(char)('0' + number.value), '\0'};
    end_text(text);
}

METE_AUTO_DECLARE(const char *, end_text)
METE_AUTO_DECLARE(struct number, end_number)

/* --- Variables */

static void variables_are_destroyed_at_the_end_last_first(void **state) {
    (void)state;
    {
        METE_AUTO(const char *, end_text) a = "a";
        METE_AUTO(const char *, end_text) b = "b";
        METE_AUTO(struct number, end_number) seven = {7};
        assert_string_equal(a, "a");
        assert_string_equal(b, "b");
        assert_int_equal(seven.value, 7);
        assert_string_equal(ended, "");
    }
    assert_string_equal(ended, "7ba");
}

static void null_is_not_destroyed_and_zero_is(void **state) {
    (void)state;
    {
        METE_AUTO(const char *, end_text) nothing = NULL;
        METE_AUTO(struct number, end_number) zero = {0};
        METE_AUTO(const char *, end_text) changed = "first";
        changed = "last";
        (void)nothing;
        (void)zero;
        (void)changed;
    }
    assert_string_equal(ended, "last0");
}

static size_t leave_by_return(int early) {
    METE_AUTO(const char *, end_text) a = "a";
    if (early) return strlen(ended);
    METE_AUTO(const char *, end_text) b = "b";
    (void)a;
    (void)b;
    return strlen(ended); /* before anything is destroyed */
}

static void return_destroys_what_there_is_after_its_value(void **state) {
    (void)state;
    assert_int_equal(leave_by_return(1), 0);
    assert_string_equal(ended, "a");
    assert_int_equal(leave_by_return(0), 1);
    assert_string_equal(ended, "aba");
}

static void break_continue_and_goto_destroy_what_they_leave(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        METE_AUTO(struct number, end_number) number = {i};
        if (i == 0) continue;
        METE_AUTO(const char *, end_text) b = "b";
        (void)b;
        if (number.value == 1) break;
    }
    assert_string_equal(ended, "0b1");
    {
        METE_AUTO(const char *, end_text) c = "c";
        (void)c;
        goto out;
    }
out:
    assert_string_equal(ended, "0b1c");
}

static void cleanups_keep_errno(void **state) {
    (void)state;
    errno = ENOENT;
    {
        METE_AUTO(const char *, end_text) a = "a";
        METE_AUTO_FD file = 1 << 20; /* not open: close fails */
        (void)a;
        (void)file;
        errno = EAGAIN;
    }
    assert_int_equal(errno, EAGAIN);
    assert_string_equal(ended, "a");
}

static void blocks_go_back_to_the_heap_they_came_from(void **state) {
    mete_stats before, after;
    (void)state;
    assert_int_equal(mete_stats_read(&before), 0);
    {
        METE_AUTO(char *, mete_free) text = mete_malloc(100);
        METE_AUTO(int *, free) number = malloc(sizeof *number);
        METE_AUTO_ARRAY(uint64_t, zeroes, 100);
        assert_non_null(text);
        assert_non_null(number);
        assert_non_null(zeroes);
        for (int i = 0; i < 100; i++) assert_int_equal(zeroes[i], 0);
    }
    assert_int_equal(mete_stats_read(&after), 0);
    assert_int_equal(after.allocations - before.allocations, 2);
    assert_int_equal(after.frees - before.frees, 2);
}

static void array_that_is_too_large_is_null(void **state) {
    volatile size_t many = SIZE_MAX / 4;
    (void)state;
    errno = 0;
    METE_AUTO_ARRAY(uint64_t, numbers, many);
    assert_null(numbers);
    assert_int_equal(errno, ENOMEM);
}

static void array_of_none_is_a_block(void **state) {
    volatile size_t none = 0;
    (void)state;
    METE_AUTO_ARRAY(uint64_t, numbers, none);
    assert_non_null(numbers);
    uint64_t *untyped = mete_calloc_at(3, sizeof *untyped, NULL);
    assert_non_null(untyped);
    assert_int_equal(untyped[0] | untyped[1] | untyped[2], 0);
    mete_free(untyped);
}

static void files_and_descriptors_are_closed(void **state) {
    int number = -1;
    (void)state;
    {
        METE_AUTO_FD file = open("/dev/null", O_RDWR);
        METE_AUTO_FD none = -1;
        METE_AUTO_FILE stream = fdopen(dup(file), "w");
        METE_AUTO_FILE no_stream = NULL;
        assert_true(file >= 0 && none < 0 && no_stream == NULL);
        assert_non_null(stream);
        number = file;
        assert_int_equal(fcntl(number, F_GETFD), 0);
    }
    assert_int_equal(fcntl(number, F_GETFD), -1);
    assert_int_equal(errno, EBADF);
}

/* --- Owners */

static const char *give_away(int fails) {
    METE_AUTO(const char *, end_text) a = "a";
    if (fails) return NULL;
    return METE_STEAL(a);
}

static void what_is_stolen_is_not_destroyed(void **state) {
    (void)state;
    assert_null(give_away(1));
    assert_string_equal(ended, "a");
    assert_string_equal(give_away(0), "a");
    assert_string_equal(ended, "a");

    int stolen;
    {
        METE_AUTO_FD file = open("/dev/null", O_RDWR);
        stolen = METE_STEAL_FD(file);
        assert_int_equal(file, -1);
    }
    assert_int_equal(fcntl(stolen, F_GETFD), 0);
    assert_int_equal(close(stolen), 0);
}

static void replace_gives_the_old_value_and_reset_destroys_it(void **state) {
    (void)state;
    {
        METE_AUTO(const char *, end_text) text = "a";
        assert_string_equal(METE_REPLACE(text, "b"), "a");
        assert_string_equal(ended, "");
        errno = ENOENT;
        METE_RESET(text, end_text, "c");
        assert_int_equal(errno, ENOENT);
        assert_string_equal(ended, "b");
        METE_RESET(text, end_text, NULL);
        assert_string_equal(ended, "bc");
        METE_RESET(text, end_text, "d");
    }
    assert_string_equal(ended, "bcd");
}

/* --- Guards */

struct lock {
    int held, refuses;
};

static int acquire(struct lock *lock) {
    if (lock->refuses) return -EBUSY;
    lock->held++;
    return 0;
}

static void release(struct lock *lock) {
    lock->held--;
    end_text("r");
}

METE_GUARD_DECLARE(held, struct lock, acquire, release)

static int with_lock(struct lock *lock, int early) {
    METE_GUARD(held, guard, lock);
    if (guard.status != 0) return guard.status;
    assert_int_equal(lock->held, 1);
    if (early) held_release(&guard);
    assert_int_equal(lock->held, early ? 0 : 1);
    errno = ENOENT;
    return 0;
}

static void guards_release_what_they_have_acquired_once(void **state) {
    struct lock lock = {0, 0};
    (void)state;
    assert_int_equal(with_lock(&lock, 0), 0);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(with_lock(&lock, 1), 0);
    assert_int_equal(lock.held, 0);
    assert_string_equal(ended, "rr");
    lock.refuses = 1;
    assert_int_equal(with_lock(&lock, 0), -EBUSY);
    assert_int_equal(lock.held, 0);
    assert_string_equal(ended, "rr");
}

/* --- Statements */

static void end_argument(void *text) {
    end_text(text);
}

static void deferred_calls_run_at_the_end_last_first(void **state) {
    char a[] = "a", b[] = "b";
    (void)state;
    {
        METE_DEFER_CALL(end_argument, a);
        METE_DEFER_CALL(end_argument, b);
        a[0] = 'c';
        errno = ENOENT;
    }
    assert_int_equal(errno, ENOENT);
    assert_string_equal(ended, "bc");
}

#if METE_HAS_DEFER
static int deferred(int early) {
    int value = 1;
    METE_DEFER {
        end_number((struct number){value});
    };
    METE_DEFER {
        value += 2;
        end_text("x");
    };
    if (early) return value;
    METE_DEFER {
        end_text("late");
    };
    value = 3;
    errno = ENOENT;
    return value;
}

static void deferred_statements_see_what_is_there_then(void **state) {
    (void)state;
    assert_int_equal(deferred(1), 1);
    assert_string_equal(ended, "x3");
    assert_int_equal(deferred(0), 3);
    assert_int_equal(errno, ENOENT);
    assert_string_equal(ended, "x3latex5");
}

static void deferred_statements_run_in_every_round_of_a_loop(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        METE_DEFER {
            end_number((struct number){i});
        };
        if (i == 1) continue;
        if (i == 2) break;
    }
    assert_string_equal(ended, "012");
}
#endif

/* --- Secrets */

static void secure_free_leaves_no_trace(void **state) {
    enum { SIZE = 4000 };
    unsigned char *block = mete_malloc(SIZE);
    size_t found = 0;
    (void)state;

    if (APART_SANITIZED) skip(); /* they hold that nobody may look */
    assert_non_null(block);
    memset(block, 0x5a, SIZE);
    errno = ENOENT;
    const volatile unsigned char *ghost = block;
    __asm__("" : "+r"(ghost));
    mete_secure_free(block);
    assert_int_equal(errno, ENOENT);
    for (size_t i = 0; i < SIZE; i++) found += ghost[i] == 0x5a;
    assert_true(found < 4); /* the heap's own links may have such a byte */
    mete_secure_free(NULL);
    mete_secure_zero(NULL, 0);
}

#define CLEAN(test) cmocka_unit_test_setup(test, forget)

int main(void) {
    const struct CMUnitTest tests[] = {
        CLEAN(variables_are_destroyed_at_the_end_last_first),
        CLEAN(null_is_not_destroyed_and_zero_is),
        CLEAN(return_destroys_what_there_is_after_its_value),
        CLEAN(break_continue_and_goto_destroy_what_they_leave),
        CLEAN(cleanups_keep_errno),
        CLEAN(blocks_go_back_to_the_heap_they_came_from),
        CLEAN(array_that_is_too_large_is_null),
        CLEAN(array_of_none_is_a_block),
        CLEAN(files_and_descriptors_are_closed),
        CLEAN(what_is_stolen_is_not_destroyed),
        CLEAN(replace_gives_the_old_value_and_reset_destroys_it),
        CLEAN(guards_release_what_they_have_acquired_once),
        CLEAN(deferred_calls_run_at_the_end_last_first),
#if METE_HAS_DEFER
        CLEAN(deferred_statements_see_what_is_there_then),
        CLEAN(deferred_statements_run_in_every_round_of_a_loop),
#endif
        CLEAN(secure_free_leaves_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
