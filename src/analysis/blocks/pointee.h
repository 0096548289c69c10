/*
 * analysis/blocks/pointee.h - what pointers point to, by DWARF's types.
 *
 * The DWARF is not trusted: chains and nesting are bounded.
 */
#ifndef METE_ANALYSIS_BLOCKS_POINTEE_H
#define METE_ANALYSIS_BLOCKS_POINTEE_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

/* The type that `die` (a variable, a member, a function: what has DW_AT_type, also by way of its
 * origin) has. False: none, as void functions do. */
bool mete__pointee_type_of(Dwarf_Die *die, Dwarf_Die *type);

/* What pointers and references of this type point to, without const and its like, but with the
 * typedef's name where it has one. False: it is no pointer, or one to void or to functions. */
bool mete__pointee_of(Dwarf_Die *type, Dwarf_Die *pointee);

/* What lies `offset` bytes into an object of this type, at the bottom of all structs and arrays
 * there: a scalar. Beyond its end another such object follows. Of a union's members one that is a
 * pointer to something is taken. `name` is the innermost member's, or NULL. False: nothing begins
 * there. */
bool mete__pointee_member(Dwarf_Die *type, int64_t offset, Dwarf_Die *member, const char **name);

/* The element of the one array among the members of a struct, and of those inside of it, whose
 * elements are pointers and `bytes` long; the type itself may be such an array. False: there is
 * none, or more than one. */
bool mete__pointee_element(Dwarf_Die *type, uint64_t bytes, Dwarf_Die *element, const char **name);

#endif
