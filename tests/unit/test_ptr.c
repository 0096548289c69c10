/* mete/ptr.h with error codes: each error, with nothing read or written. */
#define METE_PTR_CHECKS 2
#include "ptr_facts.h"

static void *const nothing = NULL;
/* The pointer, out of sight of a compiler that would warn. */
static void *unseen(void *pointer) {
    __asm__("" : "+r"(pointer));
    return pointer;
}

static void null_is_an_error_unless_nothing_is_done_there(void **state) {
    char byte = 'a';
    int order = 7;
    (void)state;

    assert_int_equal(mete_ptr_read(&byte, unseen(nothing), 1, 1), -EFAULT);
    assert_int_equal(mete_ptr_read(unseen(nothing), &byte, 1, 1), -EFAULT);
    assert_int_equal(mete_ptr_write(unseen(nothing), &byte, 1, 1), -EFAULT);
    assert_int_equal(METE_PTR_READ_VOLATILE((char *)unseen(nothing), &byte), -EFAULT);
    assert_int_equal(METE_PTR_WRITE_VOLATILE((char *)unseen(nothing), 'b'), -EFAULT);
    assert_int_equal(mete_ptr_replace(unseen(nothing), "b", &byte, 1, 1), -EFAULT);
    assert_int_equal(mete_ptr_swap(&byte, unseen(nothing), 1, 1), -EFAULT);
    assert_int_equal(mete_ptr_copy(unseen(nothing), &byte, 1), -EFAULT);
    assert_int_equal(mete_ptr_copy_nonoverlapping(&byte, unseen(nothing), 1), -EFAULT);
    assert_int_equal(mete_ptr_fill(unseen(nothing), 'b', 1), -EFAULT);
    assert_int_equal(mete_ptr_compare(&byte, unseen(nothing), 1, &order), -EFAULT);
    assert_true(byte == 'a' && order == 7);

    assert_int_equal(mete_ptr_copy(unseen(nothing), unseen(nothing), 0), 0);
    assert_int_equal(mete_ptr_fill(unseen(nothing), 'b', 0), 0);
    assert_int_equal(mete_ptr_compare(unseen(nothing), &byte, 0, &order), 0);
    assert_int_equal(order, 0);
}

static void misaligned_addresses_are_an_error(void **state) {
    _Alignas(8) char bytes[16] = "0123456789abcde";
    uint32_t *crooked = (uint32_t *)unseen(bytes + 2), straight = 1, old = 2;
    uint64_t *wide = NULL;
    (void)state;

    assert_int_equal(METE_PTR_READ(crooked, &straight), -EINVAL);
    assert_int_equal(METE_PTR_WRITE(crooked, 7), -EINVAL);
    assert_int_equal(METE_PTR_READ_VOLATILE(crooked, &straight), -EINVAL);
    assert_int_equal(METE_PTR_WRITE_VOLATILE(crooked, 7), -EINVAL);
    assert_int_equal(METE_PTR_REPLACE(crooked, 7, &old), -EINVAL);
    assert_int_equal(METE_PTR_SWAP(crooked, &straight), -EINVAL);
    assert_int_equal(METE_PTR_SWAP(&straight, crooked), -EINVAL);
    assert_int_equal(METE_PTR_COPY(crooked, &straight, 1), -EINVAL);
    assert_int_equal(METE_PTR_COPY_NONOVERLAPPING(&straight, crooked, 1), -EINVAL);
    assert_int_equal(METE_PTR_CAST_ALIGNED(uint64_t, crooked, &wide), -EINVAL);
    assert_true(straight == 1 && old == 2 && wide == NULL);
    assert_string_equal(bytes, "0123456789abcde");
    assert_int_equal(mete_ptr_read(&old, bytes, 4, 3), -EINVAL); /* no power of two */
}

