/*
 * analysis/debug_types/type_name.h - the name of a type for people, wherever in the DWARF it is
 * met.
 *
 * It is the one that analysis/debug_types/dwarf_type.h gives it, seen from outside: a struct's own
 * name also where a typedef is used ("struct conn"), a typedef's where the struct has none, and in
 * C++ with its namespaces.
 */
#ifndef METE_ANALYSIS_TYPE_NAME_H
#define METE_ANALYSIS_TYPE_NAME_H

#include <elfutils/libdw.h>

#include "analysis/debug_types/dwarf_type.h"
#include "analysis/names.h"

/* Kept in `names`, which the cache is of, too; the cache forgets all else. NULL where memory ran
 * out. */
const char *mete__type_name_of(struct mete__dwarf_type_cache *cache, struct mete__names *names,
                               Dwarf_Die *type);

/* The scopes around a DIE of C++, from outside to inside: "ns::Class::", into a buffer of `size`
 * bytes, cut behind a whole one. Returns the length. */
size_t mete__type_name_scope(Dwarf_Die *die, char *text, size_t size);

#endif
