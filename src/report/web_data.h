/*
 * report/web_data.h - the report's JSON document in the form that the page reads.
 *
 * It has the keys of `--json` and their figures. Stacks, which there are many of, are kept in
 * tables of which each entry is written once:
 *
 *     "strings": [TEXT…]
 *     "frames":  [[SHORT NAME, FUNCTION, FILE, LINE, MODULE, OFFSET, INLINED]…]   texts by number,
 *                -1 where there is none; 0 in place of a frame that is in no stack
 *     "nodes":   [PARENT, FRAME, FRAMES…]   three numbers per node, which count from 1; the
 * parent's number, 0 for the outermost; the first of the node's frames, innermost first a stack:
 * [NODE, CUT, FROM, TO, DOUBT, GUESSED]   of its frames, innermost first, CUT are the allocator's;
 * FROM to TO of those after them are for people. DOUBT 1: there were more callers. GUESSED: the
 * frame whose callers are guessed, -1: none
 *
 * Sites beyond `site_limit` are added up (web_sites.h); such an entry has "merged", their number.
 */
#ifndef METE_REPORT_WEB_DATA_H
#define METE_REPORT_WEB_DATA_H

#include <stddef.h>
#include <stdio.h>

#include "base/compiler.h"
#include "report/report.h"

/* The text is ASCII. 0, -ENOMEM, or the negative errno of the write that failed. */
METE_MUST_USE int mete__web_data(struct mete__report *report, size_t site_limit, FILE *out);

#endif
