/*
 * analysis/blocks/stated_types.h - what a program itself says that its blocks are.
 *
 * METE_ALLOC and its like name the type, and the profile has it by stack (METE_SECTION_TYPES). No
 * debugging information is needed for that.
 */
#ifndef METE_ANALYSIS_BLOCKS_STATED_TYPES_H
#define METE_ANALYSIS_BLOCKS_STATED_TYPES_H

#include <stdint.h>

#include "base/compiler.h"
#include "profile/reader.h"

struct mete__stated_types;

/* The profile must outlive the types. -ENOMEM. */
METE_MUST_USE int mete__stated_types_open(const struct mete__profile *profile,
                                          struct mete__stated_types **out);
void mete__stated_types_close(struct mete__stated_types *types);

/* What was said of the blocks of a stack; NULL where nothing was, or different things were. */
const struct mete_profile_type *mete__stated_types_find(const struct mete__stated_types *types,
                                                        uint32_t stack);

#endif
