/*
 * analysis/blocks/type_heirs.h - what begins with the type that a clue says: a pointer to a base
 * may lead to an object of any class that is derived from it, one to a struct to all structs that
 * begin with such a member.
 */
#ifndef METE_ANALYSIS_BLOCKS_TYPE_HEIRS_H
#define METE_ANALYSIS_BLOCKS_TYPE_HEIRS_H

#include "analysis/blocks/call_results.h"
#include "analysis/blocks/type_choice.h"

/* Where blocks all have one size, which is larger than the choice's struct: the one thing of that
 * size that begins with it takes its place; where there are several it is said to be what they
 * begin with. */
void mete__type_heirs_find(struct mete__type_choice *choice, struct mete__call_results *results,
                           const struct mete__sizes *sizes);

/* Notes whether the choice may be the beginning of something as large. A class with virtual
 * functions may be derived from in other modules. */
void mete__type_heirs_look(struct mete__type_choice *choice, struct mete__call_results *results);

#endif
