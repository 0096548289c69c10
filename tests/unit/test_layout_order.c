/*
 * analysis/layout/layout_order.h: no order of small structs is smaller than the one found, and what
 * cannot be reordered is left alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "analysis/layout/layout_facts.h"
#include "analysis/layout/layout_order.h"

#define MEMBERS_MOST 7

/* A type with room for its members. */
struct sample {
    _Alignas(struct mete__type) char bytes[sizeof(struct mete__type) +
                                           MEMBERS_MOST * sizeof(struct mete__member)];
};

static struct mete__type *type_of(const struct sample *sample) {
    return (struct mete__type *)(void *)sample->bytes;
}

static const struct mete__layout_order_options plain = {.line = METE__LAYOUT_LINE};
static const struct mete__layout_order_options size_only = {.line = METE__LAYOUT_LINE,
                                                            .size_only = true};

static void begin(struct sample *sample) {
    memset(sample, 0, sizeof *sample);
    type_of(sample)->name = "struct sample";
    type_of(sample)->align = 1;
}

static struct mete__member *last_of(struct sample *sample) {
    return &type_of(sample)->members[type_of(sample)->member_count - 1];
}

/* Puts another member behind those there are, as compilers do. */
static void add(struct sample *sample, const char *name, uint64_t size, uint32_t align) {
    uint64_t end = 0;

    if (type_of(sample)->member_count != 0) end = last_of(sample)->offset + last_of(sample)->size;
    type_of(sample)->members[type_of(sample)->member_count++] =
        (struct mete__member){.name = name,
                              .type = "t",
                              .offset = (end + align - 1) / align * align,
                              .size = size,
                              .align = align};
    if (align > type_of(sample)->align) type_of(sample)->align = align;
    end = last_of(sample)->offset + size;
    type_of(sample)->size =
        (end + type_of(sample)->align - 1) / type_of(sample)->align * type_of(sample)->align;
}

struct piece {
    const char *name; /* NULL: the end */
    uint64_t size;
    uint32_t align;
};

/* A type of these members, each {"name", size, align}. */
#define SAMPLE(...) sample_of((const struct piece[]){__VA_ARGS__, {0}})
static struct sample sample_of(const struct piece *pieces) {
    struct sample sample;

    begin(&sample);
    for (; pieces->name != NULL; pieces++) add(&sample, pieces->name, pieces->size, pieces->align);
    return sample;
}

static struct mete__layout_order order_of(const struct sample *sample,
                                          const struct mete__layout_order_options *options) {
    struct mete__layout_order order;

    assert_int_equal(mete__layout_order_find(type_of(sample), options, &order), 0);
    return order;
}

/* The size of the smallest order of the members not in `used`, behind `end`. */
static uint64_t smallest(const struct sample *sample, uint32_t used, uint64_t end) {
    uint64_t least = UINT64_MAX;

    if (used + 1 == 1u << type_of(sample)->member_count) {
        uint64_t align = type_of(sample)->align;
        return (end + align - 1) / align * align;
    }
    for (uint32_t i = 0; i < type_of(sample)->member_count; i++) {
        const struct mete__member *member = &type_of(sample)->members[i];
        if (used & 1u << i) continue;
        uint64_t at = (end + member->align - 1) / member->align * member->align;
        uint64_t size = smallest(sample, used | 1u << i, at + member->size);
        if (size < least) least = size;
    }
    return least;
}

static void no_order_is_smaller(void **state) {
    (void)state;
    for (unsigned seed = 0; seed < 400; seed++) {
        struct sample sample;
        unsigned random = seed * 2654435761u + 12345;
        begin(&sample);
        for (uint32_t count = 1 + seed % MEMBERS_MOST; count > 0; count--) {
            random = random * 1103515245u + 12345;
            uint32_t align = 1u << (random >> 16) % 5;
            add(&sample, "m", (uint64_t)align * (1 + (random >> 20) % 5), align);
        }
        struct mete__layout_order order = order_of(&sample, &plain);
        assert_null(order.refusal);
        assert_int_equal(order.size, smallest(&sample, 0, 0));
        struct mete__layout_order quick = order_of(&sample, &size_only);
        assert_int_equal(quick.size, order.size);
        mete__layout_order_free(&quick);
        assert_int_equal(order.count, type_of(&sample)->member_count);
        assert_true(order.is_better || order.size == type_of(&sample)->size);
        mete__layout_order_free(&order);
    }
}

