/*
 * report/report_html.h - the report as one page for a browser, which needs nothing else.
 *
 * The page (web/page.html, .css, .js and d3) is put together when mete is built; what is written is
 * that and the report's document as JSON. A page of many thousand sites would be slow to use: the
 * heaviest ones are in it as they are, what lies beyond is added up where it parts from them.
 */
#ifndef METE_REPORT_REPORT_HTML_H
#define METE_REPORT_REPORT_HTML_H

#include <stdio.h>

#include "base/compiler.h"
#include "report/report.h"

/* 0, -ENOMEM, or the negative errno of the write that failed. */
METE_MUST_USE int mete__report_html(struct mete__report *report, FILE *out);

#endif
