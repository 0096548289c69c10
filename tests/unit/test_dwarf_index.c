/*
 * analysis/dwarf/dwarf_index.h: both versions of the index, in both byte orders, and what is
 * damaged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/dwarf/dwarf_index.h"

enum { SLOTS = 4, COLUMNS = 2, ROWS = 2 };

#define NUMBERS_AT (16 + SLOTS * 12)
#define BYTES      (NUMBERS_AT + COLUMNS * 4 + ROWS * COLUMNS * 8)

/* Two signatures that want the same slot: the second is found by the second probe. */
#define FIRST  UINT64_C(0x0000000100000001)
#define SECOND UINT64_C(0x0000000200000001)

static void put(uint8_t *at, uint64_t number, size_t bytes, bool is_big_endian) {
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)(number >> 8 * (is_big_endian ? bytes - 1 - i : i));
}

static void put_words(uint8_t *at, const uint32_t *words, size_t count, bool is_big_endian) {
    for (size_t i = 0; i < count; i++) put(at + 4 * i, words[i], 4, is_big_endian);
}

/* A block of exactly the index's size, so that a sanitizer sees what is read past its end. */
static uint8_t *make(bool is_gnu, bool is_big_endian) {
    const uint32_t counts[] = {COLUMNS, ROWS, SLOTS}, rows[SLOTS] = {0, 1, 0, 0};
    const uint32_t cells[] = {1, 3, /* offsets */ 0, 10, 100, 30, /* sizes */ 100, 20, 50, 0};
    uint8_t *index = calloc(1, BYTES);

    assert_non_null(index);
    put(index, is_gnu ? 2 : 5, is_gnu ? 4 : 2, is_big_endian);
    put_words(index + 4, counts, 3, is_big_endian);
    put(index + 16 + 8, FIRST, 8, is_big_endian);
    put_words(index + 16 + SLOTS * 8, rows, SLOTS, is_big_endian);
    /* The step of SECOND is (2 & 3) | 1: from slot 1 to slot 0. */
    put(index + 16, SECOND, 8, is_big_endian);
    put(index + 16 + SLOTS * 8, 2, 4, is_big_endian);
    put_words(index + NUMBERS_AT, cells, sizeof cells / sizeof cells[0], is_big_endian);
    return index;
}

static void units_are_found_with_their_slices(void **state) {
    (void)state;
    for (int form = 0; form < 4; form++) {
        struct mete__dwarf_index index;
        uint32_t row, offset, size;
        uint8_t *data = make((form & 1) != 0, (form & 2) != 0);

        assert_int_equal(mete__dwarf_index_open(&index, data, BYTES, (form & 2) != 0), 0);
        assert_true(mete__dwarf_index_find(&index, FIRST, &row));
        assert_int_equal(row, 0);
        assert_true(mete__dwarf_index_find(&index, SECOND, &row));
        assert_int_equal(row, 1);
        assert_false(mete__dwarf_index_find(&index, FIRST + 1, &row));
        assert_true(mete__dwarf_index_slice(&index, 1, METE__DWARF_INDEX_INFO, &offset, &size));
        assert_int_equal(offset, 100);
        assert_int_equal(size, 50);
        assert_true(mete__dwarf_index_slice(&index, 0, METE__DWARF_INDEX_ABBREV, &offset, &size));
        assert_int_equal(offset, 10);
        assert_int_equal(size, 20);
        /* Of no bytes; of no column. */
        assert_false(mete__dwarf_index_slice(&index, 1, METE__DWARF_INDEX_ABBREV, &offset, &size));
        assert_false(mete__dwarf_index_slice(&index, 0, METE__DWARF_INDEX_LINE, &offset, &size));
        free(data);
    }
}

static void a_cut_index_is_damaged(void **state) {
    struct mete__dwarf_index index;
    uint8_t *data = make(false, false);

    (void)state;
    for (size_t size = 0; size < BYTES; size++) {
        uint8_t *cut = malloc(size + 1);
        assert_non_null(cut);
        memcpy(cut, data, size);
        assert_int_equal(mete__dwarf_index_open(&index, cut, size, false), -EBADMSG);
        free(cut);
    }
    free(data);
}

static void counts_that_lie_are_damage(void **state) {
    static const struct {
        size_t at;
        uint32_t value;
    } lies[] = {{0, 3},          {4, 0},  {4, 17}, {4, UINT32_MAX},        {8, 3},
                {8, UINT32_MAX}, {12, 3}, {12, 8}, {12, UINT32_C(1) << 31}};
    struct mete__dwarf_index index;

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        uint8_t *data = make(false, false);
        put(data + lies[i].at, lies[i].value, 4, false);
        assert_int_equal(mete__dwarf_index_open(&index, data, BYTES, false), -EBADMSG);
        free(data);
    }
}

static void a_full_table_ends_a_search(void **state) {
    const uint32_t rows[SLOTS] = {2, 1, 1, 1};
    struct mete__dwarf_index index;
    uint32_t row;
    uint8_t *data = make(false, false);

    (void)state;
    put_words(data + 16 + SLOTS * 8, rows, SLOTS, false);
    assert_int_equal(mete__dwarf_index_open(&index, data, BYTES, false), 0);
    assert_false(mete__dwarf_index_find(&index, 77, &row));
    /* A row that there is none of is no row. */
    put(data + 16 + SLOTS * 8 + 4, ROWS + 1, 4, false);
    assert_false(mete__dwarf_index_find(&index, FIRST, &row));
    free(data);
}

static void an_index_of_nothing_has_nothing(void **state) {
    struct mete__dwarf_index index;
    uint32_t row;
    uint8_t *data = make(false, false);

    (void)state;
    memset(data + 4, 0, 12);
    assert_int_equal(mete__dwarf_index_open(&index, data, 16, false), 0);
    assert_false(mete__dwarf_index_find(&index, FIRST, &row));
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_are_found_with_their_slices),
        cmocka_unit_test(a_cut_index_is_damaged),
        cmocka_unit_test(counts_that_lie_are_damage),
        cmocka_unit_test(a_full_table_ends_a_search),
        cmocka_unit_test(an_index_of_nothing_has_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
