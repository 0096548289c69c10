/*
 * cli/layout_names.h - whether the names on the command line of `mete layout` mean anything.
 *
 * A mistyped name is no empty report: it is said, with the name that may have been meant.
 */
#ifndef METE_CLI_LAYOUT_NAMES_H
#define METE_CLI_LAYOUT_NAMES_H

#include <stddef.h>

#include "analysis/layout/layout_file.h"
#include "analysis/layout/layout_filter.h"

/* METE__EXIT_OK, or METE__EXIT_FAILED where a type, a file or a type inside is named that none of
 * the files has. `old` may be NULL. */
int mete__layout_names_check(const struct mete__layout_file *file,
                             const struct mete__layout_file *old,
                             const struct mete__layout_filter *filter);

/* The same of members that are to come first. */
int mete__layout_names_check_hot(const struct mete__layout_file *file,
                                 const struct mete__type *const *types, size_t count,
                                 const char *const *hot, size_t hot_count, bool are_all);

#endif
