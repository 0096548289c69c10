#include <stdio.h>

#include "report/report_chapter.h"
#include "report/units.h"

#define BAR_COLUMNS   32
#define FIRST_BUCKETS 5   /* 0 and 1 to 15 bytes are one row */
#define INTERESTING   100 /* allocations; below that there is nothing to see in a histogram */

struct row {
    uint64_t high; /* largest size in it, bytes */
    uint64_t allocations, bytes;
};

static void print_row(const struct mete__page *page, const struct row *row, uint64_t most,
                      uint64_t all, uint64_t all_bytes) {
    /* Eighths of a column where the characters are there, else whole ones. */
    static const char *const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    unsigned eighths =
        (unsigned)((double)row->allocations / (double)most * BAR_COLUMNS * 8 + 0.999);
    unsigned wanted = page->unicode ? eighths / 8 : (eighths + 7) / 8;

    mete__page_print(page, METE__PAGE_PLAIN, "  < %-8s %15s  %7s  %9s  %7s  ",
                     mete__units_power(METE__UNITS, row->high + 1),
                     mete__units_count(METE__UNITS, row->allocations),
                     mete__units_share(METE__UNITS, row->allocations, all),
                     mete__units_bytes(METE__UNITS, row->bytes),
                     mete__units_share(METE__UNITS, row->bytes, all_bytes));
    for (unsigned i = 0; i < wanted; i++) fputs(page->unicode ? "█" : "#", page->out);
    if (page->unicode) fputs(parts[eighths % 8], page->out);
    putc('\n', page->out);
}

int mete__report_sizes(struct mete__report_chapter *chapter) {
    const struct mete__summary *summary = chapter->report->summary;
    struct row rows[METE_SIZE_BUCKETS] = {{0}};
    uint64_t most = 0, all = 0, all_bytes = 0;
    size_t last = 0;

    for (size_t i = 0; i < METE_SIZE_BUCKETS; i++) {
        struct row *row = &rows[i < FIRST_BUCKETS ? FIRST_BUCKETS - 1 : i];
        row->allocations += summary->sizes[i].allocations;
        row->bytes += summary->sizes[i].bytes;
        row->high = summary->sizes[i].high;
        if (row->allocations > most) most = row->allocations;
        if (row->allocations != 0) last = i < FIRST_BUCKETS ? FIRST_BUCKETS - 1 : i;
        all += summary->sizes[i].allocations;
        all_bytes += summary->sizes[i].bytes;
    }
    if (all < INTERESTING) return 0;
    mete__page_heading(&chapter->page, "Sizes", "allocations and their bytes, by size asked for");
    for (size_t i = 0; i <= last; i++)
        if (rows[i].allocations != 0) print_row(&chapter->page, &rows[i], most, all, all_bytes);
    return 0;
}
