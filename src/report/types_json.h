/*
 * report/types_json.h - types of sites, and how much of the heap each takes, as JSON.
 */
#ifndef METE_REPORT_TYPES_JSON_H
#define METE_REPORT_TYPES_JSON_H

#include "profile/summary.h"
#include "report/json.h"
#include "report/report.h"

/* The members of a site that tell of its type: an object, or NULL where memory ran out. */
json_t *mete__types_json_site(struct mete__report *report, const struct mete__summary_site *site);

/* The document's member "types": all types, and what is not known, most bytes at the peak first. */
void mete__types_json_write(struct mete__report *report, struct mete__json *json);

#endif
