/*
 * report/report_stack.h - frames and stacks in the text report.
 */
#ifndef METE_REPORT_REPORT_STACK_H
#define METE_REPORT_REPORT_STACK_H

#include <stddef.h>

#include "analysis/symbols/frame.h"
#include "report/report_chapter.h"

#define METE__REPORT_STACK_TEXT 512 /* bytes that any text below fits in; longer ones are cut */

/* "conn_open", "std::vector<…>::push_back", "libfoo.so+0x11f2". */
void mete__report_stack_function(const struct mete__report_chapter *chapter,
                                 const struct mete__frame *frame,
                                 char text[METE__REPORT_STACK_TEXT]);

/* "src/conn.c:128", "(libfoo.so)" where there is no line, "" where the function is not known
 * either. */
void mete__report_stack_location(const struct mete__report_chapter *chapter,
                                 const struct mete__frame *frame,
                                 char text[METE__REPORT_STACK_TEXT]);

/* Prints what is to be shown of the stack `chapter->backtrace`, one frame a line, functions and
 * locations in columns, recursion and the middle of long stacks left out. */
void mete__report_stack_print(const struct mete__report_chapter *chapter, size_t indent);

#endif
