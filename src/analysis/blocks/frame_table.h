/*
 * analysis/blocks/frame_table.h - where a function's frame is, by an object's .eh_frame: its
 * canonical frame address (CFA), as a register plus an offset.
 *
 * libdw would say that too, with the rules of all registers; but it makes room for whatever
 * register a damaged file names, gigabytes of it. Here nothing but the CFA is kept, and nothing is
 * allocated for what a file says. Addresses are the file's.
 */
#ifndef METE_ANALYSIS_BLOCKS_FRAME_TABLE_H
#define METE_ANALYSIS_BLOCKS_FRAME_TABLE_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/address_ranges.h"
#include "base/compiler.h"

/* Zero-initialised it is empty. It refers to the file's data. */
struct mete__frame_table {
    struct mete__frame_entry {
        uint64_t start;                     /* of its code */
        const uint8_t *common, *common_end; /* instructions of its CIE … */
        const uint8_t *own, *own_end;       /* … and its own */
        uint64_t code_factor;
        int64_t data_factor;
    } * entries;
    size_t count, capacity;
    struct mete__address_ranges ranges;
};

/* Reads .eh_frame; entries that are damaged or of unusual forms are left out. -ENOMEM. */
METE_MUST_USE int mete__frame_table_read(struct mete__frame_table *table, Elf *elf);
void mete__frame_table_free(struct mete__frame_table *table);

/* The CFA at an instruction. False: it is not known, or an expression. */
bool mete__frame_table_find(const struct mete__frame_table *table, uint64_t address,
                            uint64_t *number, int64_t *offset);

#endif
