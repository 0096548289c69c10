/*
 * report/layout_json.h - types as JSON, as mete-layout(1) describes it.
 */
#ifndef METE_REPORT_LAYOUT_JSON_H
#define METE_REPORT_LAYOUT_JSON_H

#include <stdint.h>
#include <stdio.h>

#include "analysis/layout/layout_reorder.h"
#include "analysis/types/type.h"
#include "report/layout_heap.h"

/* Writes the whole document; `reordered` has an entry for each type, and so has `heap`, which may
 * be NULL. `line` is bytes of a cache line. 0 or a negative errno. */
int mete__layout_json_write(const struct mete__type *const *types,
                            const struct mete__layout_reordered *reordered,
                            const struct mete__layout_heap *heap, size_t count, uint64_t line,
                            FILE *out);

#endif
