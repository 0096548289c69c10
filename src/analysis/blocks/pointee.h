/*
 * analysis/blocks/pointee.h - what pointers point to, by DWARF's types.
 *
 * The DWARF is not trusted: chains and nesting are bounded.
 */
#ifndef METE_ANALYSIS_BLOCKS_POINTEE_H
#define METE_ANALYSIS_BLOCKS_POINTEE_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The type that `die` (a variable, a member, a function: what has DW_AT_type, also by way of its
 * origin) has. False: none, as void functions do. */
bool mete__pointee_type_of(Dwarf_Die *die, Dwarf_Die *type);

/* What pointers and references of this type point to, without const and its like, but with the
 * typedef's name where it has one. False: it is no pointer, or one to void or to functions. */
bool mete__pointee_of(Dwarf_Die *type, Dwarf_Die *pointee);

/* A scalar at the bottom of structs, unions and arrays. */
struct mete__pointee_member {
    Dwarf_Die type;
    const char *name; /* the innermost member's, or NULL */
};

#define METE__POINTEE_MEMBERS_MAX 8

/* What lies `offset` bytes into an object of this type; beyond its end another such object follows.
 * How many: of a union's members all that are pointers, each to something else, or one that is none
 * if there are no such; 0 where nothing begins there. */
size_t mete__pointee_members(Dwarf_Die *type, int64_t offset,
                             struct mete__pointee_member found[METE__POINTEE_MEMBERS_MAX]);

/* The element of the one array among the members of a struct, and of those inside of it, whose
 * elements are pointers and `bytes` long; the type itself may be such an array. False: there is
 * none, or more than one. */
bool mete__pointee_element(Dwarf_Die *type, uint64_t bytes, struct mete__pointee_member *element);

#endif
