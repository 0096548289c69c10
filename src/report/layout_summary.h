/*
 * report/layout_summary.h - what the types of a file cost: totals, and those where most can be
 * saved.
 */
#ifndef METE_REPORT_LAYOUT_SUMMARY_H
#define METE_REPORT_LAYOUT_SUMMARY_H

#include <stdint.h>
#include <stdio.h>

#include "analysis/layout/layout_file.h"
#include "analysis/layout/layout_reorder.h"
#include "analysis/types/type.h"

struct mete__layout_summary_options {
    uint64_t line; /* bytes of a cache line: a power of two */
    uint64_t top;  /* types in the table */
};

/* Of these types of the file, as text; `reordered` has an entry for each. 0 or a negative errno. */
int mete__layout_summary_write(const struct mete__layout_file *file,
                               const struct mete__type *const *types,
                               const struct mete__layout_reordered *reordered, size_t count,
                               const struct mete__layout_summary_options *options, FILE *out);

#endif
