/*
 * tests/unit/ptr_facts.h - what mete/ptr.h does where nothing is wrong: the same at every level.
 *
 * Included by a test for each level, after METE_PTR_CHECKS has been defined.
 */
#ifndef METE_TESTS_PTR_FACTS_H
#define METE_TESTS_PTR_FACTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <mete/ptr.h>

struct triple {
    int first;
    double second;
    char third[5];
};

static void values_are_read_and_written_as_they_are(void **state) {
    struct triple a, b;
    unsigned char bytes[16] = {0};
    uint32_t number = 0;
    (void)state;

    memset(&a, 0x5a, sizeof a); /* its padding, too */
    a.first = 1;
    assert_int_equal(METE_PTR_READ(&a, &b), 0);
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(METE_PTR_WRITE(&b.first, a.first + 6), 0);
    assert_int_equal(b.first, 7);
    assert_int_equal(METE_PTR_WRITE_UNALIGNED((uint32_t *)(void *)(bytes + 3), 0x01020304u), 0);
    assert_int_equal(METE_PTR_READ_UNALIGNED((uint32_t *)(void *)(bytes + 3), &number), 0);
    assert_int_equal(number, 0x01020304);
    assert_int_equal(bytes[2] + bytes[7], 0);
    assert_int_equal(bytes[3] + bytes[4] + bytes[5] + bytes[6], 10);
}

static void volatile_accesses_are_of_their_size(void **state) {
    volatile uint8_t one = 1;
    volatile uint16_t two = 2;
    volatile uint32_t four = 4;
    volatile uint64_t eight = 8;
    uint8_t out_one = 0;
    uint16_t out_two = 0;
    uint32_t out_four = 0;
    uint64_t out_eight = 0;
    (void)state;

    assert_int_equal(METE_PTR_READ_VOLATILE(&one, &out_one), 0);
    assert_int_equal(METE_PTR_READ_VOLATILE(&two, &out_two), 0);
    assert_int_equal(METE_PTR_READ_VOLATILE(&four, &out_four), 0);
    assert_int_equal(METE_PTR_READ_VOLATILE(&eight, &out_eight), 0);
    assert_int_equal(out_one + out_two + out_four + out_eight, 15);
    assert_int_equal(METE_PTR_WRITE_VOLATILE(&one, 0xff), 0);
    assert_int_equal(METE_PTR_WRITE_VOLATILE(&two, 0xffff), 0);
    assert_int_equal(METE_PTR_WRITE_VOLATILE(&four, UINT32_MAX), 0);
    assert_int_equal(METE_PTR_WRITE_VOLATILE(&eight, UINT64_MAX), 0);
    assert_true(one == 0xff && two == 0xffff && four == UINT32_MAX && eight == UINT64_MAX);
}

static void replace_gives_the_old_value_and_swap_exchanges(void **state) {
    static unsigned char big[2][200];
    int a = 1, b = 2, old = 0;
    (void)state;

    assert_int_equal(METE_PTR_REPLACE(&a, 10, &old), 0);
    assert_true(a == 10 && old == 1);
    assert_int_equal(METE_PTR_SWAP(&a, &b), 0);
    assert_true(a == 2 && b == 10);
    assert_int_equal(METE_PTR_SWAP(&a, &a), 0);
    assert_int_equal(a, 2);
    for (size_t size = 0; size <= sizeof big[0]; size++) {
        memset(big[0], 'a', sizeof big[0]);
        memset(big[1], 'b', sizeof big[1]);
        assert_int_equal(mete_ptr_swap(big[0], big[1], size, 1), 0);
        for (size_t i = 0; i < sizeof big[0]; i++) {
            assert_int_equal(big[0][i], i < size ? 'b' : 'a');
            assert_int_equal(big[1][i], i < size ? 'a' : 'b');
        }
    }
}

static void copies_may_overlap_unless_they_say_that_they_do_not(void **state) {
    int numbers[6] = {1, 2, 3, 4, 5, 6}, others[6] = {0};
    int order = 7;
    (void)state;

    assert_int_equal(METE_PTR_COPY(numbers + 1, numbers, 5), 0);
    assert_true(numbers[0] == 1 && numbers[1] == 1 && numbers[5] == 5);
    assert_int_equal(METE_PTR_COPY_NONOVERLAPPING(others, numbers, 6), 0);
    assert_memory_equal(others, numbers, sizeof others);
    assert_int_equal(METE_PTR_COPY_NONOVERLAPPING(numbers + 3, numbers, 3), 0); /* they touch */
    assert_int_equal(mete_ptr_copy(numbers, numbers, sizeof numbers), 0);
    assert_int_equal(mete_ptr_compare(numbers, others, 3 * sizeof(int), &order), 0);
    assert_int_equal(order, 0);
    assert_int_equal(mete_ptr_fill(others, 0xff, sizeof others), 0);
    assert_int_equal(others[5], -1);
    assert_int_equal(mete_ptr_compare(others, numbers, sizeof others, &order), 0);
    assert_true(order > 0);
}

static void addresses_are_reckoned_in_elements_and_bytes(void **state) {
    _Alignas(64) struct triple array[8];
    struct triple *at = NULL;
    ptrdiff_t distance = 0;
    (void)state;

    assert_int_equal(METE_PTR_ADD(array, 3, &at), 0);
    assert_ptr_equal(at, &array[3]);
    assert_int_equal(METE_PTR_ADD(&array[3], -2, &at), 0);
    assert_ptr_equal(at, &array[1]);
    assert_int_equal(METE_PTR_ADD_BYTES(array, 2 * (ptrdiff_t)sizeof *array, &at), 0);
    assert_ptr_equal(at, &array[2]);
    assert_int_equal(METE_PTR_DISTANCE(&array[1], &array[7], &distance), 0);
    assert_int_equal(distance, 6);
    assert_int_equal(METE_PTR_DISTANCE(&array[7], &array[1], &distance), 0);
    assert_int_equal(distance, -6);
    assert_int_equal(METE_PTR_DISTANCE_BYTES(&array[1], &array[2], &distance), 0);
    assert_int_equal(distance, sizeof *array);
}

