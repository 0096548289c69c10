/* analysis/layout/layout_facts.h: holes, bit holes, padding and cache lines of types made by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "analysis/layout/layout_facts.h"

#define BYTES(offset_, size_) \
    { .name = "m", .type = "t", .offset = (offset_), .size = (size_), .align = 1 }
#define BITS(offset_, size_, bit_, bits_)                                           \
    {                                                                               \
        .name = "m", .type = "t", .offset = (offset_), .size = (size_), .align = 1, \
        .bit_offset = (bit_), .bit_size = (bits_)                                   \
    }

static struct mete__type *make(enum mete__type_kind kind, uint64_t size,
                               const struct mete__member *members, size_t count) {
    struct mete__type *type = calloc(1, sizeof *type + count * sizeof *members);

    assert_non_null(type);
    type->kind = (uint8_t)kind;
    type->size = size;
    type->align = 1;
    type->member_count = (uint32_t)count;
    if (count != 0) memcpy(type->members, members, count * sizeof *members);
    return type;
}

static struct mete__layout_facts facts_of(enum mete__type_kind kind, uint64_t size,
                                          const struct mete__member *members, size_t count) {
    struct mete__type *type = make(kind, size, members, count);
    struct mete__layout_facts facts;

    mete__layout_facts_find(type, METE__LAYOUT_LINE, &facts);
    free(type);
    return facts;
}

#define FACTS(kind, size, ...)                                       \
    facts_of(kind, size, (const struct mete__member[]){__VA_ARGS__}, \
             sizeof((const struct mete__member[]){__VA_ARGS__}) / sizeof(struct mete__member))

static void bytes_between_members_are_a_hole(void **state) {
    (void)state;
    struct mete__layout_facts facts =
        FACTS(METE__TYPE_STRUCT, 24, BYTES(0, 1), BYTES(8, 8), BYTES(16, 4));

    assert_int_equal(facts.holes, 1);
    assert_int_equal(facts.hole_bytes, 7);
    assert_int_equal(facts.tail_padding, 4);
    assert_int_equal(facts.bit_holes, 0);
    assert_int_equal(mete__layout_facts_wasted(&facts), 11);
}

static void bits_to_the_end_of_their_storage_are_a_bit_hole(void **state) {
    (void)state;
    /* char c; int b:3, d:7; long e; */
    struct mete__layout_facts facts =
        FACTS(METE__TYPE_STRUCT, 16, BYTES(0, 1), BITS(0, 4, 8, 3), BITS(0, 4, 11, 7), BYTES(8, 8));

    assert_int_equal(facts.bit_holes, 1);
    assert_int_equal(facts.hole_bits, 14);
    assert_int_equal(facts.holes, 1);
    assert_int_equal(facts.hole_bytes, 4);
}

static void bits_left_at_the_end_are_tail_padding(void **state) {
    (void)state;
    struct mete__layout_facts facts = FACTS(METE__TYPE_STRUCT, 8, BYTES(0, 4), BITS(4, 4, 0, 5));

    assert_int_equal(facts.tail_padding_bits, 27);
    assert_int_equal(facts.tail_padding, 0);
    assert_int_equal(mete__layout_facts_wasted(&facts), 3);
}

static void a_forced_boundary_is_a_bit_hole(void **state) {
    (void)state;
    /* char f; int g:5; int :0; int h:2; */
    struct mete__layout_facts facts =
        FACTS(METE__TYPE_STRUCT, 8, BYTES(0, 1), BITS(0, 4, 8, 5), BITS(4, 4, 0, 2));

    assert_int_equal(facts.bit_holes, 1);
    assert_int_equal(facts.hole_bits, 19);
    assert_int_equal(facts.holes, 0);
}

static void a_union_has_no_holes(void **state) {
    (void)state;
    struct mete__layout_facts facts = FACTS(METE__TYPE_UNION, 8, BYTES(0, 5), BYTES(0, 1));

    assert_int_equal(facts.holes, 0);
    assert_int_equal(facts.tail_padding, 3);
}

static void lines_are_counted_and_crossings_found(void **state) {
    (void)state;
    struct mete__layout_facts facts =
        FACTS(METE__TYPE_STRUCT, 130, BYTES(0, 60), BYTES(60, 8), BYTES(68, 62));

    assert_int_equal(facts.lines, 3);
    assert_int_equal(facts.straddling, 2);
    assert_int_equal(FACTS(METE__TYPE_STRUCT, 64, BYTES(0, 64)).straddling, 0);
    assert_int_equal(FACTS(METE__TYPE_STRUCT, 200, BYTES(0, 200)).straddling, 0);
}

static void what_an_incomplete_member_takes_is_no_hole(void **state) {
    (void)state;
    struct mete__layout_facts facts =
        FACTS(METE__TYPE_CLASS, 24, {.type = "base", .align = 1, .flags = METE__MEMBER_INCOMPLETE},
              BYTES(16, 4));

    assert_int_equal(facts.holes, 0);
    assert_int_equal(facts.tail_padding, 4);
}

static void overlapping_members_leave_nothing(void **state) {
    (void)state;
    /* A derived class puts members into its base's tail padding. */
    struct mete__layout_facts facts = FACTS(METE__TYPE_CLASS, 8, BYTES(0, 8), BYTES(5, 1));

    assert_int_equal(facts.holes, 0);
    assert_int_equal(facts.hole_bytes, 0);
}

static void absurd_places_are_survived(void **state) {
    (void)state;
    struct mete__layout_facts facts =
        FACTS(METE__TYPE_STRUCT, UINT64_MAX, BYTES(UINT64_MAX, UINT64_MAX), BYTES(0, 1),
              BITS(UINT64_MAX, 8, 511, 512));

    assert_true(facts.lines > 0);
}

static void gaps_lie_before_members(void **state) {
    (void)state;
    const struct mete__member members[] = {BYTES(4, 1), BYTES(8, 8)};
    struct mete__type *type = make(METE__TYPE_STRUCT, 16, members, 2);
    struct mete__layout_gap gaps[2];

    mete__layout_facts_gaps(type, gaps);
    assert_int_equal(gaps[0].bytes, 4);
    assert_int_equal(gaps[1].bytes, 3);
    free(type);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_between_members_are_a_hole),
        cmocka_unit_test(bits_to_the_end_of_their_storage_are_a_bit_hole),
        cmocka_unit_test(bits_left_at_the_end_are_tail_padding),
        cmocka_unit_test(a_forced_boundary_is_a_bit_hole),
        cmocka_unit_test(a_union_has_no_holes),
        cmocka_unit_test(lines_are_counted_and_crossings_found),
        cmocka_unit_test(what_an_incomplete_member_takes_is_no_hole),
        cmocka_unit_test(overlapping_members_leave_nothing),
        cmocka_unit_test(absurd_places_are_survived),
        cmocka_unit_test(gaps_lie_before_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