static void volatile_accesses_of_other_sizes_are_an_error(void **state) {
    struct {
        char bytes[3];
    } three = {"ab"}, copy = {"xy"};
    long double wide = 1, other = 2;
    (void)state;
    assert_int_equal(METE_PTR_READ_VOLATILE(&three, &copy), -EINVAL);
    assert_int_equal(METE_PTR_READ_VOLATILE(&wide, &other), -EINVAL);
    assert_int_equal(METE_PTR_WRITE_VOLATILE(&wide, other), -EINVAL);
    assert_string_equal(copy.bytes, "xy");
    assert_true(wide == 1 && other == 2);
}

static void overlapping_copies_are_an_error_where_they_must_not(void **state) {
    char bytes[32], before[32];
    (void)state;
    for (int i = 0; i < 32; i++) bytes[i] = before[i] = (char)i;

    for (int to = 0; to <= 16; to++) {
        for (int from = 0; from <= 16; from++) {
            for (int size = 0; size <= 16; size++) {
                bool overlap = false;
                for (int i = 0; i < size; i++) overlap |= from + i >= to && from + i < to + size;
                memcpy(bytes, before, sizeof bytes);
                int status = mete_ptr_copy_nonoverlapping(bytes + to, bytes + from, (size_t)size);
                assert_int_equal(status, overlap ? -EINVAL : 0);
                if (overlap) assert_memory_equal(bytes, before, sizeof bytes);
                status = mete_ptr_swap(bytes + to, bytes + from, (size_t)size, 1);
                assert_int_equal(status, overlap && to != from ? -EINVAL : 0);
            }
        }
    }
    assert_int_equal(mete_ptr_replace(bytes, before, unseen(bytes + 2), 4, 1), -EINVAL);
    assert_int_equal(mete_ptr_replace(bytes, before, unseen(before + 2), 4, 1), -EINVAL);
}

static void sizes_and_addresses_that_do_not_fit_are_an_error(void **state) {
    char byte = 'a';
    int numbers[2] = {1, 2}, *at = numbers, *last = (int *)(uintptr_t)(UINTPTR_MAX - 7);
    ptrdiff_t distance = 7;
    size_t many = METE_SIZE_MAX / sizeof(int) + 1;
    mete_span span = {&byte, 1};
    volatile size_t too_large = METE_SIZE_MAX + 1;
    (void)state;

    last = unseen(last);
    assert_int_equal(METE_PTR_COPY(numbers, numbers, many), -EOVERFLOW);
    assert_int_equal(METE_PTR_COPY_NONOVERLAPPING(numbers, numbers, many), -EOVERFLOW);
    assert_int_equal(mete_ptr_fill(unseen(&byte), 0, too_large), -EOVERFLOW);
    assert_int_equal(mete_ptr_fill(last, 0, 8), -EOVERFLOW);
    assert_int_equal(METE_PTR_ADD(numbers, PTRDIFF_MAX, &at), -EOVERFLOW);
    assert_int_equal(METE_PTR_ADD(numbers, PTRDIFF_MIN, &at), -EOVERFLOW);
    assert_int_equal(METE_PTR_ADD(last, 2, &at), -EOVERFLOW);
    assert_int_equal(METE_PTR_ADD(numbers, -(ptrdiff_t)((uintptr_t)numbers / 4) - 1, &at),
                     -EOVERFLOW);
    at = numbers;
    assert_int_equal(METE_PTR_ADD((int *)unseen((void *)8), -2, &at), -EOVERFLOW);
    assert_true(at == numbers);
    assert_int_equal(METE_PTR_ADD((int *)unseen(nothing), 1, &at), -EFAULT);
    assert_int_equal(METE_PTR_ADD((int *)unseen(nothing), 0, &at), 0);
    at = numbers;
    assert_int_equal(METE_PTR_ALIGN_UP(last, 4096, &at), -EOVERFLOW);
    assert_int_equal(METE_PTR_ALIGN_UP(numbers, 24, &at), -EINVAL);
    assert_int_equal(METE_PTR_ALIGN_DOWN(numbers, 0, &at), -EINVAL);
    assert_int_equal(METE_PTR_DISTANCE(numbers, (int *)unseen(nothing), &distance), -EFAULT);
    assert_int_equal(METE_PTR_DISTANCE((int *)unseen((void *)4), last, &distance), -EOVERFLOW);
    assert_int_equal(METE_PTR_DISTANCE(last, (int *)unseen((void *)4), &distance), -EOVERFLOW);
    assert_int_equal(METE_PTR_DISTANCE(numbers, (int *)unseen((char *)numbers + 3), &distance),
                     -EINVAL);
    assert_int_equal(mete_ptr_distance(&numbers[0], &numbers[1], SIZE_MAX, &distance), -EOVERFLOW);
    assert_int_equal(mete_span_make(last, 9, &span), -EOVERFLOW);
    assert_int_equal(mete_span_make(unseen(nothing), 1, &span), -EFAULT);
    assert_true(at == numbers && distance == 7 && span.data == &byte && byte == 'a');
}

