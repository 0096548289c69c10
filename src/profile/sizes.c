#include "profile/sizes.h"

#include <errno.h>
#include <stdlib.h>

/* Of a site that has no record of its sizes: there is but one. A live profile may be in between. */
static struct mete__sizes only_size(const struct mete_profile_site *site) {
    if (site->allocations == 0 || site->allocated_bytes % site->allocations != 0)
        return (struct mete__sizes){.are_known = false};
    uint64_t size = site->allocated_bytes / site->allocations;
    return (struct mete__sizes){.are_known = true, .min = size, .max = size};
}

int mete__sizes_read(const struct mete__profile *profile, struct mete__sizes **out) {
    const struct mete_profile_header *header = mete__profile_header(profile);
    uint64_t sites = mete__profile_count(profile, METE_SECTION_SITES);
    uint64_t records = mete__profile_count(profile, METE_SECTION_SIZES);
    bool are_there =
        header->sections[METE_SECTION_SIZES].record_bytes != 0 && header->dropped_sizes == 0;
    struct mete__sizes *sizes = calloc((size_t)sites + 1, sizeof *sizes);

    if (sizes == NULL) return -ENOMEM;
    for (uint64_t i = 0; are_there && i < sites; i++)
        sizes[i] = only_size(mete__profile_record(profile, METE_SECTION_SITES, i));
    for (uint64_t i = 0; are_there && i < records; i++) {
        const struct mete_profile_sizes *own = mete__profile_record(profile, METE_SECTION_SIZES, i);
        if (own->max == 0 || own->site >= sites) continue;
        sizes[own->site] = (struct mete__sizes){
            .are_known = true, .min = own->min, .max = own->max, .step = own->step};
    }
    *out = sizes;
    return 0;
}

static uint64_t common_divisor(uint64_t a, uint64_t b) {
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

void mete__sizes_merge(struct mete__sizes *sum, const struct mete__sizes *more) {
    if (!sum->are_known || !more->are_known) {
        *sum = (struct mete__sizes){.are_known = false};
        return;
    }
    uint64_t apart = sum->min < more->min ? more->min - sum->min : sum->min - more->min;
    sum->step = common_divisor(common_divisor(sum->step, more->step), apart);
    if (more->min < sum->min) sum->min = more->min;
    if (more->max > sum->max) sum->max = more->max;
}
