/*
 * report/report_text.h - the report for people.
 *
 * The totals first, then errors, leaks, the sites that matter, sizes, and what to know about the
 * report itself. How it looks depends on what it is written to: see page.h.
 */
#ifndef METE_REPORT_REPORT_TEXT_H
#define METE_REPORT_REPORT_TEXT_H

#include <stdio.h>

#include "base/compiler.h"
#include "report/report.h"

/* 0, -ENOMEM, or the negative errno of the write that failed. */
METE_MUST_USE int mete__report_text(struct mete__report *report, FILE *out);

#endif
