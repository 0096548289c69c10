/* heap/slices.h: which span an address lies in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heap/slices.h"

static struct mete__span *take(size_t count, size_t align) {
    bool zeroed;
    struct mete__span *span = mete__slices_take(count, align, METE__SPAN_LARGE, &zeroed);
    assert_non_null(span);
    return span;
}

static void every_slice_of_a_long_span_leads_to_its_first(void **state) {
    const size_t count = 1000;
    struct mete__span *span = take(count, 1);
    char *start = mete__slices_memory(span);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        char *memory = NULL;
        assert_ptr_equal(mete__slices_find(start + (i << METE__SLICE_SHIFT) + i, &memory), span);
        assert_ptr_equal(memory, start);
    }
    mete__slices_give(span);
}

static void a_free_slice_behind_a_span_is_in_none(void **state) {
    struct mete__span *first = take(70, 1), *second = take(3, 1), *third = take(1, 1);
    char *gap = mete__slices_memory(second), *memory;
    (void)state;
    mete__slices_give(second);
    for (size_t i = 0; i < 3; i++)
        assert_null(mete__slices_find(gap + (i << METE__SLICE_SHIFT), &memory));
    mete__slices_give(first);
    mete__slices_give(third);
}

/* Each look-up walks back to the span before it only while slices are used: a million of them
 * behind a gap of 64 GiB take no time, where walking the gap would take minutes. */
static void an_address_in_a_wide_gap_is_answered_at_once(void **state) {
    struct mete__span *near = take(1, 1), *far = take(1, (size_t)1 << 20);
    char *end = mete__slices_memory(far), *memory;
    (void)state;
    for (size_t i = 1; i <= 1000000; i++) {
        char *address = end - ((i % 1000 + 1) << METE__SLICE_SHIFT);
        assert_null(mete__slices_find(address, &memory));
    }
    assert_ptr_equal(mete__slices_find(end, &memory), far);
    mete__slices_give(near);
    mete__slices_give(far);
}

static void a_span_given_back_is_found_no_more(void **state) {
    struct mete__span *span = take(2, 1);
    char *start = mete__slices_memory(span), *memory;
    (void)state;
    mete__slices_give(span);
    assert_null(mete__slices_find(start, &memory));
    assert_null(mete__slices_find(start + METE__SLICE_SIZE, &memory));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_slice_of_a_long_span_leads_to_its_first),
        cmocka_unit_test(a_free_slice_behind_a_span_is_in_none),
        cmocka_unit_test(an_address_in_a_wide_gap_is_answered_at_once),
        cmocka_unit_test(a_span_given_back_is_found_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
