/*
 * report/layout_json.h - types as JSON, as mete-layout(1) describes it.
 */
#ifndef METE_REPORT_LAYOUT_JSON_H
#define METE_REPORT_LAYOUT_JSON_H

#include <stdint.h>
#include <stdio.h>

#include "analysis/layout/layout_reorder.h"
#include "analysis/types/type.h"
#include "report/json.h"
#include "report/layout_heap.h"

/* Writes the whole document; `reordered` has an entry for each type, and so has `heap`, which may
 * be NULL. `line` is bytes of a cache line. 0 or a negative errno. */
int mete__layout_json_write(const struct mete__type *const *types,
                            const struct mete__layout_reordered *reordered,
                            const struct mete__layout_heap *heap, size_t count, uint64_t line,
                            FILE *out);

/* One type of such a document, without what a new order makes of it: a new object, or NULL where
 * memory ran out. */
json_t *mete__layout_json_type(struct mete__json *json, const struct mete__type *type,
                               uint64_t line);

#endif
