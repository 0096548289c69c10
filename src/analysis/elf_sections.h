/*
 * analysis/elf_sections.h - the sections of an ELF file that have a name, one after the other.
 *
 *     struct mete__elf_sections at = {.elf = elf};
 *     while (mete__elf_sections_next(&at))
 *         if (strcmp(at.name, ".eh_frame") == 0) …
 *
 * The file is not trusted: a section whose header or name cannot be read is passed over.
 */
#ifndef METE_ANALYSIS_ELF_SECTIONS_H
#define METE_ANALYSIS_ELF_SECTIONS_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>

struct mete__elf_sections {
    Elf *elf;
    Elf_Scn *section; /* NULL: before the first */
    const char *name; /* of it; libelf's */
    GElf_Shdr header; /* of it */
    size_t names;     /* the number of the section that has the names */
};

/* false: there is no other. */
bool mete__elf_sections_next(struct mete__elf_sections *at);

#endif
