/*
 * analysis/symbols/short_name.h - a C++ function's name without what makes it long.
 */
#ifndef METE_ANALYSIS_SYMBOLS_SHORT_NAME_H
#define METE_ANALYSIS_SYMBOLS_SHORT_NAME_H

#include <stddef.h>

/* Writes a demangled name without return type, parameters and what follows them, and with long
 * template arguments as
 * "<…>" (`ellipsis` instead of "…"):
 *     "void std::vector<conn, std::allocator<conn> >::emplace_back<int&>(int&)"  ->
 * "std::vector<…>::emplace_back<int&>" Other names are copied as they are. What does not fit is
 * cut; `size` is at least 1. Returns `buffer`. */
char *mete__short_name(char *buffer, size_t size, const char *name, const char *ellipsis);

#endif
