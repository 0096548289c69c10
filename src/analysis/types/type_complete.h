/*
 * analysis/types/type_complete.h - members of which only another unit says how large they are.
 *
 * gcc describes a C++ class that has virtual functions only in the unit that has its table; all
 * others declare it, and so do not say the size of a member or a base of that class. But classes
 * of one name are one class in all of a program (ISO C++17, 6.2 [basic.def.odr]), so where
 * the file describes just one of that name, it is this one. Not thread-safe.
 */
#ifndef METE_ANALYSIS_TYPES_TYPE_COMPLETE_H
#define METE_ANALYSIS_TYPES_TYPE_COMPLETE_H

#include <stdbool.h>

#include "analysis/types/type_table.h"

/* Keeps in the table what types with such members are when these are known. `*replaced` says of
 * each type that was in the table, by its number, whether another one now stands in its place: the
 * caller's, to be freed. -ENOMEM. */
int mete__type_complete(struct mete__type_table *table, bool **replaced);

#endif
