/*
 * report/report_suppressions.h - suppressions for all that is wrong now, ready for a file.
 */
#ifndef METE_REPORT_REPORT_SUPPRESSIONS_H
#define METE_REPORT_REPORT_SUPPRESSIONS_H

#include <stdio.h>

#include "base/compiler.h"
#include "report/report.h"

/* One suppression in Valgrind's syntax for each leak (but the reachable ones) and error that is not
 * suppressed, equal ones once. mete reads all of them, Valgrind those for leaks too. 0, -ENOMEM, or
 * the negative errno of the write that failed. */
METE_MUST_USE int mete__report_suppressions(struct mete__report *report, FILE *out);

#endif
