/*
 * report/page_fold.h - lines that are folded to the width of a terminal.
 *
 * What is written to a fold goes on to its output, line by line. A line that is too long is broken
 * at a space where one is near enough, else behind punctuation, and goes on below the place that a
 * mark in it shows, else four columns behind its own beginning. Nothing is left out.
 */
#ifndef METE_REPORT_PAGE_FOLD_H
#define METE_REPORT_PAGE_FOLD_H

#include <stddef.h>
#include <stdio.h>

/* Where the next lines of a folded line begin; it is not written. */
#define METE__PAGE_FOLD_MARK '\v'

/* A stream that writes to `out`, which stays the caller's, in lines of `width` columns. Escape
 * sequences (CSI) take none. fclose() writes what is left and frees it. NULL: there is no memory.
 */
FILE *mete__page_fold_open(FILE *out, size_t width);

#endif
