/*
 * analysis/blocks/block_step.h - what one instruction does to what block_walk.h knows.
 */
#ifndef METE_ANALYSIS_BLOCKS_BLOCK_STEP_H
#define METE_ANALYSIS_BLOCKS_BLOCK_STEP_H

#include "analysis/blocks/block_walk.h"

/* False: there is no code, or what there is is no instruction. */
bool mete__block_step_decode(const struct mete__block_walk *walk, uint64_t address,
                             struct mete__instruction *out);

/* Before the instruction at an address one register at least points to the frame, if the module
 * says so. */
void mete__block_step_frame(struct mete__block_walk *walk, uint64_t address);

/* All effects but those on where the walk goes on. */
void mete__block_step_apply(struct mete__block_walk *walk,
                            const struct mete__instruction *instruction, uint64_t address);

/* Of comparisons with zero: to be applied before the instruction itself. */
void mete__block_step_test(struct mete__block_walk *walk,
                           const struct mete__instruction *instruction, uint64_t address);

/* A call, to functions that take the block's address perhaps; the value it returns. */
struct mete__block_value mete__block_step_call(struct mete__block_walk *walk,
                                               const struct mete__instruction *instruction,
                                               uint64_t return_address);

/* Keeps what the call that is followed is given. */
void mete__block_step_arguments(struct mete__block_walk *walk,
                                const struct mete__instruction *instruction,
                                uint64_t return_address);

/* What is left of a state where the walk may have come with another: what both agree on. */
void mete__block_step_meet(struct mete__block_state *state, const struct mete__block_state *other);

#endif
