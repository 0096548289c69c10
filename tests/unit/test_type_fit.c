/* analysis/blocks/type_fit.c: which sizes speak for a type and which against it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analysis/blocks/type_fit.h"

static const struct mete__type_fit_shape plain = {.bytes = 48};
static const struct mete__type_fit_shape flexible = {.bytes = 24, .flexible = 20};
static const struct mete__type_fit_shape character = {.bytes = 1, .is_character = true};
static const struct mete__type_fit_shape no_size = {.bytes = 0};

/* Of blocks whose sizes are not known. */
static enum mete__type_fit fit_sum(const struct mete__type_fit_shape *shape, uint64_t allocations,
                                   uint64_t bytes, uint64_t header) {
    const struct mete__type_fit_blocks blocks = {.allocations = allocations, .bytes = bytes};
    return mete__type_fit(shape, &blocks, header);
}

/* Of two blocks of those sizes. */
static struct mete__type_fit_blocks two_of(uint64_t min, uint64_t max) {
    return (struct mete__type_fit_blocks){
        .allocations = 2,
        .bytes = min + max,
        .sizes = {.are_known = true, .min = min, .max = max, .step = max - min},
    };
}

static enum mete__type_fit fit_two(const struct mete__type_fit_shape *shape, uint64_t min,
                                   uint64_t max, uint64_t header) {
    const struct mete__type_fit_blocks blocks = two_of(min, max);
    return mete__type_fit(shape, &blocks, header);
}

static void one_object_fits_exactly(void **state) {
    (void)state;
    assert_int_equal(fit_sum(&plain, 1, 48, 0), METE__TYPE_FIT_ONE);
    assert_int_equal(fit_sum(&plain, 10, 480, 0), METE__TYPE_FIT_ONE);
}

static void multiples_are_arrays(void **state) {
    (void)state;
    assert_int_equal(fit_sum(&plain, 1, 96, 0), METE__TYPE_FIT_ARRAY);
    assert_int_equal(fit_sum(&plain, 3, 480, 0), METE__TYPE_FIT_ARRAY);
}

static void what_is_too_small_fits_not(void **state) {
    (void)state;
    assert_int_equal(fit_sum(&plain, 1, 47, 0), METE__TYPE_FIT_NONE);
    assert_int_equal(fit_sum(&plain, 2, 95, 0), METE__TYPE_FIT_NONE);
    assert_int_equal(fit_sum(&plain, 1, 0, 0), METE__TYPE_FIT_NONE);
    assert_int_equal(fit_sum(&plain, 0, 48, 0), METE__TYPE_FIT_NONE);
    assert_int_equal(fit_sum(&no_size, 1, 48, 0), METE__TYPE_FIT_NONE);
}

static void what_is_no_multiple_has_a_tail(void **state) {
    (void)state;
    assert_int_equal(fit_sum(&plain, 1, 49, 0), METE__TYPE_FIT_TAIL);
}

static void a_flexible_array_may_be_of_any_length(void **state) {
    (void)state;
    assert_int_equal(fit_sum(&flexible, 1, 25, 0), METE__TYPE_FIT_FLEXIBLE);
    assert_int_equal(fit_sum(&flexible, 1, 48, 0), METE__TYPE_FIT_FLEXIBLE);
    assert_int_equal(fit_sum(&flexible, 1, 20, 0), METE__TYPE_FIT_FLEXIBLE);
    assert_int_equal(fit_sum(&flexible, 1, 19, 0), METE__TYPE_FIT_NONE);
    assert_int_equal(fit_sum(&flexible, 1, 24, 0), METE__TYPE_FIT_ONE);
}

static void characters_fit_anything(void **state) {
    (void)state;
    assert_int_equal(fit_sum(&character, 1, 1, 0), METE__TYPE_FIT_BYTES);
    assert_int_equal(fit_sum(&character, 7, 1234, 0), METE__TYPE_FIT_BYTES);
}

static void a_header_of_each_block_is_left_out(void **state) {
    (void)state;
    assert_int_equal(fit_sum(&plain, 10, 640, 16), METE__TYPE_FIT_ONE);
    assert_int_equal(fit_sum(&plain, 10, 480, 16), METE__TYPE_FIT_NONE);
    assert_int_equal(fit_sum(&plain, 10, 100, 16), METE__TYPE_FIT_NONE);
}

static void sums_that_overflow_fit_not(void **state) {
    (void)state;
    assert_int_equal(fit_sum(&plain, UINT64_MAX, 48, 0), METE__TYPE_FIT_NONE);
    assert_int_equal(fit_sum(&plain, 2, 96, UINT64_MAX), METE__TYPE_FIT_NONE);
}

static void each_block_has_its_say(void **state) {
    (void)state;
    assert_int_equal(fit_two(&plain, 48, 48, 0), METE__TYPE_FIT_ONE);
    assert_int_equal(fit_two(&plain, 40, 56, 0), METE__TYPE_FIT_NONE);  /* 48 on average */
    assert_int_equal(fit_two(&plain, 49, 143, 0), METE__TYPE_FIT_TAIL); /* 96 */
    assert_int_equal(fit_two(&plain, 48, 144, 0), METE__TYPE_FIT_ARRAY);
    assert_int_equal(fit_two(&plain, 96, 97, 0), METE__TYPE_FIT_TAIL);
    assert_int_equal(fit_two(&plain, 64, 160, 16), METE__TYPE_FIT_ARRAY);
    assert_int_equal(fit_two(&plain, 16, 160, 16), METE__TYPE_FIT_ARRAY); /* of none, too */
    assert_int_equal(fit_two(&plain, 16, 150, 16), METE__TYPE_FIT_NONE);
    assert_int_equal(fit_two(&plain, 0, 96, 0), METE__TYPE_FIT_ARRAY);
    assert_int_equal(fit_two(&plain, 0, 100, 0), METE__TYPE_FIT_NONE);
    assert_int_equal(fit_two(&character, 0, 100, 0), METE__TYPE_FIT_BYTES);
    assert_int_equal(fit_two(&flexible, 20, 100, 0), METE__TYPE_FIT_FLEXIBLE);
    assert_int_equal(fit_two(&flexible, 19, 100, 0), METE__TYPE_FIT_NONE);
    assert_int_equal(fit_two(&character, 1, 100, 0), METE__TYPE_FIT_BYTES);
}

static void sizes_that_are_objects_apart_vary(void **state) {
    const struct mete__type_fit_blocks apart = two_of(50, 98), same = two_of(48, 48),
                                       close = two_of(48, 80), unknown = {2, 96, {0}};
    (void)state;
    assert_true(mete__type_fit_varies(&plain, &apart));
    assert_false(mete__type_fit_varies(&plain, &same));
    assert_false(mete__type_fit_varies(&plain, &close));
    assert_false(mete__type_fit_varies(&plain, &unknown));
    assert_false(mete__type_fit_varies(&no_size, &apart));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_object_fits_exactly),
        cmocka_unit_test(multiples_are_arrays),
        cmocka_unit_test(what_is_too_small_fits_not),
        cmocka_unit_test(what_is_no_multiple_has_a_tail),
        cmocka_unit_test(a_flexible_array_may_be_of_any_length),
        cmocka_unit_test(characters_fit_anything),
        cmocka_unit_test(a_header_of_each_block_is_left_out),
        cmocka_unit_test(each_block_has_its_say),
        cmocka_unit_test(sizes_that_are_objects_apart_vary),
        cmocka_unit_test(sums_that_overflow_fit_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
