/*
 * analysis/blocks/definition_table.h - where a module defines a struct that a unit only declares,
 * and what others begin with.
 *
 * A name, in C++ with its scopes, stands for one type in all units that share a pointer to it;
 * where two units define different ones of a name, as those of C may, it is not known which a third
 * means. gcc describes a class with virtual functions in one unit alone.
 */
#ifndef METE_ANALYSIS_BLOCKS_DEFINITION_TABLE_H
#define METE_ANALYSIS_BLOCKS_DEFINITION_TABLE_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>

#include "analysis/debug_types/type_name.h"
#include "base/compiler.h"

/* Zero-initialised it is empty. */
struct mete__definition_table {
    struct mete__names *names;
    struct mete__type_namer *namer; /* for the scopes of C++ */
    void *definitions;              /* tsearch tree, by kind and name */
    void *starts;                   /* the same of what others of a size begin with */
};

/* Reads the structs, unions and classes that units define; what is defined in functions is no
 * definition for others, but may begin with one. -ENOMEM: there are fewer. */
METE_MUST_USE int mete__definition_table_read(struct mete__definition_table *table,
                                              Dwfl_Module *module);
void mete__definition_table_free(struct mete__definition_table *table);

/* Replaces a declaration, also a typedef of one, by its definition. False: it is none, or there is
 * no definition, or more than one. */
bool mete__definition_table_complete(const struct mete__definition_table *table, Dwarf_Die *type);

/* What a pointer to a type may point to as well: it begins with such an object and is as large. */
enum mete__start_kin {
    METE__START_OF_CLASS = 1 << 0,  /* a class that is derived from it */
    METE__START_OF_MEMBER = 1 << 1, /* something whose first member is one */
};

/* Those of the module that there are; 0: none. */
unsigned int mete__definition_table_starts(const struct mete__definition_table *table,
                                           Dwarf_Die *type);

/* What begins with an object of a type and has so many bytes: how many there are, where more than
 * one is two, and which it is where it is one. */
unsigned int mete__definition_table_heirs(const struct mete__definition_table *table,
                                          Dwarf_Die *type, uint64_t bytes, Dwarf_Die *heir);

#endif
