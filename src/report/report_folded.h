/*
 * report/report_folded.h - stacks for flamegraph.pl, inferno and the like.
 */
#ifndef METE_REPORT_REPORT_FOLDED_H
#define METE_REPORT_REPORT_FOLDED_H

#include <stdio.h>

#include "base/compiler.h"
#include "report/report.h"

/* One line for each site: "main;build;push_front 1120", outermost frame first, then what the
 * report is sorted by (bytes at the peak by default). 0, -ENOMEM, or the negative errno of the
 * write that failed. */
METE_MUST_USE int mete__report_folded(struct mete__report *report, FILE *out);

#endif
