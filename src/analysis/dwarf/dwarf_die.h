/*
 * analysis/dwarf/dwarf_die.h - small questions about DWARF entries, asked in many places.
 *
 * Nothing here trusts the DWARF: what cannot be read is not there.
 */
#ifndef METE_ANALYSIS_DWARF_DWARF_DIE_H
#define METE_ANALYSIS_DWARF_DWARF_DIE_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* const, volatile and their kin */
bool mete__dwarf_die_is_qualifier(int tag);
/* struct, union, class */
bool mete__dwarf_die_is_aggregate(int tag);
/* What may be described in a type unit of its own, and elsewhere be a declaration with that unit's
 * signature: aggregates and enums. */
bool mete__dwarf_die_has_signature(int tag);
/* pointers, references, pointers to members */
bool mete__dwarf_die_is_pointer(int tag);

/* Whether a language, of dwarf_srclang, is C: its tags have keywords and it has no scopes. It is
 * where none is said. */
bool mete__dwarf_die_is_c(int language);

/* The name; NULL: none, or an empty one. */
const char *mete__dwarf_die_name(Dwarf_Die *die);

/* The DIE that an attribute refers to. */
bool mete__dwarf_die_follow(Dwarf_Die *die, unsigned int attribute, Dwarf_Die *to);
/* A constant. */
bool mete__dwarf_die_number(Dwarf_Die *die, unsigned int attribute, uint64_t *number);

/* The type that a type stands for: without typedefs and qualifiers; a declaration with a signature
 * is resolved. false: void, or unreadable. */
bool mete__dwarf_die_peel(Dwarf_Die *type, Dwarf_Die *bare);

/* Whether a function of that name in a class is a constructor of it: each has its class's name, but
 * for the arguments of a template. */
bool mete__dwarf_die_constructs(const char *function, Dwarf_Die *class);

/* The dimensions of an array as C writes them, "[4][]", and the number of all elements. false: some
 * dimension has no length. */
bool mete__dwarf_die_dimensions(Dwarf_Die *array, char *text, size_t size, uint64_t *elements);

/* The bytes of an object of a type, wherever the type's parts are described. false: it has no size
 * that is known. */
bool mete__dwarf_die_size(Dwarf_Die *type, uint64_t *size);

#endif
