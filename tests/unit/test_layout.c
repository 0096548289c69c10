/* layout/layout.c and mete/layout.h: arithmetic against an oracle, constants, and the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <mete/layout.h>

#include "support/oracle.h"

/* --- At compile time */

struct conn {
    char state;
    struct conn *next;
    int port;
    char name[6];
};
#define CONN_MEMBERS state, next, port, name

struct message {
    uint64_t id;
    uint16_t count;
    uint16_t items[];
};

METE_ASSERT_LAYOUT(struct conn, 32, 8, 13, CONN_MEMBERS);
_Static_assert(METE_LAYOUT_PADDING(struct conn, CONN_MEMBERS) == 13, "1 to 8, and 26 to 32");
_Static_assert(METE_LAYOUT_PADDED(13, 8) == 16 && METE_LAYOUT_PADDING_FOR(16, 8) == 0, "rounding");
_Static_assert(METE_LAYOUT_IS_VALID(METE_SIZE_MAX, 1) && !METE_LAYOUT_IS_VALID(METE_SIZE_MAX, 2),
               "L2");
_Static_assert(METE_COUNT_ARGUMENTS(CONN_MEMBERS) == 4, "the list is one argument that is four");

static char aligned[3] __attribute__((aligned(64)));
static const mete_layout of_type = METE_LAYOUT_OF(struct conn);
static const mete_layout of_object = METE_LAYOUT_OF_EXPRESSION(aligned);
static const mete_layout of_array = METE_LAYOUT_OF_ARRAY(struct conn, 3);
static const mete_layout of_message = METE_LAYOUT_OF_FLEXIBLE(struct message, items, 7);
static const mete_layout of_short_message = METE_LAYOUT_OF_FLEXIBLE(struct message, items, 1);

static void assert_layout(mete_layout layout, size_t size, size_t align) {
    /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): static compound literals confuse it */
    assert_int_equal(layout.size, size);
    assert_int_equal(layout.align, align);
}

static void types_and_objects_have_layouts_in_static_storage(void **state) {
    (void)state;

    assert_layout(of_type, 32, 8);
    assert_layout(of_object, sizeof aligned, 64);
    assert_int_equal((uintptr_t)aligned % 64, 0);
    assert_layout(of_array, 96, 8);
    assert_layout(of_message, 24, 8);
    assert_layout(of_short_message, sizeof(struct message), 8);
}

/* --- Against the oracle: every combination of sizes and alignments at which something changes */

enum { MOST_EDGES = 512 };

struct edges {
    size_t at[MOST_EDGES];
    size_t count;
};

static void add_edge(struct edges *edges, size_t value) {
    for (size_t i = 0; i < edges->count; i++)
        if (edges->at[i] == value) return;
    assert_in_range(edges->count, 0, MOST_EDGES - 1);
    edges->at[edges->count++] = value;
}

/* 0 to 9, and the neighbours of every `step`th power of two, PTRDIFF_MAX and SIZE_MAX among them.
 */
static struct edges edges_by(unsigned step) {
    struct edges edges = {.count = 0};
    for (size_t value = 0; value < 10; value++) add_edge(&edges, value);
    for (unsigned bit = 3; bit < 64; bit += step) {
        size_t power = (size_t)1 << bit;
        add_edge(&edges, power - 1);
        add_edge(&edges, power);
        add_edge(&edges, power + 1);
        add_edge(&edges, (size_t)0 - power);
    }
    add_edge(&edges, METE_SIZE_MAX);
    add_edge(&edges, METE_SIZE_MAX - 1);
    add_edge(&edges, SIZE_MAX);
    return edges;
}

static void fail_at(const char *what, size_t a, size_t b, size_t c, size_t d) {
    fail_msg("%s disagrees with the oracle at %zu %zu %zu %zu", what, a, b, c, d);
}

static void make_pad_align_and_repeat_agree_with_the_oracle(void **state) {
    struct edges edges = edges_by(1), numbers = edges_by(2);
    (void)state;

    for (size_t i = 0; i < edges.count; i++) {
        for (size_t j = 0; j < edges.count; j++) {
            size_t size = edges.at[i], align = edges.at[j];
            mete_layout layout = {size, align};
            if (!oracle_agrees_on_one(size, align)) fail_at("make", size, align, 0, 0);
            if (j % 3 != 0 && !mete_layout_is_valid(layout)) continue; /* all refuse these alike */
            for (size_t k = 0; k < numbers.count; k++) {
                size_t n = numbers.at[k];
                if (!oracle_agrees_on_align(layout, n)) fail_at("align_to", size, align, n, 0);
                if (!oracle_agrees_on_repeat(layout, n)) fail_at("repeat", size, align, n, 0);
            }
        }
    }
}

