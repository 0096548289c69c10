/* cli/nearest.c: the distance is the textbook's, and only likely names are offered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/nearest.h"

static void distance_counts_every_kind_of_typing_error_once(void **state) {
    (void)state;
    assert_int_equal(mete__nearest_distance("exact", "exact", 9), 0);
    assert_int_equal(mete__nearest_distance("exat", "exact", 9), 1);   /* left out */
    assert_int_equal(mete__nearest_distance("exxact", "exact", 9), 1); /* too many */
    assert_int_equal(mete__nearest_distance("ezact", "exact", 9), 1);  /* another */
    assert_int_equal(mete__nearest_distance("xeact", "exact", 9), 1);  /* swapped */
    assert_int_equal(mete__nearest_distance("", "exact", 9), 5);
    assert_int_equal(mete__nearest_distance("exact", "", 9), 5);
}

static void distance_stops_at_the_limit_and_at_long_names(void **state) {
    (void)state;
    char longer[100] = {0};
    for (size_t i = 0; i + 1 < sizeof longer; i++) longer[i] = 'a';
    assert_int_equal(mete__nearest_distance("abc", "xyz", 2), 2);
    assert_int_equal(mete__nearest_distance(longer, "a", 7), 7);
}

static const char *nearest_option(const char *typed) {
    static const char *const names[] = {"output", "no-leaks", "quiet", "json"};
    struct mete__nearest nearest = mete__nearest_to(typed);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        mete__nearest_offer(&nearest, names[i]);
    return nearest.best;
}

static void likely_names_are_offered(void **state) {
    (void)state;
    assert_string_equal(nearest_option("outptu"), "output");
    assert_string_equal(nearest_option("no-leak"), "no-leaks");
    assert_string_equal(nearest_option("noleaks"), "no-leaks");
    assert_string_equal(nearest_option("out"), "output"); /* the beginning of it */
    assert_string_equal(nearest_option("jsno"), "json");
}

static void unlikely_names_are_not(void **state) {
    (void)state;
    assert_null(nearest_option("verbose"));
    assert_null(nearest_option("x"));
    assert_null(nearest_option(""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distance_counts_every_kind_of_typing_error_once),
        cmocka_unit_test(distance_stops_at_the_limit_and_at_long_names),
        cmocka_unit_test(likely_names_are_offered),
        cmocka_unit_test(unlikely_names_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
