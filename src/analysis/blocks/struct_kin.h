/*
 * analysis/blocks/struct_kin.h - structs that begin with others, as C's way to derive them.
 */
#ifndef METE_ANALYSIS_BLOCKS_STRUCT_KIN_H
#define METE_ANALYSIS_BLOCKS_STRUCT_KIN_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

/* Both without typedefs and qualifiers. Units have types of their own, which names tell apart. */
bool mete__struct_kin_is_same(Dwarf_Die *a, Dwarf_Die *b);

/* Whether the first member, or an alternative of a union, is the other, or begins with it. */
bool mete__struct_kin_begins_with(Dwarf_Die *whole, Dwarf_Die *start);

/* Whether a class of C++ has a table of virtual functions, or bases that are virtual. */
bool mete__struct_kin_is_virtual(Dwarf_Die *class);

/* The struct that is its first member. False: it begins with something else. */
bool mete__struct_kin_start(Dwarf_Die *whole, Dwarf_Die *start);

/* Whether `offset` bytes into it a member of the other type begins, or an element of an array that
 * is one; at any depth. */
bool mete__struct_kin_has_at(Dwarf_Die *whole, uint64_t offset, Dwarf_Die *part);

#endif