static void addresses_are_aligned_up_and_down(void **state) {
    _Alignas(64) char bytes[128];
    char *at = NULL;
    uint64_t *wide = NULL;
    (void)state;

    for (int i = 1; i < 64; i++) {
        assert_int_equal(METE_PTR_ALIGN_UP(&bytes[i], 64, &at), 0);
        assert_ptr_equal(at, &bytes[64]);
        assert_int_equal(METE_PTR_ALIGN_DOWN(&bytes[i], 64, &at), 0);
        assert_ptr_equal(at, bytes);
        assert_int_equal(mete_ptr_is_aligned(&bytes[i], 8), i % 8 == 0);
    }
    assert_int_equal(METE_PTR_ALIGN_UP(bytes, 64, &at), 0);
    assert_ptr_equal(at, bytes);
    assert_int_equal(METE_PTR_CAST_ALIGNED(uint64_t, bytes + 8, &wide), 0);
    assert_ptr_equal(wide, bytes + 8);
    assert_false(mete_ptr_is_aligned(bytes, 0));
    assert_false(mete_ptr_is_aligned(bytes, 12));
}

static void spans_are_cut_copied_filled_and_compared(void **state) {
    char bytes[8] = "abcdefg", copy[4] = "";
    mete_span whole = METE_SPAN_OF(bytes), part;
    mete_view seen;
    (void)state;

    assert_int_equal(whole.size, 8);
    assert_int_equal(mete_span_sub(whole, 2, 3, &part), 0);
    assert_true(part.data == bytes + 2 && part.size == 3);
    assert_int_equal(mete_span_sub(whole, 8, 0, &part), 0); /* the end */
    assert_int_equal(mete_view_sub(mete_span_view(whole), 1, 2, &seen), 0);
    assert_true(mete_view_is_equal(seen, mete_view_of("bc", 2)));
    assert_false(mete_view_is_equal(seen, mete_view_of("bcd", 3)));
    assert_int_equal(mete_span_copy(METE_SPAN_OF(copy), seen), 0);
    assert_string_equal(copy, "bc");
    assert_int_equal(mete_span_copy(whole, mete_view_of(bytes + 1, 7)), 0); /* they overlap */
    assert_string_equal(bytes, "bcdefg");
    mete_span_fill(METE_SPAN_OF(copy), 'x');
    assert_memory_equal(copy, "xxxx", 4);
    assert_int_equal(mete_span_make(NULL, 0, &part), 0);
    assert_int_equal(mete_view_make(bytes, 8, &seen), 0);
}

/* Stores a number and loads it again, the other way round, too. */
#define CHECK_NUMBER(bits, number, reversed)                                                       \
    do {                                                                                           \
        unsigned char memory[16] = {0};                                                            \
        mete_span span = METE_SPAN_OF(memory);                                                     \
        uint##bits##_t out = 0;                                                                    \
        assert_int_equal(mete_span_store_le##bits(span, 3, (number)), 0);                          \
        assert_int_equal(memory[3], (number)&0xff);                                                \
        assert_int_equal(mete_view_load_le##bits(mete_span_view(span), 3, &out), 0);               \
        assert_true(out == (number));                                                              \
        assert_int_equal(mete_view_load_be##bits(mete_span_view(span), 3, &out), 0);               \
        assert_true(out == (reversed));                                                            \
        assert_int_equal(mete_span_store_be##bits(span, 16 - (bits) / 8, (number)), 0);            \
        assert_int_equal(memory[15], (number)&0xff);                                               \
        assert_int_equal(mete_view_load_be##bits(mete_span_view(span), 16 - (bits) / 8, &out), 0); \
        assert_true(out == (number));                                                              \
    } while (0)

static void numbers_are_stored_little_or_big_end_first(void **state) {
    unsigned char byte = 7, again = 0;
    (void)state;
    CHECK_NUMBER(16, 0x0102u, 0x0201u);
    CHECK_NUMBER(32, 0x01020304u, 0x04030201u);
    CHECK_NUMBER(64, 0x0102030405060708u, 0x0807060504030201u);
    assert_int_equal(mete_span_store_u8(METE_SPAN_OF(byte), 0, 9), 0);
    assert_int_equal(mete_view_load_u8(METE_VIEW_OF(byte), 0, &again), 0);
    assert_int_equal(again, 9);
}

#define PTR_FACTS                                                              \
    cmocka_unit_test(values_are_read_and_written_as_they_are),                 \
        cmocka_unit_test(volatile_accesses_are_of_their_size),                 \
        cmocka_unit_test(replace_gives_the_old_value_and_swap_exchanges),      \
        cmocka_unit_test(copies_may_overlap_unless_they_say_that_they_do_not), \
        cmocka_unit_test(addresses_are_reckoned_in_elements_and_bytes),        \
        cmocka_unit_test(addresses_are_aligned_up_and_down),                   \
        cmocka_unit_test(spans_are_cut_copied_filled_and_compared),            \
        cmocka_unit_test(numbers_are_stored_little_or_big_end_first)

#endif
