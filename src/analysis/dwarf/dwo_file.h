/*
 * analysis/dwarf/dwo_file.h - what became of the .dwo file of a unit that -gsplit-dwarf took apart.
 */
#ifndef METE_ANALYSIS_DWARF_DWO_FILE_H
#define METE_ANALYSIS_DWARF_DWO_FILE_H

#include <elfutils/libdw.h>
#include <limits.h>
#include <stdbool.h>

enum mete__dwo_file_state {
    METE__DWO_FILE_MISSING,   /* it cannot be opened */
    METE__DWO_FILE_NO_FILE,   /* a directory, pipe or device is in its place */
    METE__DWO_FILE_SCATTERED, /* it has the unit, and several sections of units, of which libdw
                               * reads one: gcc puts each type unit in its own */
    METE__DWO_FILE_FOREIGN,   /* it does not have the unit: another build's, or damaged */
    METE__DWO_FILE_STATES
};

struct mete__dwo_file {
    char path[PATH_MAX]; /* where it is, or would be; "" where the skeleton does not say */
    int fd;              /* -1: it cannot be opened */
    Elf *elf;            /* or NULL */
};

/* Of a skeleton whose unit libdw does not find. `directory`: of the file that has the skeleton,
 * where libdw looks first, with a slash at its end; NULL: nowhere. `*file` is to be closed. */
enum mete__dwo_file_state mete__dwo_file_open(Dwarf_Die *skeleton, const char *directory,
                                              struct mete__dwo_file *file);
void mete__dwo_file_close(struct mete__dwo_file *file);

/* Whether a .dwo file that is open, or an object file, has sections of units that libdw does not
 * read. */
bool mete__dwo_file_is_scattered(Elf *elf);

#endif
