/*
 * analysis/types/type_table.h - the types of a file, equal ones once.
 *
 * Every compilation unit that includes a header describes its types again. Types are equal where
 * name, size, alignment and all members are; members' types count by their texts, and by their
 * contents where they lie inside. Where a type is declared does not count. Not thread-safe.
 */
#ifndef METE_ANALYSIS_TYPES_TYPE_TABLE_H
#define METE_ANALYSIS_TYPES_TYPE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/types/type.h"
#include "analysis/types/type_synonyms.h"

struct mete__type_table;

/* NULL where memory ran out. */
struct mete__type_table *mete__type_table_open(void);
/* Frees the types too. */
void mete__type_table_close(struct mete__type_table *table);

/* The kept type that equals `candidate` with these members, or a new one; one unit more defines it
 * where `counted`. `*is_new` says which it is: then the caller may set file, line and unit. NULL
 * where memory ran out. */
struct mete__type *mete__type_table_keep(struct mete__type_table *table,
                                         const struct mete__type *candidate,
                                         const struct mete__member *members, bool counted,
                                         bool *is_new);

/* Further names of the table's types, which go with it. */
struct mete__type_synonyms *mete__type_table_synonyms(struct mete__type_table *table);

/* All types, anonymous ones too, in the order in which they were first kept: numbers from 0. */
size_t mete__type_table_count(const struct mete__type_table *table);
const struct mete__type *mete__type_table_at(const struct mete__type_table *table, size_t number);

#endif
