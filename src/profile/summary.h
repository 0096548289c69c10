/*
 * profile/summary.h - a profile's counters, added up.
 *
 * The tracker counts per thread and per stack; what a report wants is per program and per stack.
 * Computed once from an opened profile, it stays valid after that is closed.
 */
#ifndef METE_PROFILE_SUMMARY_H
#define METE_PROFILE_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "profile/format.h"
#include "profile/reader.h"
#include "profile/sizes.h"

struct mete__summary_totals {
    uint64_t allocations;
    uint64_t frees;
    uint64_t allocated_bytes;
    uint64_t freed_bytes;
    uint64_t live_blocks;
    uint64_t live_bytes;
    uint64_t peak_live_bytes;
    uint64_t temporary;
    uint64_t failed;  /* requests answered with NULL */
    uint64_t samples; /* sampled mode: what the estimates rest on */
};

/* One stack, all threads together. */
struct mete__summary_site {
    uint32_t stack; /* node; 0: what has no stack */
    uint64_t allocations;
    uint64_t frees;
    uint64_t allocated_bytes;
    uint64_t freed_bytes;
    uint64_t live_blocks;
    uint64_t live_bytes;
    uint64_t temporary;
    uint64_t peak_live_bytes; /* live bytes at the program's peak */
    uint64_t own_peak_bytes;  /* the highest its live bytes were */
    struct mete__sizes sizes;
};

struct mete__summary_size {
    uint64_t low, high; /* requested sizes from low to high, both included */
    uint64_t allocations;
    uint64_t bytes;
};

struct mete__summary {
    struct mete__summary_totals totals;
    struct mete__summary_totals
        inherited;      /* the part of totals from before the fork; only allocations, frees,
                         * allocated_bytes, freed_bytes, live_* are set */
    bool is_estimate;   /* of samples: all figures */
    bool peak_is_exact; /* else within peak_error_bytes */
    uint64_t peak_error_bytes;
    double wall_seconds;              /* until the end, or the newest sign of life */
    struct mete__summary_site *sites; /* in order of stack */
    size_t site_count;
    struct mete__summary_size sizes[METE_SIZE_BUCKETS];
};

/* -ENOMEM; *out is then untouched. */
METE_MUST_USE int mete__summary_make(const struct mete__profile *profile,
                                     struct mete__summary **out);
void mete__summary_free(struct mete__summary *summary);

/* Adds a site's figures to the sum of several; the stack of the sum is the caller's. The sum's
 * own_peak_bytes is an upper bound: its sites may have been at their highest at different times. */
void mete__summary_add(struct mete__summary_site *sum, const struct mete__summary_site *site);

#endif
