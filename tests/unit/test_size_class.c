/* heap/size_class.h: every size, every class and every offset there is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heap/size_class.h"

static void every_size_gets_the_smallest_class_that_holds_it(void **state) {
    (void)state;
    for (size_t size = 0; size <= METE__MEDIUM_MAX; size++) {
        unsigned size_class = mete__size_class_of(size);
        assert_true(size_class < METE__CLASSES);
        assert_true(mete__size_class_bytes(size_class) >= size);
        if (size_class > 0) assert_true(mete__size_class_bytes(size_class - 1) < size);
    }
    assert_int_equal(mete__size_class_of(METE__MEDIUM_MAX), METE__CLASSES - 1);
}

static void a_block_wastes_at_most_an_eighth(void **state) {
    (void)state;
    for (unsigned c = 1; c < METE__CLASSES; c++) {
        size_t smallest = mete__size_class_bytes(c - 1) + 1, bytes = mete__size_class_bytes(c);
        assert_true(bytes - smallest < 16 || (bytes - smallest) * 8 < bytes);
    }
}

static void every_block_is_aligned_to_16_and_fits_its_span(void **state) {
    (void)state;
    for (unsigned c = 0; c < METE__CLASSES; c++) {
        size_t bytes = mete__size_class_bytes(c);
        size_t slices = bytes <= METE__SMALL_MAX ? 1 : METE__MEDIUM_SLICES;
        assert_int_equal(bytes % 16, 0);
        assert_true((slices << METE__SLICE_SHIFT) / bytes <= UINT16_MAX); /* carved, capacity */
        assert_true((slices << METE__SLICE_SHIFT) / bytes >= 8);
    }
}

static void every_offset_of_a_span_is_divided_exactly(void **state) {
    (void)state;
    for (unsigned c = 0; c < METE__CLASSES; c++) {
        size_t bytes = mete__size_class_bytes(c), expected = 0, next = bytes;
        for (size_t offset = 0; offset < METE__MEDIUM_SLICES << METE__SLICE_SHIFT; offset++) {
            if (offset == next) {
                expected++;
                next += bytes;
            }
            if (mete__size_class_divide(offset, c) != expected)
                fail_msg("offset %zu of class %u", offset, c);
        }
    }
}

static void aligned_requests_get_blocks_that_all_are(void **state) {
    (void)state;
    for (size_t align = 16; align <= METE__MEDIUM_MAX; align *= 2) {
        for (size_t size = 1; size <= METE__MEDIUM_MAX; size += size < 3000 ? 1 : 97) {
            unsigned c = mete__size_class_aligned(size, align);
            assert_true(c < METE__CLASSES); /* the power of two above both is a class */
            assert_true(mete__size_class_bytes(c) >= size);
            assert_int_equal(mete__size_class_bytes(c) % align, 0);
        }
    }
}

static void every_power_of_two_is_a_class(void **state) {
    (void)state;
    for (size_t power = 16; power <= METE__MEDIUM_MAX; power *= 2)
        assert_int_equal(mete__size_class_bytes(mete__size_class_of(power)), power);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_gets_the_smallest_class_that_holds_it),
        cmocka_unit_test(a_block_wastes_at_most_an_eighth),
        cmocka_unit_test(every_block_is_aligned_to_16_and_fits_its_span),
        cmocka_unit_test(every_offset_of_a_span_is_divided_exactly),
        cmocka_unit_test(aligned_requests_get_blocks_that_all_are),
        cmocka_unit_test(every_power_of_two_is_a_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
