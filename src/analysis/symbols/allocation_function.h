/*
 * analysis/symbols/allocation_function.h - which functions are an allocator's, and which merely
 * wrap one.
 *
 * A stack begins for its reader where his own code asks for memory. What lies inside that is known
 * by name and module here, and nowhere else.
 */
#ifndef METE_ANALYSIS_SYMBOLS_ALLOCATION_FUNCTION_H
#define METE_ANALYSIS_SYMBOLS_ALLOCATION_FUNCTION_H

#include <stdbool.h>

#include "analysis/symbols/frame.h"

/* Whether a pattern (pattern.h, Valgrind's) matches one of the C library's or C++'s allocating
 * functions or, with `frees`, of those that free. */
bool mete__allocation_function_any(const char *pattern, bool frees);

/* What is known of a frame by its names: the allocator itself, which is mete's library or a malloc
 * or operator new that the program has linked in; the C++ standard library's containers and
 * strings; and the usual wrappers (xmalloc, strdup, g_malloc, sqlite3Malloc…). */
enum mete__frame_role mete__allocation_function_role(const struct mete__frame *frame);

#endif
