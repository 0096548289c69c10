/*
 * analysis/types/type_unions.h - members that lie in a union where those of other alternatives do.
 *
 * A program may read through one alternative what it has stored through another: of structs the
 * members that they begin with alike (C11, 6.5.2.3), as the kind of a node, and of everything else
 * whatever bytes there are. So these members may not move, and unlike casts (type_heads.h) unions
 * are in the debug information.
 *
 * Not thread-safe while opened or closed.
 */
#ifndef METE_ANALYSIS_TYPES_TYPE_UNIONS_H
#define METE_ANALYSIS_TYPES_TYPE_UNIONS_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/types/type.h"

struct mete__type_unions;

/* Of the unions among these types and in them; they must outlive it. NULL where memory ran out. */
struct mete__type_unions *mete__type_unions_open(const struct mete__type *const *types,
                                                 size_t count);
void mete__type_unions_close(struct mete__type_unions *unions);

/* How many members the type begins with that may be read through something else in a union: the
 * most of any, which is `*of`. 0, `*of` untouched: none. */
uint32_t mete__type_unions_head(const struct mete__type_unions *unions,
                                const struct mete__type *type, const struct mete__type **of);

#endif
