/*
 * analysis/debug_types/dwarf_aggregate.h - makes the type of a struct, union or class from its DIE.
 *
 * What lies inside it by value is made first, to any depth that C allows; a circle, which it does
 * not, is cut.
 */
#ifndef METE_ANALYSIS_DWARF_AGGREGATE_H
#define METE_ANALYSIS_DWARF_AGGREGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/debug_types/dwarf_type.h"
#include "analysis/debug_types/dwarf_unit.h"
#include "analysis/debug_types/source_files.h"
#include "analysis/names.h"
#include "analysis/types/type_table.h"

#define METE__DWARF_AGGREGATE_NAMES 2048 /* a power of two */

/* A member's name as the file has it, and as it is kept. */
struct mete__dwarf_aggregate_name {
    const char *raw, *kept;
};

/* Begins with the first six set and the rest 0. */
struct mete__dwarf_aggregate_reader {
    struct mete__names *names;
    struct mete__type_table *table;
    struct mete__dwarf_type_cache *cache; /* told of the unit already */
    struct mete__source_files *files;
    struct mete__dwarf_unit unit; /* read already */
    uint32_t unit_number;         /* what new types say of it */
    bool is_big_endian;
    uint16_t type_flags;   /* of all types of the unit: CXX or FOREIGN */
    uint64_t variant_size; /* of what the type read next is a variant of, as a whole; 0: of none */
    bool in_packed;        /* what is read next is a member of something packed */
    struct mete__member *members; /* of the types that are being made, one behind the other */
    size_t member_count, member_capacity;
    /* Names met before, by where the file has them: every unit has the same again. */
    struct mete__dwarf_aggregate_name names_met[METE__DWARF_AGGREGATE_NAMES];
};

/* The type of what the unit found, kept in the table. NULL: memory ran out, or it lies within
 * itself; `*status` says which: -ENOMEM or 0. */
const struct mete__type *mete__dwarf_aggregate_read(struct mete__dwarf_aggregate_reader *reader,
                                                    struct mete__dwarf_found *found, int *status);

/* Frees what the reader made itself: not the table, the cache, the unit or the names. */
void mete__dwarf_aggregate_free(struct mete__dwarf_aggregate_reader *reader);

#endif
