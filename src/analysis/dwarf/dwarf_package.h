/*
 * analysis/dwarf/dwarf_package.h - a .dwp package, unit by unit.
 *
 * libdw 0.188 knows .dwo files but no packages. Here each unit of one becomes a .dwo file in
 * memory: an ELF image of a few hundred bytes, the same for all, whose sections libelf is told to
 * be the unit's slices of the package. Nothing is copied, so a unit costs what libdw needs for it.
 *
 * Two things of a .dwo file are elsewhere, with the skeleton that the program has of it: the
 * addresses, which are given to the unit as a section of its own, and the base of its ranges, which
 * is the caller's matter. The package is not trusted. Not thread-safe.
 */
#ifndef METE_ANALYSIS_DWARF_DWARF_PACKAGE_H
#define METE_ANALYSIS_DWARF_DWARF_PACKAGE_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/dwarf/dwarf_index.h"

struct mete__dwarf_package;

enum mete__dwarf_package_kind {
    METE__DWARF_PACKAGE_UNIT, /* of .debug_cu_index */
    METE__DWARF_PACKAGE_TYPE  /* of .debug_tu_index */
};

/* Bytes that a unit finds in a section. */
struct mete__dwarf_package_part {
    const void *data;
    size_t size; /* 0: it has none */
};

/* What the program has of a unit, from where its skeleton says. Zero-initialised: nothing. */
struct mete__dwarf_package_rest {
    struct mete__dwarf_package_part addr, ranges;
};

struct mete__dwarf_package_unit {
    Dwarf *dwarf; /* a .dwo file's, with this unit alone */
    Elf *elf;
    Dwarf_Die root;
    struct mete__dwarf_package_part info; /* where its DIEs are */
    struct mete__dwarf_package_part rnglists;
    bool has_files; /* names of its own, else those of the skeleton */
};

/* 0, -ENOENT where there is no regular file or it is no package, -EBADMSG where its index is
 * damaged, -ENOMEM. */
int mete__dwarf_package_open(const char *path, struct mete__dwarf_package **out);
void mete__dwarf_package_close(struct mete__dwarf_package *package);

/* Units of its files that it does not have, being damaged: so many at least. */
size_t mete__dwarf_package_lost(const struct mete__dwarf_package *package);

const struct mete__dwarf_index *mete__dwarf_package_index(const struct mete__dwarf_package *package,
                                                          enum mete__dwarf_package_kind kind);

/* The unit of a row. What `rest` points to must outlive it. 0, -EBADMSG, -ENOMEM. */
int mete__dwarf_package_read(const struct mete__dwarf_package *package,
                             enum mete__dwarf_package_kind kind, uint32_t row,
                             const struct mete__dwarf_package_rest *rest,
                             struct mete__dwarf_package_unit *unit);
void mete__dwarf_package_free(struct mete__dwarf_package_unit *unit);

#endif
