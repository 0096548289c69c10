/*
 * analysis/dwarf/dwarf_gather.h - the units of an object or .dwo file that are in sections of their
 * own.
 *
 * With -fdebug-types-section compilers put each type unit into a section of its own, of which the
 * linker keeps one for all object files. In an object file libdw reads one section of a name. So
 * it is given them as one, and opens the file a second time: the other sections are shared by all
 * units, and libdwfl has applied the relocations of each. The file is not trusted.
 *
 * Not thread-safe.
 */
#ifndef METE_ANALYSIS_DWARF_DWARF_GATHER_H
#define METE_ANALYSIS_DWARF_DWARF_GATHER_H

#include <elfutils/libdw.h>
#include <stdbool.h>

struct mete__dwarf_gather;

/* Gathers the units of what libdwfl has opened. `*out` is NULL where there is nothing to gather, or
 * it is more than a gigabyte. 0 or -ENOMEM. */
int mete__dwarf_gather_open(Dwarf *dwarf, struct mete__dwarf_gather **out);

/* What has all units; lives as long. */
Dwarf *mete__dwarf_gather_dwarf(const struct mete__dwarf_gather *gather);

/* Before libdwfl has come to its end, whose file it is. NULL is fine. */
void mete__dwarf_gather_close(struct mete__dwarf_gather *gather);

/* Whether it is one that has all units. */
bool mete__dwarf_gather_is(Dwarf *dwarf);

#endif