static void extend_agrees_with_the_oracle(void **state) {
    struct edges edges = edges_by(5);
    (void)state;

    for (size_t i = 0; i < edges.count; i++)
        for (size_t j = 0; j < edges.count; j++)
            for (size_t k = 0; k < edges.count; k++)
                for (size_t l = 0; l < edges.count; l++) {
                    mete_layout first = {edges.at[i], edges.at[j]};
                    mete_layout next = {edges.at[k], edges.at[l]};
                    if (!oracle_agrees_on_extend(first, next))
                        fail_at("extend", first.size, first.align, next.size, next.align);
                }
}

static void flexible_agrees_with_the_oracle(void **state) {
    struct edges edges = edges_by(5);
    (void)state;

    for (size_t i = 0; i < edges.count; i++)
        for (size_t j = 0; j < edges.count; j++)
            for (size_t k = 0; k < edges.count; k++)
                for (size_t l = 0; l < edges.count; l++) {
                    size_t size = edges.at[i], offset = edges.at[j];
                    mete_layout header = {size, (size_t)1 << k % 64};
                    if (!oracle_agrees_on_flexible(header, offset, edges.at[k], edges.at[l]))
                        fail_at("flexible", size, offset, edges.at[k], edges.at[l]);
                }
}

/* --- By hand: what the rules mean for real types */

static void extending_member_by_member_builds_the_struct_of_the_compiler(void **state) {
    mete_layout layout = {0, 1};
    size_t offset = 0;
    (void)state;

    assert_int_equal(mete_layout_extend(layout, METE_LAYOUT_OF(char), &layout, &offset), 0);
    assert_int_equal(offset, offsetof(struct conn, state));
    assert_int_equal(mete_layout_extend(layout, METE_LAYOUT_OF(void *), &layout, &offset), 0);
    assert_int_equal(offset, offsetof(struct conn, next));
    assert_int_equal(mete_layout_extend(layout, METE_LAYOUT_OF(int), &layout, &offset), 0);
    assert_int_equal(offset, offsetof(struct conn, port));
    assert_int_equal(mete_layout_extend(layout, METE_LAYOUT_OF(char[6]), &layout, NULL), 0);
    assert_layout(layout, 26, 8);
    assert_layout(mete_layout_pad(layout), sizeof(struct conn), 8);
}

static void fields_are_laid_out_as_in_a_struct(void **state) {
    const mete_layout fields[] = {METE_LAYOUT_OF(char), METE_LAYOUT_OF(void *), METE_LAYOUT_OF(int),
                                  METE_LAYOUT_OF(char[6])};
    mete_layout out, several[2] = {{3, 1}, {8, 8}};
    size_t offsets[4];
    (void)state;

    assert_int_equal(mete_layout_fields(fields, 4, &out, offsets), 0);
    assert_layout(out, sizeof(struct conn), 8);
    assert_int_equal(offsets[0], 0);
    assert_int_equal(offsets[1], offsetof(struct conn, next));
    assert_int_equal(offsets[2], offsetof(struct conn, port));
    assert_int_equal(offsets[3], offsetof(struct conn, name));
    assert_int_equal(mete_layout_fields(NULL, 0, &out, NULL), 0);
    assert_layout(out, 0, 1);
    assert_int_equal(mete_layout_fields(several, 2, &several[0], offsets), 0); /* over its input */
    assert_layout(several[0], 16, 8);
    assert_int_equal(offsets[1], 8);
}

static void fields_that_fail_touch_nothing(void **state) {
    const mete_layout huge[] = {{16, 16}, {METE_SIZE_MAX - 8, 1}};
    const mete_layout wrong[] = {{16, 16}, {16, 12}};
    mete_layout out = {111, 222};
    size_t offsets[2] = {333, 444};
    (void)state;

    assert_int_equal(mete_layout_fields(huge, 2, &out, offsets), -EOVERFLOW);
    assert_int_equal(mete_layout_fields(wrong, 2, &out, offsets), -EINVAL);
    assert_layout(out, 111, 222);
    assert_int_equal(offsets[0], 333);
    assert_int_equal(offsets[1], 444);
}

static void array_rejects_overflow(void **state) {
    mete_layout out = {111, 222};
    (void)state;
    assert_int_equal(mete_layout_array(METE_LAYOUT_OF(int), SIZE_MAX / 4, &out), -EOVERFLOW);
    assert_int_equal(mete_layout_array(METE_LAYOUT_OF(int), SIZE_MAX / 4 + 2, &out), -EOVERFLOW);
    assert_layout(out, 111, 222);
    assert_int_equal(mete_layout_array(METE_LAYOUT_OF(int), METE_SIZE_MAX / 4, &out), 0);
}

static void flexible_structs_are_never_smaller_than_their_header(void **state) {
    mete_layout out = {111, 222};
    (void)state;
    assert_int_equal(METE_LAYOUT_FLEXIBLE(struct message, items, 0, &out), 0);
    assert_layout(out, sizeof(struct message), 8);
    assert_int_equal(METE_LAYOUT_FLEXIBLE(struct message, items, 4, &out), 0);
    assert_layout(out, 18, 8);
    assert_int_equal(METE_LAYOUT_FLEXIBLE(struct message, items, SIZE_MAX / 2, &out), -EOVERFLOW);
    assert_int_equal(mete_layout_flexible(METE_LAYOUT_OF(struct message), 17, 1, 1, &out), -EINVAL);
}

