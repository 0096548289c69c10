/*
 * analysis/layout/layout_proof.h - whether a compiler agrees with a computed layout.
 *
 * The types are written as C, every member as a stand-in of the same size and alignment (bit-fields
 * as integers), with static assertions of sizes and offsets, and given to the compiler that made
 * the program, found in PATH; nothing is linked or run. Of the flags that the program's debug data
 * name, only known ones that change layouts are used: the data are not trusted.
 */
#ifndef METE_ANALYSIS_LAYOUT_LAYOUT_PROOF_H
#define METE_ANALYSIS_LAYOUT_LAYOUT_PROOF_H

#include <stddef.h>

#include "analysis/types/type.h"

enum mete__layout_proof {
    METE__LAYOUT_PROOF_NONE,   /* nothing was proven: no compiler for this is here */
    METE__LAYOUT_PROOF_HOLDS,  /* the compiler agrees */
    METE__LAYOUT_PROOF_FAILED, /* it does not */
    METE__LAYOUT_PROOF_LATE,   /* the compiler has not answered in time */
};

/* Asks about types of one producer (DW_AT_producer; NULL: any compiler will do) and machine (EM_).
 * `proofs` has an entry for each. `*compiler` is the one that was asked ("gcc", "clang",
 * "aarch64-linux-gnu-gcc"), a constant. 0, or -ETIMEDOUT where it has not answered. */
int mete__layout_proof_find(const struct mete__type *const *types, size_t count,
                            const char *producer, int machine, enum mete__layout_proof *proofs,
                            const char **compiler);

#endif
