/*
 * report/report_speedscope.h - the sites as a file for https://www.speedscope.app.
 */
#ifndef METE_REPORT_REPORT_SPEEDSCOPE_H
#define METE_REPORT_REPORT_SPEEDSCOPE_H

#include <stdio.h>

#include "base/compiler.h"
#include "report/report.h"

/* Five profiles over the same frames: bytes at the peak, live bytes, bytes asked for, allocations,
 * temporary ones; the one that the report is sorted by comes first. 0, -ENOMEM, or the negative
 * errno of the write that failed. */
METE_MUST_USE int mete__report_speedscope(struct mete__report *report, FILE *out);

#endif
