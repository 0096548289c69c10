#include "report/layout_place.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define GAP         2
#define ROOM_LEAST  24 /* columns in which a name may be cut; with less it has a line of its own */
#define INDENT      10 /* of that line */
#define PLACE_LEAST 12 /* columns of the end of a file's name that say something: "…_FILE.h:49" */

static void write_place(const struct mete__page *page, const struct mete__type *type,
                        size_t columns) {
    char line[16];

    snprintf(line, sizeof line, ":%u", type->line);
    size_t for_line = mete__page_columns(line);
    mete__page_text(page, METE__PAGE_FAINT, type->file, columns - for_line, true);
    mete__page_print(page, METE__PAGE_FAINT, "%s", line);
}

void mete__layout_place_title(const struct mete__page *page, size_t used) {
    bool has_room = page->width == METE__PAGE_ENDLESS || page->width >= used + sizeof "type" - 1;

    mete__page_print(page, METE__PAGE_FAINT, has_room ? "%*stype\n" : "\n", GAP, "");
}

void mete__layout_place_write(const struct mete__page *page, const struct mete__type *type,
                              size_t used, size_t name_columns) {
    size_t left = page->width > used ? page->width - used : 0;

    if (page->width == METE__PAGE_ENDLESS) left = METE__PAGE_ENDLESS;
    if (left < ROOM_LEAST && mete__page_columns(type->name) > left &&
        page->width > INDENT + ROOM_LEAST) {
        mete__page_print(page, METE__PAGE_PLAIN, "\n");
        mete__page_gap(page, INDENT);
        left = page->width - INDENT;
        name_columns = 0;
    } else {
        mete__page_gap(page, GAP);
    }
    /* Of "ns::other::name" the end tells most, of templates' names the beginning. */
    bool keep_end = strchr(type->name, '<') == NULL;
    size_t name = mete__page_text(page, METE__PAGE_STRONG, type->name, left, keep_end);
    if (type->file == NULL || left - name < GAP + PLACE_LEAST) return;
    left -= name + GAP;
    size_t gap = GAP, place = mete__page_columns(type->file) + sizeof ":4294967295" - 1;
    if (name + GAP < name_columns) gap = name_columns - name;
    if (gap > GAP && gap - GAP + place > left) gap = GAP;
    mete__page_gap(page, gap);
    write_place(page, type, left - (gap - GAP));
}
