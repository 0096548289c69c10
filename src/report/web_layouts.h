/*
 * report/web_layouts.h - the layouts of the types that blocks have, for the page of `mete report
 * --html`.
 *
 * They are read from the files that the types were found in. The profile does not say which files
 * those are: it is asked where the sites of typed blocks are, in files whose lines are known, and
 * thus the same as ran.
 */
#ifndef METE_REPORT_WEB_LAYOUTS_H
#define METE_REPORT_WEB_LAYOUTS_H

#include "report/json.h"
#include "report/report.h"

/* Writes the document's member "layouts": of the types with most bytes at the peak, as in the JSON
 * of mete-layout(1), those that can be found. The names of the sites' frames are resolved. */
void mete__web_layouts_write(struct mete__report *report, struct mete__json *json);

#endif
