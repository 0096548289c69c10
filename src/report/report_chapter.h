/*
 * report/report_chapter.h - what the chapters of the text report share.
 *
 * A chapter is one function that prints a heading and what belongs under it, or nothing. All return
 * 0 or -ENOMEM.
 */
#ifndef METE_REPORT_REPORT_CHAPTER_H
#define METE_REPORT_REPORT_CHAPTER_H

#include "analysis/symbols/backtrace.h"
#include "base/compiler.h"
#include "report/page.h"
#include "report/report.h"

struct mete__report_chapter {
    struct mete__report *report;
    struct mete__page page;
    char *folder; /* the working directory: paths below it are shown without it; may be NULL */
    struct mete__backtrace backtrace; /* for whoever needs one */
};

METE_MUST_USE int mete__report_totals(struct mete__report_chapter *chapter);
METE_MUST_USE int mete__report_errors(struct mete__report_chapter *chapter);
METE_MUST_USE int mete__report_leaks(struct mete__report_chapter *chapter);
METE_MUST_USE int mete__report_holders(struct mete__report_chapter *chapter);
METE_MUST_USE int mete__report_sites(struct mete__report_chapter *chapter);
METE_MUST_USE int mete__report_types(struct mete__report_chapter *chapter);
METE_MUST_USE int mete__report_sizes(struct mete__report_chapter *chapter);
METE_MUST_USE int mete__report_notes(struct mete__report_chapter *chapter);

#endif
