/*
 * analysis/dwarf/dwo_file.h - what became of the .dwo file of a unit that -gsplit-dwarf took apart.
 */
#ifndef METE_ANALYSIS_DWARF_DWO_FILE_H
#define METE_ANALYSIS_DWARF_DWO_FILE_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>

enum mete__dwo_file_state {
    METE__DWO_FILE_MISSING,   /* it cannot be opened */
    METE__DWO_FILE_SCATTERED, /* it has the unit, and several sections of units, of which libdw
                               * reads one: gcc puts each type unit in its own */
    METE__DWO_FILE_FOREIGN,   /* it does not have the unit: another build's, or damaged */
    METE__DWO_FILE_STATES
};

/* Of a skeleton whose unit libdw does not find. `path`: where the file is, or would be; "" where
 * the skeleton does not say. */
enum mete__dwo_file_state mete__dwo_file_state(Dwarf_Die *skeleton, char *path, size_t path_size);

/* Whether a .dwo file that is open, or an object file, has sections of units that libdw does not
 * read. */
bool mete__dwo_file_is_scattered(Elf *elf);

#endif
