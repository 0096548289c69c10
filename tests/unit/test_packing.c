/* analysis/types/packing.h: alignments of structs whose members lie where theirs would not put
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analysis/types/packing.h"

static void nothing_is_packed_where_members_lie_as_they_should(void **state) {
    struct mete__packing packing = {0};

    (void)state;
    mete__packing_add(&packing, 0, 1, 1, 0);
    mete__packing_add(&packing, 8, 8, 8, 0);
    assert_int_equal(mete__packing_finish(&packing, 16, 0), 8);
    assert_false(packing.is_odd);
    assert_int_equal(mete__packing_finish(&(struct mete__packing){0}, 0, 0), 1);
}

static void a_packed_whole_has_no_alignment_but_the_declared(void **state) {
    struct mete__packing packing = {0};

    (void)state;
    mete__packing_add(&packing, 0, 1, 1, 0);
    mete__packing_add(&packing, 1, 4, 4, 0);
    struct mete__packing declared = packing;
    assert_int_equal(mete__packing_finish(&packing, 5, 0), 1);
    assert_true(packing.is_odd);
    assert_int_equal(mete__packing_finish(&declared, 8, 4), 4);
    assert_true(declared.is_odd);
}

static void a_packed_member_leaves_the_others_aligned(void **state) {
    struct mete__packing packing = {0};

    (void)state;
    mete__packing_add(&packing, 0, 1, 1, 0);
    mete__packing_add(&packing, 1, 4, 4, 0);
    mete__packing_add(&packing, 8, 8, 8, 0); /* would lie at 5, were all packed */
    assert_int_equal(mete__packing_finish(&packing, 16, 0), 8);
    assert_true(packing.is_odd);
}

static void a_pragma_packs_to_more_than_a_byte(void **state) {
    struct mete__packing packing = {0};

    (void)state;
    mete__packing_add(&packing, 0, 1, 1, 0);
    mete__packing_add(&packing, 2, 4, 4, 0); /* at no place that packing to 1 or 4 would give */
    mete__packing_add(&packing, 6, 8, 8, 0);
    assert_int_equal(mete__packing_finish(&packing, 14, 0), 2);
}

static void a_members_own_alignment_outlives_packing(void **state) {
    struct mete__packing packing = {0};

    (void)state;
    mete__packing_add(&packing, 0, 1, 1, 0);
    mete__packing_add(&packing, 16, 4, 16, 16);
    mete__packing_add(&packing, 20, 8, 8, 0);
    assert_int_equal(mete__packing_finish(&packing, 32, 0), 16);
    assert_true(packing.is_odd);
}

static void bit_fields_across_their_storage_are_packed(void **state) {
    struct mete__packing packing = {0};

    (void)state;
    mete__packing_add_bits(&packing, 13, 4, false);
    mete__packing_add_bits(&packing, 43, 4, true);
    assert_int_equal(mete__packing_finish(&packing, 6, 0), 1);
    assert_true(packing.is_odd);
}

static void members_of_a_union_begin_where_it_begins(void **state) {
    struct mete__packing packing = {.is_union = true}, packed = {.is_union = true};

    (void)state;
    mete__packing_add(&packing, 0, 5, 1, 0);
    mete__packing_add(&packing, 0, 4, 4, 0);
    packed = packing;
    assert_int_equal(mete__packing_finish(&packing, 8, 0), 4);
    assert_false(packing.is_odd);
    assert_int_equal(mete__packing_finish(&packed, 5, 0), 1);
    assert_true(packed.is_odd);
}

static void a_virtual_base_lies_nowhere_but_aligns(void **state) {
    struct mete__packing packing = {0};

    (void)state;
    mete__packing_add(&packing, 0, 8, 8, 0);
    mete__packing_add_elsewhere(&packing, 32);
    assert_int_equal(mete__packing_finish(&packing, 64, 0), 32);
    assert_false(packing.is_odd);
}

static void places_that_no_rule_explains_end_at_a_divisor_of_the_size(void **state) {
    struct mete__packing packing = {0};

    (void)state;
    mete__packing_add(&packing, 64, 8, 8, 0);
    mete__packing_add(&packing, 3, 4, 4, 0);
    mete__packing_add(&packing, UINT64_MAX - 2, UINT64_MAX, 2, 0);
    assert_int_equal(mete__packing_finish(&packing, 100, 0), 4);
    assert_true(packing.is_odd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_packed_where_members_lie_as_they_should),
        cmocka_unit_test(a_packed_whole_has_no_alignment_but_the_declared),
        cmocka_unit_test(a_packed_member_leaves_the_others_aligned),
        cmocka_unit_test(a_pragma_packs_to_more_than_a_byte),
        cmocka_unit_test(a_members_own_alignment_outlives_packing),
        cmocka_unit_test(bit_fields_across_their_storage_are_packed),
        cmocka_unit_test(members_of_a_union_begin_where_it_begins),
        cmocka_unit_test(a_virtual_base_lies_nowhere_but_aligns),
        cmocka_unit_test(places_that_no_rule_explains_end_at_a_divisor_of_the_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
