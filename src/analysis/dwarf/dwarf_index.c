#include "analysis/dwarf/dwarf_index.h"

#include <errno.h>
#include <string.h>

#include "analysis/dwarf/unit_header.h"

#define HEADER_BYTES 16
#define COLUMNS_MAX  16 /* the format knows 8 */

/* The number of a section in the index, from 1, by version; 0: none. */
static const uint8_t section_numbers[METE__DWARF_INDEX_SECTIONS][2] = {
    /*                            GNU, 5 */
    [METE__DWARF_INDEX_INFO] = {1, 1},        [METE__DWARF_INDEX_TYPES] = {2, 0},
    [METE__DWARF_INDEX_ABBREV] = {3, 3},      [METE__DWARF_INDEX_LINE] = {4, 4},
    [METE__DWARF_INDEX_LOC] = {5, 0},         [METE__DWARF_INDEX_LOCLISTS] = {0, 5},
    [METE__DWARF_INDEX_STR_OFFSETS] = {6, 6}, [METE__DWARF_INDEX_RNGLISTS] = {0, 8},
};

uint64_t mete__dwarf_index_number(const struct mete__dwarf_index *index, const uint8_t *at,
                                  size_t bytes) {
    return mete__unit_header_number(at, bytes, index->is_big_endian);
}

static uint32_t word_at(const struct mete__dwarf_index *index, const uint8_t *at) {
    return (uint32_t)mete__dwarf_index_number(index, at, 4);
}

static void read_columns(struct mete__dwarf_index *index, const uint8_t *numbers, bool is_gnu) {
    for (size_t i = 0; i < METE__DWARF_INDEX_SECTIONS; i++) index->column_of[i] = -1;
    for (uint32_t i = 0; i < index->column_count; i++) {
        uint32_t number = word_at(index, numbers + 4 * (size_t)i);
        for (size_t j = 0; j < METE__DWARF_INDEX_SECTIONS; j++)
            if (number != 0 && section_numbers[j][is_gnu ? 0 : 1] == number)
                index->column_of[j] = (int)i;
    }
}

int mete__dwarf_index_open(struct mete__dwarf_index *index, const void *data, size_t size,
                           bool is_big_endian) {
    struct mete__dwarf_index made = {.is_big_endian = is_big_endian};
    const uint8_t *bytes = data;

    if (size < HEADER_BYTES) return -EBADMSG;
    /* The version has two bytes and two of padding, where it had four. */
    bool is_gnu = word_at(&made, bytes) == 2;
    if (!is_gnu && mete__dwarf_index_number(&made, bytes, 2) != 5) return -EBADMSG;
    made.column_count = word_at(&made, bytes + 4);
    made.row_count = word_at(&made, bytes + 8);
    made.slot_count = word_at(&made, bytes + 12);
    bool is_empty = made.row_count == 0 && made.slot_count == 0;
    if ((made.column_count == 0 && !is_empty) || made.column_count > COLUMNS_MAX ||
        (made.slot_count & (made.slot_count - 1)) != 0)
        return -EBADMSG;
    /* None of these overflows: the counts are below 2^32, the columns few. */
    uint64_t numbers = HEADER_BYTES + UINT64_C(12) * made.slot_count;
    uint64_t offsets = numbers + UINT64_C(4) * made.column_count;
    if (offsets + UINT64_C(8) * made.column_count * made.row_count > size) return -EBADMSG;
    made.slots = bytes + HEADER_BYTES;
    made.offsets = bytes + offsets;
    read_columns(&made, bytes + numbers, is_gnu);
    *index = made;
    return 0;
}

bool mete__dwarf_index_at(const struct mete__dwarf_index *index, uint32_t slot, uint64_t *signature,
                          uint32_t *row) {
    const uint8_t *rows = index->slots + 8 * (size_t)index->slot_count;
    uint32_t number = word_at(index, rows + 4 * (size_t)slot);

    if (number == 0 || number > index->row_count) return false;
    *signature = mete__dwarf_index_number(index, index->slots + 8 * (size_t)slot, 8);
    *row = number - 1;
    return true;
}

bool mete__dwarf_index_find(const struct mete__dwarf_index *index, uint64_t signature,
                            uint32_t *row) {
    uint32_t mask = index->slot_count - 1;
    uint32_t slot = (uint32_t)signature & mask;
    uint32_t step = ((uint32_t)(signature >> 32) & mask) | 1;
    uint64_t found;

    for (uint32_t i = 0; i < index->slot_count; i++, slot = (slot + step) & mask) {
        if (!mete__dwarf_index_at(index, slot, &found, row)) return false;
        if (found == signature) return true;
    }
    return false;
}

bool mete__dwarf_index_slice(const struct mete__dwarf_index *index, uint32_t row,
                             enum mete__dwarf_index_section section, uint32_t *offset,
                             uint32_t *size) {
    int column = index->column_of[section];
    size_t cells = (size_t)index->row_count * index->column_count;

    if (column < 0) return false;
    const uint8_t *at = index->offsets + 4 * ((size_t)row * index->column_count + (size_t)column);
    *offset = word_at(index, at);
    *size = word_at(index, at + 4 * cells);
    return *size != 0;
}