static void whatever_is_outside_of_a_span_is_an_error(void **state) {
    unsigned char bytes[8] = "1234567";
    const size_t edges[] = {0, 1, 7, 8, 9, METE_SIZE_MAX, SIZE_MAX - 7, SIZE_MAX};
    mete_span span = METE_SPAN_OF(bytes), part = {NULL, 99};
    (void)state;

    for (size_t i = 0; i < 8; i++) {
        for (size_t j = 0; j < 8; j++) {
            bool inside = (unsigned __int128)edges[i] + edges[j] <= sizeof bytes;
            mete_span out = part;
            mete_view seen = {NULL, 99};
            assert_int_equal(mete_span_sub(span, edges[i], edges[j], &out), inside ? 0 : -ERANGE);
            assert_int_equal(mete_view_sub(mete_span_view(span), edges[i], edges[j], &seen),
                             inside ? 0 : -ERANGE);
            assert_int_equal(out.size, inside ? edges[j] : 99);
            assert_int_equal(seen.size, inside ? edges[j] : 99);
        }
    }
    assert_int_equal(mete_span_copy(span, mete_view_of("123456789", 9)), -ERANGE);
    assert_string_equal((char *)bytes, "1234567");
}

#define CHECK_OUTSIDE(bits)                                                                      \
    for (size_t offset = 0; offset < 24; offset++) {                                             \
        uint##bits##_t out = 77;                                                                 \
        int expected = offset + (bits) / 8 <= sizeof bytes ? 0 : -ERANGE;                        \
        assert_int_equal(mete_view_load_le##bits(mete_span_view(span), offset, &out), expected); \
        assert_int_equal(mete_view_load_be##bits(mete_span_view(span), offset, &out), expected); \
        if (expected != 0) assert_int_equal(out, 77);                                            \
        assert_int_equal(mete_span_store_le##bits(span, offset, 0), expected);                   \
        assert_int_equal(mete_span_store_be##bits(span, offset, 0), expected);                   \
    }

static void numbers_outside_of_a_span_are_an_error(void **state) {
    unsigned char bytes[16] = "";
    mete_span span = METE_SPAN_OF(bytes);
    uint8_t byte = 7;
    (void)state;
    CHECK_OUTSIDE(16)
    CHECK_OUTSIDE(32)
    CHECK_OUTSIDE(64)
    assert_int_equal(mete_view_load_u8(mete_span_view(span), 16, &byte), -ERANGE);
    assert_int_equal(mete_span_store_u8(span, SIZE_MAX, 7), -ERANGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PTR_FACTS,
        cmocka_unit_test(null_is_an_error_unless_nothing_is_done_there),
        cmocka_unit_test(misaligned_addresses_are_an_error),
        cmocka_unit_test(volatile_accesses_of_other_sizes_are_an_error),
        cmocka_unit_test(overlapping_copies_are_an_error_where_they_must_not),
        cmocka_unit_test(sizes_and_addresses_that_do_not_fit_are_an_error),
        cmocka_unit_test(whatever_is_outside_of_a_span_is_an_error),
        cmocka_unit_test(numbers_outside_of_a_span_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
