/*
 * report/web_sites.h - so many of a profile's sites as a page can show, and the rest added up.
 *
 * Kept are those with the largest share of anything: bytes at the peak, live or asked for,
 * allocations, temporary ones. Each of the others is added to the node where its stack leaves the
 * stacks of those kept, so that the sums of every function they share stay exact.
 */
#ifndef METE_REPORT_WEB_SITES_H
#define METE_REPORT_WEB_SITES_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "report/report.h"

struct mete__web_sites {
    struct mete__summary_site *items;           /* those kept, the heaviest first, then the sums */
    const struct mete__summary_site **pointers; /* to each of the items */
    uint32_t *merged; /* per item: how many sites it is the sum of; 0: kept */
    size_t count;
};

/* At most `limit` sites, and at most about as many sums. -ENOMEM. */
METE_MUST_USE int mete__web_sites_choose(const struct mete__report *report, size_t limit,
                                         struct mete__web_sites *sites);
void mete__web_sites_free(struct mete__web_sites *sites);

#endif
