/* base/bits.h: rounding and logarithms at their edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bits.h"

static void log2_floor_steps_exactly_at_powers_of_two(void **state) {
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        size_t power = (size_t)1 << bit;
        assert_int_equal(mete__log2_floor(power), bit);
        if (bit > 0) assert_int_equal(mete__log2_floor(power - 1), bit - 1);
    }
}

static void power_of_two_ceil_is_the_smallest_one_that_holds_the_value(void **state) {
    (void)state;
    assert_int_equal(mete__power_of_two_ceil(1), 1);
    for (unsigned bit = 1; bit < 63; bit++) {
        size_t power = (size_t)1 << bit;
        assert_int_equal(mete__power_of_two_ceil(power), power);
        assert_int_equal(mete__power_of_two_ceil(power + 1), power * 2);
    }
}

static void rounding_keeps_multiples_and_moves_everything_else(void **state) {
    (void)state;
    for (size_t align = 1; align <= 4096; align *= 2) {
        assert_int_equal(mete__round_up(align * 3, align), align * 3);
        assert_int_equal(mete__round_down(align * 3, align), align * 3);
        if (align == 1) continue;
        assert_int_equal(mete__round_up(align * 3 + 1, align), align * 4);
        assert_int_equal(mete__round_down(align * 4 - 1, align), align * 3);
    }
}

static void overflow_is_reported_and_a_fitting_sum_is_not(void **state) {
    (void)state;
    size_t out = 0;
    assert_false(mete__add_overflows(SIZE_MAX - 1, 1, &out));
    assert_true(out == SIZE_MAX);
    assert_true(mete__add_overflows(SIZE_MAX, 1, &out));
    assert_false(mete__mul_overflows(SIZE_MAX / 2, 2, &out));
    assert_true(mete__mul_overflows(SIZE_MAX / 2 + 1, 2, &out));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log2_floor_steps_exactly_at_powers_of_two),
        cmocka_unit_test(power_of_two_ceil_is_the_smallest_one_that_holds_the_value),
        cmocka_unit_test(rounding_keeps_multiples_and_moves_everything_else),
        cmocka_unit_test(overflow_is_reported_and_a_fitting_sum_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
