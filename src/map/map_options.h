/*
 * map/map_options.h - what the functions that open maps make of their options.
 */
#ifndef METE_MAP_MAP_OPTIONS_H
#define METE_MAP_MAP_OPTIONS_H

#include <mete/map.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/* The options given, or all defaults for NULL. */
METE_HIDDEN const mete_map_options *mete__map_options_or_default(const mete_map_options *given);

/* -EINVAL for bits that are none, or a page size that is none. *access is what is asked for, with
 * all that it implies; `by_default` where nothing is. */
METE_HIDDEN int mete__map_options_check(const mete_map_options *options, unsigned by_default,
                                        unsigned *access);
/* The same of access bits alone. */
METE_HIDDEN int mete__map_options_access(unsigned given, unsigned by_default, unsigned *access);

/* The bytes that the options choose of a file of file_size. -ENXIO, -EOVERFLOW. */
METE_HIDDEN int mete__map_options_range(const mete_map_options *options, uint64_t file_size,
                                        size_t *size);

#endif
