/*
 * analysis/findings/findings.h - the leaks and errors of a profile, and which of them the user has
 * suppressed.
 */
#ifndef METE_ANALYSIS_FINDINGS_FINDINGS_H
#define METE_ANALYSIS_FINDINGS_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/findings/suppressions.h"
#include "analysis/symbols/symbols.h"
#include "profile/format.h"
#include "profile/reader.h"

struct mete__finding_amount {
    uint64_t bytes;
    uint64_t blocks;
};

struct mete__finding_leak {
    uint32_t stack;
    enum mete_profile_leak_kind kind;
    struct mete__finding_amount amount;
    bool suppressed;
};

struct mete__finding_error {
    struct mete_profile_error record;
    bool suppressed;
};

struct mete__findings {
    bool leaks_checked;               /* else there are none to speak of */
    struct mete__finding_leak *leaks; /* by kind, the largest first */
    size_t leak_count;
    struct mete__finding_amount
        kinds[METE_LEAK_REACHABLE + 1]; /* by leak kind, suppressed ones left out */
    struct mete__finding_amount suppressed;
    struct mete__finding_error *errors; /* as they happened */
    size_t error_count;
    size_t errors_suppressed;
};

/* `suppressions` may be NULL. The stacks of leaks and errors are resolved where that is needed; the
 * profile must outlive the findings. -ENOMEM. */
int mete__findings_make(const struct mete__profile *profile, struct mete__symbols *symbols,
                        struct mete__suppressions *suppressions, struct mete__findings **out);
void mete__findings_free(struct mete__findings *findings);

/* Whether there is anything that --error-exitcode is about: an error, or a definite or indirect
 * leak, that is not suppressed. */
bool mete__findings_are_bad(const struct mete__findings *findings);

#endif
