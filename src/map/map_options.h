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

/* What opens a map. */
enum mete__map_opener {
    METE__MAP_OPEN,
    METE__MAP_OPEN_FILE,
    METE__MAP_MEMORY,
    METE__MAP_ANONYMOUS,
    METE__MAP_REPLACE,
};

/* -EINVAL for bits that are none, a page size that is none, and whatever the opener could not but
 * ignore. *access is what is asked for, with all that it implies; where nothing is, READ for files
 * that are there, else READ | WRITE. */
METE_HIDDEN int mete__map_options_check(const mete_map_options *options,
                                        enum mete__map_opener opener, unsigned *access);
/* The same of access bits alone. */
METE_HIDDEN int mete__map_options_access(unsigned given, unsigned by_default, unsigned *access);

/* The bytes that the options choose of a file of file_size. -ENXIO, -EOVERFLOW. */
METE_HIDDEN int mete__map_options_range(const mete_map_options *options, uint64_t file_size,
                                        size_t *size);

#endif
