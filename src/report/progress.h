/*
 * report/progress.h - a line on the terminal that says what takes so long.
 *
 * Nothing is written in the first second, nor where standard error is no terminal; the line is
 * wiped when the work is done.
 */
#ifndef METE_REPORT_PROGRESS_H
#define METE_REPORT_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct mete__progress {
    bool enabled;
    const char *work; /* what takes so long; NULL: finding names */
    bool shown;       /* there is a line to wipe */
    struct timespec begun;
    struct timespec latest; /* when the line was last written */
};

void mete__progress_begin(struct mete__progress *progress, bool enabled);
/* For struct mete__symbols_options and its like: `context` is the struct mete__progress. */
void mete__progress_show(void *context, size_t done, size_t total, const char *module);
void mete__progress_end(struct mete__progress *progress);

#endif
