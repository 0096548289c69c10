/*
 * analysis/debug_types/type_name.h - the name of a type for people, wherever in the DWARF it is
 * met.
 *
 * It is the one that analysis/layout/layout_file.h lists it by: a struct's own name also where a
 * typedef is used ("struct conn"), a typedef's where the struct has none, and in C++ with its
 * namespaces, classes and functions. One without any, which is not listed there, is named by where
 * it is declared ("struct {...} at conn.c:12", "lambda at main.cc:7"). Not thread-safe.
 */
#ifndef METE_ANALYSIS_TYPE_NAME_H
#define METE_ANALYSIS_TYPE_NAME_H

#include <elfutils/libdw.h>

#include "analysis/names.h"

struct mete__type_namer;

/* Keeps names in `names`, which must outlive it. 0 or -ENOMEM. */
int mete__type_name_open(struct mete__names *names, struct mete__type_namer **out);
void mete__type_name_close(struct mete__type_namer *namer);

/* NULL where memory ran out. */
const char *mete__type_name_of(struct mete__type_namer *namer, Dwarf_Die *type);

/* The scopes around a DIE, from outside to inside: "ns::Class::". NULL: there are none, or the
 * language has none. */
const char *mete__type_name_scope(struct mete__type_namer *namer, Dwarf_Die *die);

#endif