/* --- The table */

METE_LAYOUT_TABLE(conn_table, struct conn, CONN_MEMBERS);

static const char conn_text[] = "struct conn: size 32, align 8, padding 13\n"
                                "  offset    size   align  member\n"
                                "       0       1       1  state\n"
                                "       1       7          (padding)\n"
                                "       8       8       8  next\n"
                                "      16       4       4  port\n"
                                "      20       6       1  name\n"
                                "      26       6          (padding)\n";

static void table_shows_members_and_the_padding_between_them(void **state) {
    char text[METE_LAYOUT_TEXT_SIZE(struct conn, CONN_MEMBERS)];
    (void)state;
    assert_int_equal(mete_layout_describe(&conn_table, text, sizeof text), strlen(conn_text));
    assert_string_equal(text, conn_text);
}

static void table_is_by_offset_and_counts_what_is_not_in_it_as_padding(void **state) {
    METE_LAYOUT_TABLE(partial, struct conn, name, next);
    char text[512];
    (void)state;
    mete_layout_describe(&partial, text, sizeof text);
    assert_non_null(strstr(text, "align 8, padding 18\n"));
    assert_non_null(strstr(text, "       8       8       8  next\n"
                                 "      16       4          (padding)\n"
                                 "      20       6       1  name\n"));
}

static void members_that_overlap_have_no_padding_between_them(void **state) {
    union number {
        uint64_t whole;
        uint8_t bytes[8];
        uint16_t low;
    };
    METE_LAYOUT_TABLE(table, union number, low, bytes, whole);
    char text[512];
    (void)state;
    mete_layout_describe(&table, text, sizeof text);
    assert_string_equal(text, "union number: size 8, align 8, padding 0\n"
                              "  offset    size   align  member\n"
                              "       0       2       2  low\n"
                              "       0       8       1  bytes\n"
                              "       0       8       8  whole\n");
}

static void table_that_does_not_fit_is_cut_and_says_how_long_it_is(void **state) {
    char text[sizeof conn_text + 1];
    (void)state;
    for (size_t capacity = 0; capacity <= sizeof conn_text; capacity++) {
        memset(text, '#', sizeof text);
        assert_int_equal(mete_layout_describe(&conn_table, text, capacity), strlen(conn_text));
        if (capacity > 0) {
            assert_int_equal(strlen(text), capacity - 1);
            assert_memory_equal(text, conn_text, capacity - 1);
        }
        assert_int_equal(text[capacity], '#');
    }
    assert_int_equal(mete_layout_describe(&conn_table, NULL, 0), strlen(conn_text));
}

static void print_writes_the_table_to_a_stream(void **state) {
    char text[512] = "";
    FILE *file = fmemopen(text, sizeof text, "w");
    (void)state;
    assert_non_null(file);
    METE_LAYOUT_PRINT(file, struct conn, CONN_MEMBERS);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, conn_text);
}

/* The longest lines there can be: every member a gap and 20 digits. */
static void text_size_is_enough_for_any_table(void **state) {
    struct {
        char a, b;
    } type;
    static const mete_layout_member members[] = {{"a", 1ull << 62, 1ull << 61, 1ull << 60},
                                                 {"b", 7ull << 61, 1ull << 61, 1ull << 63}};
    const mete_layout_type table = {"type", SIZE_MAX, SIZE_MAX, members, 2};
    (void)state;
    (void)type;
    assert_in_range(mete_layout_describe(&table, NULL, 0), 100,
                    METE_LAYOUT_TEXT_SIZE(type, a, b) - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_and_objects_have_layouts_in_static_storage),
        cmocka_unit_test(make_pad_align_and_repeat_agree_with_the_oracle),
        cmocka_unit_test(extend_agrees_with_the_oracle),
        cmocka_unit_test(flexible_agrees_with_the_oracle),
        cmocka_unit_test(extending_member_by_member_builds_the_struct_of_the_compiler),
        cmocka_unit_test(fields_are_laid_out_as_in_a_struct),
        cmocka_unit_test(fields_that_fail_touch_nothing),
        cmocka_unit_test(array_rejects_overflow),
        cmocka_unit_test(flexible_structs_are_never_smaller_than_their_header),
        cmocka_unit_test(table_shows_members_and_the_padding_between_them),
        cmocka_unit_test(table_is_by_offset_and_counts_what_is_not_in_it_as_padding),
        cmocka_unit_test(members_that_overlap_have_no_padding_between_them),
        cmocka_unit_test(table_that_does_not_fit_is_cut_and_says_how_long_it_is),
        cmocka_unit_test(print_writes_the_table_to_a_stream),
        cmocka_unit_test(text_size_is_enough_for_any_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
