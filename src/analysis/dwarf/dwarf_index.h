/*
 * analysis/dwarf/dwarf_index.h - an index of a .dwp package: which unit has which parts of its
 * sections.
 *
 * A package is the .dwo files of a program in one. Each unit has a row, found by the unit's id (of
 * a compilation unit) or signature (of a type unit), and the row says which slice of each section
 * is the unit's. Of DWARF 5 (7.3.5, version 5) and of the GNU extension before it (version 2).
 *
 * The index is not trusted: whatever it says lies within it, but a slice may lie outside of its
 * section. Nothing is copied.
 */
#ifndef METE_ANALYSIS_DWARF_DWARF_INDEX_H
#define METE_ANALYSIS_DWARF_DWARF_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mete__dwarf_index_section {
    METE__DWARF_INDEX_INFO,
    METE__DWARF_INDEX_TYPES,
    METE__DWARF_INDEX_ABBREV,
    METE__DWARF_INDEX_LINE,
    METE__DWARF_INDEX_LOC,
    METE__DWARF_INDEX_LOCLISTS,
    METE__DWARF_INDEX_STR_OFFSETS,
    METE__DWARF_INDEX_RNGLISTS,
    METE__DWARF_INDEX_SECTIONS
};

/* Zero-initialised it has no units. */
struct mete__dwarf_index {
    const uint8_t *slots;   /* signatures of 8 bytes, then numbers of rows of 4, from 1 */
    const uint8_t *offsets; /* by row, then by column; the sizes follow in the same order */
    uint32_t slot_count;    /* a power of two, or 0 */
    uint32_t row_count, column_count;
    int column_of[METE__DWARF_INDEX_SECTIONS]; /* -1: none */
    bool is_big_endian;
};

/* The index in `data`, which must outlive it. -EBADMSG: it is damaged, or of a version that is not
 * known. */
int mete__dwarf_index_open(struct mete__dwarf_index *index, const void *data, size_t size,
                           bool is_big_endian);

/* The row of a unit. false: the package does not have it. */
bool mete__dwarf_index_find(const struct mete__dwarf_index *index, uint64_t signature,
                            uint32_t *row);

/* What a slot, which is below slot_count, holds. false: nothing. */
bool mete__dwarf_index_at(const struct mete__dwarf_index *index, uint32_t slot, uint64_t *signature,
                          uint32_t *row);

/* A row's slice of a section, in bytes. false: it has none. */
bool mete__dwarf_index_slice(const struct mete__dwarf_index *index, uint32_t row,
                             enum mete__dwarf_index_section section, uint32_t *offset,
                             uint32_t *size);

/* A number of the package, in its byte order. `bytes` is at most 8. */
uint64_t mete__dwarf_index_number(const struct mete__dwarf_index *index, const uint8_t *at,
                                  size_t bytes);

#endif
