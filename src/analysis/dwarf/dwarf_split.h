/*
 * analysis/dwarf/dwarf_split.h - what -gsplit-dwarf took apart, put together again.
 *
 * The program keeps a skeleton of each unit; the rest is in a .dwo file, which libdw finds, or in a
 * .dwp package beside the program, which is opened here. The questions that libdw answers for .dwo
 * files only (where is the unit, what are its ranges, which type has this signature) are asked
 * through this file; for units that are nowhere else than in the program it answers as libdw does.
 *
 * A package is found by its program's Dwarf while it is open; so those who only have a DIE need not
 * know of it. Not thread-safe, in all: the open packages are one list.
 */
#ifndef METE_ANALYSIS_DWARF_DWARF_SPLIT_H
#define METE_ANALYSIS_DWARF_DWARF_SPLIT_H

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/dwarf/dwarf_package.h"
#include "analysis/dwarf/dwo_file.h"

struct mete__dwarf_split;

/* Looks for the package of a program: FILE.dwp, where FILE is the program, what it is a link to, or
 * `debug`, its separate debug file; then in `debug_directory`. Both may be NULL. To be closed
 * before `dwarf` is, which is the program's or the debug file's. 0 or -ENOMEM. */
int mete__dwarf_split_open(Dwarf *dwarf, const char *program, const char *debug,
                           const char *debug_directory, struct mete__dwarf_split **out);
/* The same for the program of a module; `dwarf` may be NULL. */
int mete__dwarf_split_open_module(Dwfl_Module *module, Dwarf *dwarf, const char *debug_directory,
                                  struct mete__dwarf_split **out);
void mete__dwarf_split_close(struct mete__dwarf_split *split);
/* Opens a package without its program. `*dwarf`, which lives as long as it does, stands for the
 * program's: it is one of its units. 0, -ENOENT: it is no package, or none that has a unit that can
 * be read; -ENOMEM. */
int mete__dwarf_split_open_whole(const char *path, struct mete__dwarf_split **out, Dwarf **dwarf);

/* The package that is open for a program's Dwarf; NULL: it has none. */
struct mete__dwarf_split *mete__dwarf_split_of(Dwarf *dwarf);

/* The path of the package where its index is damaged, so that it has no units; else NULL. */
const char *mete__dwarf_split_damaged(const struct mete__dwarf_split *split);
/* Units of the .dwo files or of the package that are damaged beyond being told apart. */
size_t mete__dwarf_split_lost(const struct mete__dwarf_split *split);
/* Whether it was opened without its program. */
bool mete__dwarf_split_is_whole(const struct mete__dwarf_split *split);

/* The units of the package by number, and the root of one. false: it cannot be read. */
uint32_t mete__dwarf_split_count(const struct mete__dwarf_split *split,
                                 enum mete__dwarf_package_kind kind);
bool mete__dwarf_split_at(struct mete__dwarf_split *split, enum mete__dwarf_package_kind kind,
                          uint32_t number, Dwarf_Die *root);
/* Frees what libdw keeps of the units, if it has grown to much. true: it has, and their DIEs are
 * invalid. */
bool mete__dwarf_split_trim(struct mete__dwarf_split *split);

/* The root of the whole unit of a skeleton, or of any other unit itself. false: it is a skeleton,
 * and the rest is not there. */
bool mete__dwarf_split_unit(Dwarf_Die *skeleton, Dwarf_Die *unit);
/* What became of the .dwo file of a skeleton, where that is false; `path` is as in dwo_file.h. */
enum mete__dwo_file_state mete__dwarf_split_file(Dwarf_Die *skeleton, char *path, size_t path_size);
/* The way back, to the root that has the unit's lines. */
Dwarf_Die mete__dwarf_split_skeleton(const Dwarf_Die *unit);

/* The unit that names the files which a unit has by number: its skeleton, where a package has none.
 * `*is_packaged`: it is the package that has them; may be NULL. */
Dwarf_Die mete__dwarf_split_files(const Dwarf_Die *unit, bool *is_packaged);
/* dwarf_ranges() */
ptrdiff_t mete__dwarf_split_ranges(Dwarf_Die *die, ptrdiff_t next, Dwarf_Addr *base,
                                   Dwarf_Addr *low, Dwarf_Addr *high);
/* dwarf_formref_die(), as bool */
bool mete__dwarf_split_follow(Dwarf_Attribute *attribute, Dwarf_Die *to);

#endif
