/*
 * report/layout_place.h - the last column of a table of types: the name, and where it is declared.
 */
#ifndef METE_REPORT_LAYOUT_PLACE_H
#define METE_REPORT_LAYOUT_PLACE_H

#include <stddef.h>

#include "analysis/types/type.h"
#include "report/page.h"

/* Writes both, and a gap before them, where there is room on the page behind `used` columns, with
 * the gap; files stand in a column where
 * names are shorter than `name_columns`. Else the name goes first: of a
 * file the end is written where that says something, and a name that is too long is cut, or goes to
 * a line of its own where there would be little of it. */
void mete__layout_place_write(const struct mete__page *page, const struct mete__type *type,
                              size_t used, size_t name_columns);

/* Writes the title of that column, and ends the line. */
void mete__layout_place_title(const struct mete__page *page, size_t used);

#endif
