/*
 * report/layout_heap.h - what the types of a file cost in a heap: padding and rounding times the
 * objects that are alive in a profile, and what another order of the members would win.
 *
 * Padding that costs nothing is not worth an edit: what a reorder saves inside one size class is
 * nothing. So types are in order of the bytes of the heap that can be won at the program's peak.
 */
#ifndef METE_REPORT_LAYOUT_HEAP_H
#define METE_REPORT_LAYOUT_HEAP_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "analysis/layout/layout_reorder.h"
#include "analysis/types/type.h"

struct mete__layout_heap;

/* Reads the profile and finds the types of its sites. `types` and `reordered` (an entry for each)
 * are the file's and must outlive the heap; `reordered` may be NULL where only objects are asked
 * for, debug_directory may be NULL. 0, or a negative errno with one sentence in `why`. */
int mete__layout_heap_open(const char *profile, const char *debug_directory,
                           const struct mete__type *const *types,
                           const struct mete__layout_reordered *reordered, size_t count,
                           struct mete__layout_heap **out, char *why, size_t why_size);
void mete__layout_heap_close(struct mete__layout_heap *heap);

/* The types that have objects in the profile as a table of at most `top`, most bytes to be won
 * first, each with the edit to make. 0 or a negative errno. */
int mete__layout_heap_write(const struct mete__layout_heap *heap, uint64_t top, FILE *out);

/* Objects of type `number` at the program's peak, or when the profile ends, whichever are more. */
uint64_t mete__layout_heap_objects(const struct mete__layout_heap *heap, size_t number);
/* Bytes of the heap that another order of its members saves at the peak. */
uint64_t mete__layout_heap_won(const struct mete__layout_heap *heap, size_t number);

/* What type `number` costs, for mete-layout(1)'s JSON: null where it has no objects, NULL where
 * memory ran out. */
json_t *mete__layout_heap_json(const struct mete__layout_heap *heap, size_t number);

#endif
