/*
 * analysis/types/type_heads.h - members that several structs begin with.
 *
 * C has no inheritance, so programs take a pointer to one struct for a pointer to another that
 * begins with the same members, as libxml2 does with its nodes. Debug information does not say
 * where; but where two structs have members of the same names in the same places from their start,
 * an edit had better leave these where they are.
 *
 * Not thread-safe while opened or closed.
 */
#ifndef METE_ANALYSIS_TYPES_TYPE_HEADS_H
#define METE_ANALYSIS_TYPES_TYPE_HEADS_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/types/type.h"

struct mete__type_heads;

/* Of these types, which must outlive it. NULL where memory ran out. */
struct mete__type_heads *mete__type_heads_open(const struct mete__type *const *types, size_t count);
void mete__type_heads_close(struct mete__type_heads *heads);

/* How many members the type begins with that a type of another name begins with, too: the most of
 * any, which is `*other`. 0, `*other` untouched, where it is fewer than two. */
uint32_t mete__type_heads_find(const struct mete__type_heads *heads, const struct mete__type *type,
                               const struct mete__type **other);

#endif
