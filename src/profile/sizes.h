/*
 * profile/sizes.h - which sizes a site's blocks were asked for with.
 *
 * Not all of them: the least, the most, and what divides all their differences. That tells one
 * object from arrays of them, and from what only happens to be large enough.
 */
#ifndef METE_PROFILE_SIZES_H
#define METE_PROFILE_SIZES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "profile/reader.h"

/* All sizes are min + n * step. In sampled mode: of the samples. */
struct mete__sizes {
    bool are_known; /* else they are from an older writer, or one without room: all is 0 */
    uint64_t min;
    uint64_t max;  /* UINT32_MAX: so much or more */
    uint64_t step; /* 0: all are the same */
};

/* Those of each record of METE_SECTION_SITES, in that order; to be freed. -ENOMEM. */
METE_MUST_USE int mete__sizes_read(const struct mete__profile *profile, struct mete__sizes **out);

/* Makes `sum` that of both. */
void mete__sizes_merge(struct mete__sizes *sum, const struct mete__sizes *more);

#endif