/* The fewest crossings of the orders of that size of the members not in `used`, behind `end`. */
static uint32_t fewest(const struct sample *sample, uint64_t size, uint32_t used, uint64_t end,
                       uint32_t crossings) {
    uint64_t align = type_of(sample)->align;
    uint32_t least = UINT32_MAX;

    if ((end + align - 1) / align * align > size) return least;
    if (used + 1 == 1u << type_of(sample)->member_count) return crossings;
    for (uint32_t i = 0; i < type_of(sample)->member_count; i++) {
        struct mete__member member = type_of(sample)->members[i];
        if (used & 1u << i) continue;
        member.offset = (end + member.align - 1) / member.align * member.align;
        uint32_t found =
            fewest(sample, size, used | 1u << i, member.offset + member.size,
                   crossings + mete__layout_facts_straddles(&member, METE__LAYOUT_LINE));
        if (found < least) least = found;
    }
    return least;
}

static void no_order_of_that_size_has_fewer_crossings(void **state) {
    (void)state;
    static const struct piece pieces[] = {{"a", 12, 1}, {"b", 12, 4}, {"c", 2, 2},  {"d", 4, 4},
                                          {"e", 40, 1}, {"f", 40, 8}, {"g", 24, 8}, {"h", 8, 8},
                                          {"i", 5, 1},  {"j", 1, 1},  {"k", 16, 16}};

    for (unsigned seed = 0; seed < 400; seed++) {
        struct sample sample;
        unsigned random = seed * 2654435761u + 12345;
        begin(&sample);
        for (uint32_t count = MEMBERS_MOST; count > 0; count--) {
            random = random * 1103515245u + 12345;
            const struct piece *piece =
                &pieces[(random >> 16) % (sizeof pieces / sizeof pieces[0])];
            add(&sample, piece->name, piece->size, piece->align);
        }
        struct mete__layout_order order = order_of(&sample, &plain);
        assert_int_equal(order.straddling, fewest(&sample, order.size, 0, 0, 0));
        mete__layout_order_free(&order);
    }
}

static void the_new_type_is_what_was_promised(void **state) {
    (void)state;
    struct sample sample = SAMPLE({"a", 1, 1}, {"b", 8, 8}, {"c", 2, 2});
    struct mete__layout_order order = order_of(&sample, &plain);
    struct mete__type *type = mete__layout_order_apply(type_of(&sample), &order);
    struct mete__layout_facts facts;

    assert_non_null(type);
    assert_true(order.is_better);
    assert_int_equal(type->size, 16);
    assert_int_equal(order.size, 16);
    assert_string_equal(type->members[0].name, "b");
    mete__layout_facts_find(type, METE__LAYOUT_LINE, &facts);
    assert_int_equal(facts.holes, 0);
    free(type);
    mete__layout_order_free(&order);
}

static void a_good_order_is_left_alone(void **state) {
    (void)state;
    struct sample sample = SAMPLE({"a", 4, 4}, {"b", 8, 8});
    struct mete__layout_order order = order_of(&sample, &plain);

    assert_false(order.is_better);
    assert_int_equal(order.members[0], 0);
    mete__layout_order_free(&order);
}

static void hot_members_come_first(void **state) {
    (void)state;
    const char *const hot[] = {"c"};
    const struct mete__layout_order_options options = {
        .line = METE__LAYOUT_LINE, .hot = hot, .hot_count = 1};
    struct sample sample = SAMPLE({"a", 8, 8}, {"b", 4, 4}, {"c", 4, 4});
    struct mete__layout_order order = order_of(&sample, &options);

    assert_true(order.is_better);
    assert_int_equal(order.members[0], 2);
    mete__layout_order_free(&order);
}

