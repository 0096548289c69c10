/*
 * report/escape.h - a stream into another one, with what means something there made harmless.
 *
 * The other stream must outlive it; fclose() ends it.
 */
#ifndef METE_REPORT_ESCAPE_H
#define METE_REPORT_ESCAPE_H

#include <stdio.h>

/* For text between HTML tags: no '<', '>' nor '&' comes through but as an entity. `*failure`, which
 * must outlive it too, becomes the errno of the first write that failed. NULL where memory ran
 * out. */
FILE *mete__escape_html(FILE *out, int *failure);

/* For JSON in a <script>: as "\u003c", which means the same within its strings, the only place in
 * JSON where these characters can be. So neither "</script>" nor "<!--" can be in it. */
FILE *mete__escape_script(FILE *out, int *failure);

#endif
