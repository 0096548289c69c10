/*
 * analysis/dwarf/dwarf_join.h - .dwo files that libdw cannot read, made one package in memory.
 *
 * gcc puts each type unit into a section of its own, and of a .dwo file's sections of one name
 * libdw reads one. So what a packager does (dwp; DWARF 5, 7.3.5) is done here: sections of one name
 * one behind the other, an index of the units, and offsets into the joint strings. Units of types
 * that several files have are kept once. The files are not trusted.
 */
#ifndef METE_ANALYSIS_DWARF_DWARF_JOIN_H
#define METE_ANALYSIS_DWARF_DWARF_JOIN_H

#include <elfutils/libdw.h>

#include "analysis/dwarf/dwarf_package.h"

/* Joins those of the program's .dwo files that are so; `directory` is as in dwo_file.h. 0; -ENOENT
 * where none is, or they are of more than a gigabyte; -ENOMEM. */
int mete__dwarf_join(Dwarf *dwarf, const char *directory, struct mete__dwarf_package **out);

#endif