static void a_head_stays_and_its_holes_are_filled(void **state) {
    (void)state;
    const struct mete__layout_order_options options = {.line = METE__LAYOUT_LINE, .head = 3};
    struct sample sample = SAMPLE({"a", 8, 8}, {"b", 4, 4}, {"c", 8, 8}, {"d", 8, 8}, {"e", 2, 2},
                                  {"f", 2, 2}); /* a hole of 4 is behind b */
    struct mete__layout_order order = order_of(&sample, &options);

    assert_true(order.is_better);
    assert_int_equal(order.size, 32);
    const uint32_t wanted[] = {0, 1, 4, 5, 2, 3};
    assert_memory_equal(order.members, wanted, sizeof wanted);
    mete__layout_order_free(&order);
}

static void what_would_move_a_head_does_not_come_before_its_end(void **state) {
    (void)state;
    const struct mete__layout_order_options options = {.line = METE__LAYOUT_LINE, .head = 2};
    struct sample sample = SAMPLE({"a", 1, 1}, {"b", 2, 2}, {"c", 8, 8}, {"d", 1, 1});
    struct mete__layout_order order = order_of(&sample, &options);
    struct mete__type *type = mete__layout_order_apply(type_of(&sample), &order);

    assert_non_null(type);
    assert_int_equal(order.size, 16);
    assert_string_equal(type->members[0].name, "a");
    assert_string_equal(type->members[1].name, "d");
    assert_string_equal(type->members[2].name, "b");
    assert_int_equal(type->members[2].offset, 2);
    free(type);
    mete__layout_order_free(&order);
}

static void a_hot_member_goes_before_a_head(void **state) {
    (void)state;
    const char *const hot[] = {"c"};
    const struct mete__layout_order_options options = {
        .line = METE__LAYOUT_LINE, .hot = hot, .hot_count = 1, .head = 2};
    struct sample sample = SAMPLE({"a", 8, 8}, {"b", 4, 4}, {"c", 4, 4});
    struct mete__layout_order order = order_of(&sample, &options);

    assert_int_equal(order.members[0], 2);
    mete__layout_order_free(&order);
}

static void members_leave_two_lines_where_that_is_free(void **state) {
    (void)state;
    struct sample sample = SAMPLE({"a", 40, 8}, {"b", 48, 8}, {"c", 24, 8}, {"d", 16, 8});
    struct mete__layout_order order = order_of(&sample, &plain);

    assert_true(order.is_better);
    assert_int_equal(order.size, 128);
    assert_int_equal(order.straddling, 0);
    mete__layout_order_free(&order);
}

static void bit_fields_stay_together(void **state) {
    (void)state;
    /* char a; int x:3, y:7; long b; char c; */
    struct sample sample = SAMPLE({"a", 1, 1});
    type_of(&sample)->members[1] = (struct mete__member){
        .name = "x", .type = "int", .size = 4, .align = 4, .bit_offset = 8, .bit_size = 3};
    type_of(&sample)->members[2] = (struct mete__member){
        .name = "y", .type = "int", .size = 4, .align = 4, .bit_offset = 11, .bit_size = 7};
    type_of(&sample)->member_count = 3;
    add(&sample, "b", 8, 8);
    add(&sample, "c", 1, 1);
    struct mete__layout_order order = order_of(&sample, &plain);

    assert_null(order.refusal);
    assert_true(order.is_better);
    assert_int_equal(order.size, 16);
    for (uint32_t i = 0; i < order.count; i++)
        if (order.members[i] == 1) assert_int_equal(order.members[i + 1], 2);
    mete__layout_order_free(&order);
}

static void a_flexible_array_stays_last(void **state) {
    (void)state;
    struct sample sample = SAMPLE({"a", 1, 1}, {"b", 8, 8}, {"c", 1, 1}, {"tail", 0, 8});
    type_of(&sample)->members[3].flags = METE__MEMBER_FLEXIBLE;
    struct mete__layout_order order = order_of(&sample, &plain);

    assert_int_equal(order.size, 16);
    assert_int_equal(order.members[3], 3);
    mete__layout_order_free(&order);
}

