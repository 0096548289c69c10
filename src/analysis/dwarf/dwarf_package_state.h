/*
 * analysis/dwarf/dwarf_package_state.h - what a package is made of: of dwarf_package.c, which reads
 * it, and dwarf_join.c, which makes one.
 */
#ifndef METE_ANALYSIS_DWARF_DWARF_PACKAGE_STATE_H
#define METE_ANALYSIS_DWARF_DWARF_PACKAGE_STATE_H

#include <gelf.h>

#include "analysis/dwarf/dwarf_package.h"

/* The sections of an image, in order. */
enum mete__dwarf_package_section {
    /* sliced: numbered as in the index */
    METE__DWARF_PACKAGE_STR = METE__DWARF_INDEX_SECTIONS, /* whole: it is shared by all units */
    METE__DWARF_PACKAGE_ADDR,                             /* from here on the program's */
    METE__DWARF_PACKAGE_RANGES,
    METE__DWARF_PACKAGE_SECTIONS
};

#define METE__DWARF_PACKAGE_OWN        METE__DWARF_PACKAGE_ADDR /* so many are the package's own */
#define METE__DWARF_PACKAGE_NAME_BYTES 24

extern const char mete__dwarf_package_names[METE__DWARF_PACKAGE_SECTIONS]
                                           [METE__DWARF_PACKAGE_NAME_BYTES];

/* A file of sections of one byte each, until libelf is told better. It is one of 64 bits for
 * programs of 32 too: libdw takes the size of addresses from the units. */
struct mete__dwarf_package_image {
    Elf64_Ehdr header;
    Elf64_Shdr
        sections[METE__DWARF_PACKAGE_SECTIONS + 2]; /* number 0 is none, the last one names */
    char names[METE__DWARF_PACKAGE_SECTIONS][METE__DWARF_PACKAGE_NAME_BYTES];
};

struct mete__dwarf_package {
    int fd;
    Elf *elf;                            /* NULL: it was made in memory */
    struct mete__dwarf_index indexes[2]; /* by kind */
    struct mete__dwarf_package_part sections[METE__DWARF_PACKAGE_OWN];
    struct mete__dwarf_package_image image; /* of every unit */
    void *made[METE__DWARF_PACKAGE_OWN];    /* what `sections` points to, where it was */
    uint8_t *made_indexes[2];
    size_t lost_count; /* units that were not understood when it was made, at least */
};

/* As files for the machine of `header` have it. */
void mete__dwarf_package_make_image(struct mete__dwarf_package_image *image,
                                    const GElf_Ehdr *header);
/* What a section holds, uncompressed. */
struct mete__dwarf_package_part mete__dwarf_package_part_of(Elf_Scn *section,
                                                            const GElf_Shdr *header);

#endif
