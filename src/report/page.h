/*
 * report/page.h - text on a terminal or in a file: width, colour, and texts that cannot be trusted.
 *
 * A page knows what it is written to. On a terminal lines fit its width: whoever writes one cuts
 * what may be cut, and what is too long all the same is folded. Important words have colour there
 * (not where NO_COLOR is set or TERM is "dumb"). Anywhere else nothing is cut and no escape is
 * written. Characters beyond ASCII appear only where the locale has them.
 */
#ifndef METE_REPORT_PAGE_H
#define METE_REPORT_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/compiler.h"

enum mete__page_style {
    METE__PAGE_PLAIN,
    METE__PAGE_HEADING,
    METE__PAGE_STRONG,
    METE__PAGE_FAINT,
    METE__PAGE_BAD,
    METE__PAGE_GOOD,
};

struct mete__page {
    FILE *out;    /* where to write; folds lines where `target` is a terminal */
    FILE *target; /* the caller's */
    size_t width; /* columns; METE__PAGE_ENDLESS where it is no terminal */
    bool colour;
    bool unicode;
};

#define METE__PAGE_ENDLESS ((size_t)1 << 20)

void mete__page_open(struct mete__page *page, FILE *out);

/* Writes what is still to be written. Returns `status` where that is not 0, else 0 or a negative
 * errno where something could not be written. `out` stays open. */
int mete__page_close(struct mete__page *page, int status);

/* What follows stands in one column: there a line that is folded goes on. */
void mete__page_mark(const struct mete__page *page);

/* Writes a formatted text in a style. It is trusted: no names from files in it. */
void mete__page_print(const struct mete__page *page, enum mete__page_style style,
                      const char *format, ...) METE_PRINTF(3, 4);

/* Writes the first `length` bytes of a trusted text as they are: for what is written so often that
 * a format would cost too much. */
void mete__page_put(const struct mete__page *page, enum mete__page_style style, const char *text,
                    size_t length);

/* Writes a text that is not trusted: control characters become '?', and so does what is not UTF-8.
 * At most `columns` of them; of a longer text the start is replaced by "…" where `keep_end`, else
 * the end. Returns the columns written. */
size_t mete__page_text(const struct mete__page *page, enum mete__page_style style, const char *text,
                       size_t columns, bool keep_end);

/* Columns a text takes; every character counts as one. */
size_t mete__page_columns(const char *text);

/* Spaces. */
void mete__page_gap(const struct mete__page *page, size_t columns);

/* A blank line, then a heading: the title and, formatted, what there is to say in one line (NULL:
 * nothing). */
void mete__page_heading(const struct mete__page *page, const char *title, const char *format, ...)
    METE_PRINTF(3, 4);

#endif
