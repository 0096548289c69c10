/*
 * report/layout_sarif.h - what types waste, as SARIF 2.1.0, which code review tools show in the
 * source.
 *
 * A type that another order makes smaller is a result of the rule "reorder" (a warning); one that
 * wastes bytes otherwise of the rule "padding" (a note). Types without a file are left out.
 */
#ifndef METE_REPORT_LAYOUT_SARIF_H
#define METE_REPORT_LAYOUT_SARIF_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "analysis/layout_reorder.h"
#include "analysis/type.h"

/* `reordered` has an entry for each type. 0 or a negative errno. */
int mete__layout_sarif_write(const struct mete__type *const *types,
                             const struct mete__layout_reordered *reordered, size_t count,
                             uint64_t line, FILE *out);

#endif
