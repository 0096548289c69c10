/*
 * report/layout_sarif.h - what types waste, as SARIF 2.1.0, which code review tools show in the
 * source.
 *
 * A type that another order makes smaller is a result of the rule "reorder" (a warning); one that
 * wastes bytes otherwise of the rule "padding" (a note). Types without a file are left out.
 * Beside a heap only types with objects in it are results, and warnings are those that win bytes of
 * it; "properties" of a result then say how many objects there are and how many bytes are won.
 * Names of files that are relative are so to the directory of their compilation, which is one of
 * the run's "originalUriBaseIds".
 */
#ifndef METE_REPORT_LAYOUT_SARIF_H
#define METE_REPORT_LAYOUT_SARIF_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "analysis/layout/layout_file.h"
#include "analysis/layout/layout_reorder.h"
#include "analysis/types/type.h"
#include "report/layout_heap.h"

/* The types are the file's. `reordered` has an entry for each type; `heap` is NULL, or of the same
 * types. 0 or a negative errno. */
int mete__layout_sarif_write(const struct mete__layout_file *file,
                             const struct mete__type *const *types,
                             const struct mete__layout_reordered *reordered,
                             const struct mete__layout_heap *heap, size_t count, uint64_t line,
                             FILE *out);

#endif
