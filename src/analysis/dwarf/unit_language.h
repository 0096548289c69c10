/*
 * analysis/dwarf/unit_language.h - the language of a unit, also where the unit does not say it.
 *
 * dwz moves what several units have into units of their own, which say no language: it is that of
 * the units that import them (DWARF 5, 3.1.1 and 3.2.5). Debian's debug packages are so. Not
 * thread-safe.
 */
#ifndef METE_ANALYSIS_DWARF_UNIT_LANGUAGE_H
#define METE_ANALYSIS_DWARF_UNIT_LANGUAGE_H

#include <elfutils/libdw.h>

struct mete__unit_languages;

/* Prepares to look at the imports of a file, and of the supplement that dwz has given it: which is
 * done when it is first asked for. 0 or -ENOMEM. */
int mete__unit_language_open(Dwarf *dwarf, struct mete__unit_languages **out);

/* NULL is fine. */
void mete__unit_language_close(struct mete__unit_languages *languages);

/* DW_LANG_ of a unit by its root. -1: neither it nor who imports it says any, or its file is not
 * open here. */
int mete__unit_language_of(Dwarf_Die *root);

#endif
