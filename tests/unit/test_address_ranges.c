/* analysis/address_ranges.c: against looking at every range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "analysis/address_ranges.h"

static struct mete__address_ranges ranges;

static int tear_down(void **state) {
    (void)state;
    mete__address_ranges_free(&ranges);
    return 0;
}

static void nothing_is_in_no_ranges(void **state) {
    (void)state;
    mete__address_ranges_complete(&ranges);
    assert_int_equal(mete__address_ranges_find(&ranges, 0), -1);
    assert_int_equal(mete__address_ranges_find(&ranges, UINT64_MAX), -1);
}

static void empty_ranges_are_left_out(void **state) {
    (void)state;
    mete__address_ranges_add(&ranges, 10, 10, 0);
    mete__address_ranges_add(&ranges, 20, 10, 1);
    mete__address_ranges_complete(&ranges);
    assert_int_equal(ranges.count, 0);
}

static void the_innermost_range_is_found(void **state) {
    (void)state;
    mete__address_ranges_add(&ranges, 100, 200, 0);
    mete__address_ranges_add(&ranges, 120, 180, 1);
    mete__address_ranges_add(&ranges, 120, 150, 2);
    mete__address_ranges_add(&ranges, 120, 150, 3);
    mete__address_ranges_add(&ranges, 160, 170, 4);
    mete__address_ranges_complete(&ranges);
    assert_int_equal(mete__address_ranges_find(&ranges, 99), -1);
    assert_int_equal(mete__address_ranges_find(&ranges, 100), 0);
    assert_int_equal(mete__address_ranges_find(&ranges, 149), 3);
    assert_int_equal(mete__address_ranges_find(&ranges, 150), 1);
    assert_int_equal(mete__address_ranges_find(&ranges, 169), 4);
    assert_int_equal(mete__address_ranges_find(&ranges, 179), 1);
    assert_int_equal(mete__address_ranges_find(&ranges, 199), 0);
    assert_int_equal(mete__address_ranges_find(&ranges, 200), -1);
}

/* The answer by the definition in the header. */
static int64_t by_definition(const uint64_t (*all)[2], size_t count, uint64_t address) {
    int64_t best = -1;

    for (size_t i = 0; i < count; i++) {
        if (all[i][0] >= all[i][1] || address < all[i][0] || address >= all[i][1]) continue;
        if (best < 0 || all[i][0] > all[best][0] ||
            (all[i][0] == all[best][0] && all[i][1] <= all[best][1]))
            best = (int64_t)i;
    }
    return best;
}

static void any_ranges_give_what_the_definition_says(void **state) {
    static uint64_t all[60][2];

    (void)state;
    srand(1);
    for (int round = 0; round < 300; round++) {
        mete__address_ranges_free(&ranges);
        for (uint32_t i = 0; i < 60; i++) {
            all[i][0] = (uint64_t)rand() % 100;
            all[i][1] = all[i][0] + (uint64_t)rand() % 40;
            assert_int_equal(mete__address_ranges_add(&ranges, all[i][0], all[i][1], i), 0);
        }
        mete__address_ranges_complete(&ranges);
        for (uint64_t address = 0; address < 150; address++)
            assert_int_equal(mete__address_ranges_find(&ranges, address),
                             by_definition(all, 60, address));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(nothing_is_in_no_ranges, tear_down),
        cmocka_unit_test_teardown(empty_ranges_are_left_out, tear_down),
        cmocka_unit_test_teardown(the_innermost_range_is_found, tear_down),
        cmocka_unit_test_teardown(any_ranges_give_what_the_definition_says, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
