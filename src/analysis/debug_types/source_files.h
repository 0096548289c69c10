/*
 * analysis/debug_types/source_files.h - the source files that a compilation unit names, by number.
 *
 * libdw makes every row of a unit's line table before it tells the name of a file: of sqlite3.c
 * these are 17 MB for a few names. The names stand in the table's header (DWARF 5, 6.2.4; as DWARF
 * 2 has them, 6.2.4 there), which is read here alone. Where it is not where most units have it, or
 * not as it should be, libdw is asked after all.
 *
 * Paths are those of libdw: joined with the directory that the table has for them, which may be
 * relative, and not made shorter. Not thread-safe.
 */
#ifndef METE_ANALYSIS_SOURCE_FILES_H
#define METE_ANALYSIS_SOURCE_FILES_H

#include <elfutils/libdw.h>
#include <stdint.h>

#include "analysis/names.h"

struct mete__source_files;

/* Paths are kept in `names`. NULL where memory ran out. */
struct mete__source_files *mete__source_files_open(struct mete__names *names);
void mete__source_files_close(struct mete__source_files *files);

/* The path of a file by the number that DW_AT_decl_file has in this unit. NULL: it has none, or
 * memory ran out. */
const char *mete__source_files_path(struct mete__source_files *files, Dwarf_Die *unit,
                                    uint64_t number);

#endif
