/*
 * report/layout_place.h - the last column of a table of types: the name, and where it is declared.
 */
#ifndef METE_REPORT_LAYOUT_PLACE_H
#define METE_REPORT_LAYOUT_PLACE_H

#include <stddef.h>

#include "analysis/types/type.h"
#include "report/page.h"

/* Writes both where there is room on the page behind `used` columns; files stand in a column where
 * names are shorter than `name_columns`. Else the name goes first: of a
 * file the end is written where that says something, and a name that is too long is cut. */
void mete__layout_place_write(const struct mete__page *page, const struct mete__type *type,
                              size_t used, size_t name_columns);

#endif
