/*
 * report/report_json.h - the report for programs. docs/man/mete-report.1 lists its keys.
 *
 * Numbers are exact. Long lists are written one entry per line and never held in memory.
 */
#ifndef METE_REPORT_REPORT_JSON_H
#define METE_REPORT_REPORT_JSON_H

#include <stdio.h>

#include "base/compiler.h"
#include "report/report.h"

/* 0, -ENOMEM, or the negative errno of the write that failed. */
METE_MUST_USE int mete__report_json(struct mete__report *report, FILE *out);

#endif