/* char data[1] and structs that end in such: what C did before it had flexible arrays. */
static void what_may_go_on_behind_the_end_stays_last(void **state) {
    (void)state;
    struct sample sample = SAMPLE({"a", 1, 1}, {"b", 8, 8}, {"c", 2, 2}, {"data", 1, 1});

    last_of(&sample)->flags = METE__MEMBER_ARRAY;
    last_of(&sample)->type = "char[1]";
    last_of(&sample)->name_at = 4;
    struct mete__layout_order order = order_of(&sample, &plain);
    assert_int_equal(order.size, 16);
    assert_int_equal(order.members[3], 3);
    mete__layout_order_free(&order);

    struct sample inner = SAMPLE({"length", 4, 4}, {"text", 0, 1});
    last_of(&inner)->flags = METE__MEMBER_FLEXIBLE;
    sample = SAMPLE({"a", 1, 1}, {"b", 8, 8}, {"c", 1, 1}, {"inner", 4, 4});
    last_of(&sample)->nested = type_of(&inner);
    order = order_of(&sample, &plain);
    assert_int_equal(order.size, 16);
    assert_int_equal(order.members[3], 3);
    mete__layout_order_free(&order);

    add(&sample, "behind", 8, 8); /* begins where the array does, or after it: nobody knows */
    order = order_of(&sample, &plain);
    assert_non_null(order.refusal);
    mete__layout_order_free(&order);
}

static void expect_refusal(const struct sample *sample) {
    struct mete__layout_order order = order_of(sample, &plain);

    assert_non_null(order.refusal);
    assert_null(order.members);
    mete__layout_order_free(&order);
}

static void what_is_not_safe_is_refused(void **state) {
    (void)state;
    static const uint16_t flags[] = {METE__TYPE_PACKED, METE__TYPE_BASES, METE__TYPE_VIRTUAL,
                                     METE__TYPE_FOREIGN};
    struct sample sample = SAMPLE({"a", 1, 1}, {"b", 8, 8});
    struct sample changed = sample;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        type_of(&changed)->flags = flags[i];
        expect_refusal(&changed);
    }
    changed = sample;
    type_of(&changed)->kind = METE__TYPE_UNION;
    expect_refusal(&changed);
    changed = sample;
    type_of(&changed)->file = "/usr/include/x.h";
    expect_refusal(&changed);
    changed = sample;
    type_of(&changed)->members[0].size = 0; /* marks a place */
    expect_refusal(&changed);
    changed = sample;
    type_of(&changed)->members[0].bit_size = 1; /* of storage that has no size */
    type_of(&changed)->members[0].size = 0;
    expect_refusal(&changed);
}

static void what_does_not_follow_the_abi_is_refused(void **state) {
    (void)state;
    struct sample sample = SAMPLE({"a", 1, 1}, {"b", 4, 4});
    type_of(&sample)->members[1].offset = 8; /* something unnamed is between them */
    type_of(&sample)->size = 12;
    expect_refusal(&sample);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_order_is_smaller),
        cmocka_unit_test(no_order_of_that_size_has_fewer_crossings),
        cmocka_unit_test(the_new_type_is_what_was_promised),
        cmocka_unit_test(a_good_order_is_left_alone),
        cmocka_unit_test(hot_members_come_first),
        cmocka_unit_test(a_head_stays_and_its_holes_are_filled),
        cmocka_unit_test(what_would_move_a_head_does_not_come_before_its_end),
        cmocka_unit_test(a_hot_member_goes_before_a_head),
        cmocka_unit_test(members_leave_two_lines_where_that_is_free),
        cmocka_unit_test(bit_fields_stay_together),
        cmocka_unit_test(a_flexible_array_stays_last),
        cmocka_unit_test(what_may_go_on_behind_the_end_stays_last),
        cmocka_unit_test(what_is_not_safe_is_refused),
        cmocka_unit_test(what_does_not_follow_the_abi_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
