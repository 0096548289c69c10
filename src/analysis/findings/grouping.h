/*
 * analysis/findings/grouping.h - which stacks look the same to their reader.
 *
 * Two stacks that differ only in what is not shown (two calls in one line, frames that were cut)
 * would be printed as equal texts; they are one group. Groups are exact: texts are compared, not
 * hashes.
 */
#ifndef METE_ANALYSIS_FINDINGS_GROUPING_H
#define METE_ANALYSIS_FINDINGS_GROUPING_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/symbols/frame.h"

struct mete__grouping;

/* NULL where memory ran out. */
struct mete__grouping *mete__grouping_open(void);
void mete__grouping_close(struct mete__grouping *grouping);

/* The number of the group of these frames, which must all be from one struct mete__symbols. Numbers
 * count up from 1: a new one is one more than the largest so far. 0 for no frames; UINT32_MAX where
 * memory ran out. */
uint32_t mete__grouping_number(struct mete__grouping *grouping,
                               const struct mete__frame *const *frames, size_t count);

/* The same for the function of one frame, whatever the line; one without a name is known by its
 * address. Not to be mixed with numbers of whole frames. */
uint32_t mete__grouping_function(struct mete__grouping *grouping, const struct mete__frame *frame);

#endif
