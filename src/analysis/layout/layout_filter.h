/*
 * analysis/layout/layout_filter.h - which types are asked for.
 */
#ifndef METE_ANALYSIS_LAYOUT_LAYOUT_FILTER_H
#define METE_ANALYSIS_LAYOUT_LAYOUT_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/types/type.h"

/* Zero-initialised it lets all types pass. Names are patterns (analysis/pattern.h), with or without
 * "struct ". */
struct mete__layout_filter {
    const char *const *names; /* one of them must match */
    size_t name_count;
    const char *file;   /* of the declaration: a pattern for all of it, or for what follows a '/' */
    uint64_t min_size;  /* bytes */
    uint64_t min_holes; /* holes, bit holes and padding at the end */
    const char *contains;  /* a type that lies inside, at any depth */
    const char *points_to; /* a type that a member points to */
    uint64_t line;         /* bytes of a cache line */
};

bool mete__layout_filter_passes(const struct mete__layout_filter *filter,
                                const struct mete__type *type);

#endif
