/*
 * analysis/blocks/global_table.h - which variable lies at an address of a module.
 */
#ifndef METE_ANALYSIS_BLOCKS_GLOBAL_TABLE_H
#define METE_ANALYSIS_BLOCKS_GLOBAL_TABLE_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/address_ranges.h"
#include "base/compiler.h"

/* Zero-initialised it is empty. */
struct mete__global_table {
    struct mete__global {
        Dwarf_Die variable;
        uint64_t address;
        uint64_t part; /* so many bytes into the variable: compilers may take them apart */
    } * globals;
    size_t count, capacity;
    struct mete__address_ranges ranges; /* of DWARF addresses */
};

/* The fixed address that an operation of a location stands for. False: it is no such. */
bool mete__global_table_address(Dwarf_Attribute *location, const Dwarf_Op *operation,
                                uint64_t *address);

/* Reads the variables with an address of all units, but those inside functions. -ENOMEM: there are
 * fewer. */
METE_MUST_USE int mete__global_table_read(struct mete__global_table *table, Dwfl_Module *module);
void mete__global_table_free(struct mete__global_table *table);

/* The variable that covers an address, and how many bytes into it that is. */
bool mete__global_table_find(const struct mete__global_table *table, uint64_t address,
                             Dwarf_Die *variable, uint64_t *offset);

#endif
