/*
 * analysis/dwarf/unit_header.h - what a unit of DWARF 2 to 5 begins with (DWARF 5, 7.5.1).
 *
 * libdw reads these headers itself, one after the other, and stops for ever at one that it does not
 * understand. So whoever wants what lies behind reads them here. The section is not trusted.
 */
#ifndef METE_ANALYSIS_DWARF_UNIT_HEADER_H
#define METE_ANALYSIS_DWARF_UNIT_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The shortest header, of DWARF 2 to 4 with offsets of 4 bytes. */
#define METE__UNIT_HEADER_LEAST ((size_t)11)

/* Where units are. */
struct mete__unit_section {
    const uint8_t *data;
    size_t size;
    size_t abbreviations_size; /* of the section that offsets of abbreviations lead into */
    bool is_big_endian;
    bool has_types; /* .debug_types of DWARF 4, whose units are of types */
};

struct mete__unit_header {
    size_t size;            /* bytes of the unit, with its header */
    size_t root;            /* where its first DIE is, from the unit's start */
    uint64_t abbreviations; /* where they are in their section */
    uint64_t id;            /* a type's signature, a split unit's id of DWARF 5; else 0 */
    uint16_t version;
    uint8_t type; /* DW_UT_; before DWARF 5, which says it, compile or type */
    uint8_t address_size, offset_size;
};

/* The header at `at`, which is at most the section's size. 0; -ENODATA: the section ends here;
 * -EBADMSG: it is damaged, or of a form that is not known: then `size` is where the next unit would
 * begin, or 0 where that is not in the section either, and the rest is undefined. */
int mete__unit_header_read(const struct mete__unit_section *section, size_t at,
                           struct mete__unit_header *header);

/* A number of so many bytes, at most 8, in a file's byte order; and writing one. */
uint64_t mete__unit_header_number(const uint8_t *at, size_t bytes, bool is_big_endian);
void mete__unit_header_put(uint8_t *at, uint64_t number, size_t bytes, bool is_big_endian);

#endif
