#include "analysis/dwarf/unit_header.h"

#include <dwarf.h>
#include <errno.h>

uint64_t mete__unit_header_number(const uint8_t *at, size_t bytes, bool is_big_endian) {
    uint64_t number = 0;

    for (size_t i = 0; i < bytes; i++) number = number << 8 | at[is_big_endian ? i : bytes - 1 - i];
    return number;
}

void mete__unit_header_put(uint8_t *at, uint64_t number, size_t bytes, bool is_big_endian) {
    for (size_t i = 0; i < bytes; i++)
        at[is_big_endian ? bytes - 1 - i : i] = (uint8_t)(number >> (8 * i));
}

/* What is still to be read of a header. */
struct cursor {
    const struct mete__unit_section *section;
    size_t at, end;
    bool is_cut;
};

static uint64_t take(struct cursor *cursor, size_t bytes) {
    if (cursor->is_cut || cursor->end - cursor->at < bytes) {
        cursor->is_cut = true;
        return 0;
    }
    const uint8_t *from = cursor->section->data + cursor->at;
    cursor->at += bytes;
    return mete__unit_header_number(from, bytes, cursor->section->is_big_endian);
}

/* The length, of 4 bytes or, behind an escape, of 8; the cursor then ends with the unit. */
static void read_length(struct cursor *cursor, struct mete__unit_header *header) {
    uint64_t length = take(cursor, 4);

    header->offset_size = 4;
    if (length == 0xffffffff) {
        header->offset_size = 8;
        length = take(cursor, 8);
    } else if (length >= 0xfffffff0) { /* reserved */
        cursor->is_cut = true;
    }
    if (cursor->is_cut || length > cursor->end - cursor->at)
        cursor->is_cut = true;
    else
        cursor->end = cursor->at + (size_t)length;
}

static bool has_id(const struct mete__unit_header *header) {
    return header->type == DW_UT_type || header->type == DW_UT_split_type ||
           (header->version == 5 &&
            (header->type == DW_UT_skeleton || header->type == DW_UT_split_compile));
}

static void read_fields(struct cursor *cursor, struct mete__unit_header *header) {
    header->version = (uint16_t)take(cursor, 2);
    header->type = cursor->section->has_types ? DW_UT_type : DW_UT_compile;
    if (header->version == 5) {
        header->type = (uint8_t)take(cursor, 1);
        header->address_size = (uint8_t)take(cursor, 1);
        header->abbreviations = take(cursor, header->offset_size);
    } else {
        header->abbreviations = take(cursor, header->offset_size);
        header->address_size = (uint8_t)take(cursor, 1);
    }
    header->id = has_id(header) ? take(cursor, 8) : 0;
    if (header->type == DW_UT_type || header->type == DW_UT_split_type)
        (void)take(cursor, header->offset_size); /* where the type's DIE is */
}

static bool is_known(const struct mete__unit_section *section,
                     const struct mete__unit_header *header) {
    return header->version >= 2 && header->version <= 5 &&
           (!section->has_types || header->version == 4) && header->type >= DW_UT_compile &&
           header->type <= DW_UT_split_type &&
           (header->address_size == 2 || header->address_size == 4 || header->address_size == 8) &&
           header->abbreviations < section->abbreviations_size;
}

int mete__unit_header_read(const struct mete__unit_section *section, size_t at,
                           struct mete__unit_header *header) {
    struct cursor cursor = {.section = section, .at = at, .end = section->size};

    *header = (struct mete__unit_header){0};
    if (at >= section->size) return -ENODATA;
    read_length(&cursor, header);
    if (cursor.is_cut) return -EBADMSG;
    header->size = cursor.end - at;
    read_fields(&cursor, header);
    header->root = cursor.at - at;
    return cursor.is_cut || !is_known(section, header) ? -EBADMSG : 0;
}
