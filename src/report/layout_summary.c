#include "report/layout_summary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/layout/layout_facts.h"
#include "report/layout_place.h"
#include "report/page.h"
#include "report/units.h"

#define TABLE_COLUMNS 51 /* before the types */
#define NAME_COLUMNS  33

/* A row of the table. */
struct row {
    const struct mete__type *type;
    struct mete__layout_facts facts;
    uint64_t wasted;
    uint64_t saved; /* by another order of the members */
};

struct totals {
    uint64_t kinds[3]; /* by enum mete__type_kind */
    uint64_t bytes, wasted, saved;
};

/* Where most can be saved comes first, then what wastes most; of equals the smaller, whose share is
 * larger. */
static int in_order(const void *left, const void *right) {
    const struct row *a = left, *b = right;

    if (a->saved != b->saved) return a->saved > b->saved ? -1 : 1;
    if (a->wasted != b->wasted) return a->wasted > b->wasted ? -1 : 1;
    if (a->type->size != b->type->size) return a->type->size < b->type->size ? -1 : 1;
    return strcmp(a->type->name, b->type->name);
}

static size_t fill(struct row *rows, const struct mete__type *const *types,
                   const struct mete__layout_reordered *reordered, size_t count, uint64_t line,
                   struct totals *totals) {
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        struct row *row = &rows[used];
        row->type = types[i];
        mete__layout_facts_find(types[i], line, &row->facts);
        /* What the smaller members of a union leave is no waste. */
        row->wasted =
            types[i]->kind == METE__TYPE_UNION ? 0 : mete__layout_facts_wasted(&row->facts);
        row->saved = reordered[i].type == NULL ? 0 : types[i]->size - reordered[i].type->size;
        totals->saved += row->saved;
        totals->kinds[types[i]->kind]++;
        totals->bytes += types[i]->size;
        totals->wasted += row->wasted;
        if (row->wasted != 0) used++;
    }
    return used;
}

static void write_totals(const struct mete__page *page, const struct mete__layout_file *file,
                         const struct totals *totals) {
    size_t units = mete__layout_file_units(file);
    const char *path = mete__layout_file_path(file);
    const char *between = "";

    mete__page_text(page, METE__PAGE_HEADING, path, METE__PAGE_ENDLESS, false);
    mete__page_print(page, METE__PAGE_PLAIN, ": ");
    for (int kind = 0; kind < 3; kind++) {
        uint64_t count = totals->kinds[kind];
        if (count == 0) continue;
        mete__page_print(page, METE__PAGE_PLAIN, "%s%s %s%s", between,
                         mete__units_count(METE__UNITS, count),
                         mete__type_keyword((enum mete__type_kind)kind),
                         count == 1                 ? ""
                         : kind == METE__TYPE_CLASS ? "es"
                                                    : "s");
        between = ", ";
    }
    mete__page_print(page, METE__PAGE_PLAIN, "%s in %s unit%s",
                     between[0] == '\0' ? "no types" : "", mete__units_count(METE__UNITS, units),
                     mete__units_plural(units));
    if (between[0] != '\0')
        mete__page_print(page, METE__PAGE_PLAIN, "; %s bytes in one of each",
                         mete__units_count(METE__UNITS, totals->bytes));
    else if (mete__layout_file_count(file) == 0 && mete__layout_file_notes(file) == 0)
        mete__page_print(page, METE__PAGE_PLAIN,
                         "; with -g compilers describe all that are used, "
                         "with -g1 none");
    if (totals->wasted != 0)
        mete__page_print(page, METE__PAGE_PLAIN, ", %s of them wasted (%s)",
                         mete__units_count(METE__UNITS, totals->wasted),
                         mete__units_share(METE__UNITS, totals->wasted, totals->bytes));
    if (totals->saved != 0)
        mete__page_print(page, METE__PAGE_GOOD, "; %s can be saved by reordering",
                         mete__units_count(METE__UNITS, totals->saved));
    mete__page_print(page, METE__PAGE_PLAIN, "\n");
}

static void write_row(const struct mete__page *page, const struct row *row) {
    mete__page_print(page, METE__PAGE_PLAIN, "%8llu %8llu %8llu %6u %8llu %6llu",
                     (unsigned long long)row->saved, (unsigned long long)row->wasted,
                     (unsigned long long)row->type->size, row->facts.holes + row->facts.bit_holes,
                     (unsigned long long)row->facts.tail_padding,
                     (unsigned long long)row->facts.lines);
    mete__layout_place_write(page, row->type, TABLE_COLUMNS, NAME_COLUMNS);
    mete__page_print(page, METE__PAGE_PLAIN, "\n");
}

static void write_rows(const struct mete__page *page, struct row *rows, size_t count,
                       uint64_t top) {
    if (count == 0) return;
    qsort(rows, count, sizeof *rows, in_order);
    mete__page_print(page, METE__PAGE_FAINT, "\n%8s %8s %8s %6s %8s %6s", "saved", "wasted", "size",
                     "holes", "tail", "lines");
    mete__layout_place_title(page, TABLE_COLUMNS);
    for (size_t i = 0; i < count && i < top; i++) write_row(page, &rows[i]);
    if (count > top)
        mete__page_print(page, METE__PAGE_FAINT, "and %s more (--top=N shows them)\n",
                         mete__units_count(METE__UNITS, count - top));
}

int mete__layout_summary_write(const struct mete__layout_file *file,
                               const struct mete__type *const *types,
                               const struct mete__layout_reordered *reordered, size_t count,
                               const struct mete__layout_summary_options *options, FILE *out) {
    struct totals totals = {0};
    struct mete__page page;
    struct row *rows = calloc(count + 1, sizeof *rows);

    if (rows == NULL) return -ENOMEM;
    size_t used = fill(rows, types, reordered, count, options->line, &totals);
    mete__page_open(&page, out);
    write_totals(&page, file, &totals);
    write_rows(&page, rows, used, options->top);
    free(rows);
    return mete__page_close(&page, 0);
}
