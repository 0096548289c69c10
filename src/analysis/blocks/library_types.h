/*
 * analysis/blocks/library_types.h - what functions of a library allocate that has no debugging
 * information: by their names.
 *
 * The strings of C++, and streams, get their memory in members that are compiled into libstdc++ or
 * libc++; the name of such a member (Itanium C++ ABI, 5.1) says what the characters are.
 */
#ifndef METE_ANALYSIS_BLOCKS_LIBRARY_TYPES_H
#define METE_ANALYSIS_BLOCKS_LIBRARY_TYPES_H

#include "analysis/blocks/site_types.h"
#include "analysis/names.h"

/* What the innermost function of a site, whose names are looked up, is known to allocate; of one
 * that is not known `*out` stays as it is. 0 or -ENOMEM. */
int mete__library_types_find(const struct mete__profile *profile, struct mete__symbols *symbols,
                             struct mete__names *names, const struct mete__summary_site *site,
                             struct mete__site_type *out);

#endif
