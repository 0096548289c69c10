/* shim/settings.c: what the environment may say, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shim/settings.h"

static struct mete__settings settings;

static void read_variables(const char *first, const char *second) {
    char *variables[] = {(char *)(uintptr_t) "HOME=/", (char *)(uintptr_t)first,
                         (char *)(uintptr_t)second, NULL};
    mete__settings_read(&settings, variables);
}

static void nothing_is_tracked_without_a_word(void **state) {
    (void)state;
    read_variables("METER_MODE=exact", "METE_NO_LEAKS=1");
    assert_false(settings.is_tracking);
    assert_null(settings.wrong_name);
}

static void mode_or_output_begins_tracking(void **state) {
    (void)state;
    read_variables("METE_MODE=exact", NULL);
    assert_true(settings.is_tracking);
    assert_int_equal(settings.mode, METE_PROFILE_EXACT);
    read_variables("METE_OUTPUT=x", NULL);
    assert_true(settings.is_tracking);
    assert_int_equal(settings.mode, METE_PROFILE_EXACT);
    assert_string_equal(settings.output, "x");
}

static void switches_and_numbers_are_read(void **state) {
    (void)state;
    read_variables("METE_NO_LEAKS=1", "METE_NO_CHILDREN=1");
    assert_true(settings.no_leaks && settings.no_children && !settings.is_quiet);
    read_variables("METE_QUIET=0", "METE_PROFILE_LIMIT=2M");
    assert_false(settings.is_quiet);
    assert_true(settings.limit_bytes == 2 << 20);
    read_variables("METE_PROFILE_LIMIT=65536", "METE_QUIET=");
    assert_true(settings.limit_bytes == 65536);
    assert_null(settings.wrong_name);
}

static void the_run_is_three_numbers(void **state) {
    (void)state;
    read_variables("METE_RUN=ffffffffffffffff-12-3", NULL);
    assert_true(settings.run == UINT64_MAX);
    assert_int_equal(settings.first_process, 12);
    assert_int_equal(settings.first_parent, 3);
}

static void what_is_wrong_is_named(void **state) {
    (void)state;
    static const char *const wrong[][2] = {
        {"METE_MODE=exat", "METE_MODE"},
        {"METE_MODE=", "METE_MODE"},
        {"METE_OUTPUT=", "METE_OUTPUT"},
        {"METE_PROFILE_LIMIT=0", "METE_PROFILE_LIMIT"},
        {"METE_PROFILE_LIMIT=-1", "METE_PROFILE_LIMIT"},
        {"METE_PROFILE_LIMIT=1T", "METE_PROFILE_LIMIT"},
        {"METE_PROFILE_LIMIT=99999999999999999999", "METE_PROFILE_LIMIT"},
        {"METE_PROFILE_LIMIT=99999999999999999G", "METE_PROFILE_LIMIT"},
        {"METE_NO_LEAKS=yes", "METE_NO_LEAKS"},
        {"METE_QUIET=2", "METE_QUIET"},
        {"METE_RUN=1-2", "METE_RUN"},
        {"METE_RUN=1-2-3-4", "METE_RUN"},
        {"METE_RUN=x-2-3", "METE_RUN"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        read_variables(wrong[i][0], "METE_MODE=exact");
        assert_non_null(settings.wrong_name);
        assert_string_equal(settings.wrong_name, wrong[i][1]);
        assert_non_null(settings.wrong_why);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_tracked_without_a_word),
        cmocka_unit_test(mode_or_output_begins_tracking),
        cmocka_unit_test(switches_and_numbers_are_read),
        cmocka_unit_test(the_run_is_three_numbers),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
