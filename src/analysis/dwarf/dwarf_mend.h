/*
 * analysis/dwarf/dwarf_mend.h - the way past units whose headers are damaged.
 *
 * libdw goes from header to header, and all units behind one that it does not understand are lost
 * to it. So before it reads, the headers of a file are looked at (unit_header.h); where one is
 * damaged, libdw is given a copy of the section in which the unit is an empty one. Where its length
 * cannot be true either, the next unit begins at the first byte from which headers follow each
 * other. Costs a look at each header, and memory only where something is damaged.
 *
 * Not thread-safe.
 */
#ifndef METE_ANALYSIS_DWARF_DWARF_MEND_H
#define METE_ANALYSIS_DWARF_DWARF_MEND_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>

struct mete__dwarf_mend;

/* Mends what libdw has opened, and has not read any units of. `*out` is NULL where nothing is
 * damaged. 0 or -ENOMEM. */
int mete__dwarf_mend_open(Dwarf *dwarf, struct mete__dwarf_mend **out);

/* After `dwarf` has come to its end: it reads the copy. NULL is fine. */
void mete__dwarf_mend_close(struct mete__dwarf_mend *mend);

struct mete__dwarf_mend_unit {
    Dwarf_Off offset; /* in its section */
    const char *name; /* NULL: it cannot be told; lives as long as `dwarf` */
};

/* The units that were mended, by number, those of types last. false: there are no more. */
bool mete__dwarf_mend_at(Dwarf *dwarf, size_t number, struct mete__dwarf_mend_unit *unit);

/* Whether a DIE is in such a unit. */
bool mete__dwarf_mend_is(const Dwarf_Die *die);

#endif
