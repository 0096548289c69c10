/*
 * report/report_callers.h - by which ways a program comes to a place that allocates.
 *
 * A place may be reached by thousands of stacks, of which no single one says much. What is printed
 * is the tree that they form: its trunk, the callers that (nearly) all stacks share, then the
 * heaviest branches, each with its share and as far as it stays together:
 *
 *     ← sqlite3Malloc ← sqlite3DbMallocRaw
 *         61 %  ← sqlite3BtreeInsert ← sqlite3VdbeExec ← …
 *         20 %  ← sqlite3VdbeMemGrow ← …
 *
 * Calls of a function by itself are one.
 */
#ifndef METE_REPORT_REPORT_CALLERS_H
#define METE_REPORT_REPORT_CALLERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "report/report_chapter.h"

struct mete__report_caller {
    uint32_t stack;
    uint64_t weight; /* not 0 */
};

/* Prints what there is to say of these stacks, which all are named after one place; names are
 * looked up where needed. The array is used up. -ENOMEM. */
METE_MUST_USE int mete__report_callers(struct mete__report_chapter *chapter,
                                       struct mete__report_caller *callers, size_t count,
                                       size_t indent);

#endif
