#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/blocks/type_uses.h"
#include "report/report_chapter.h"
#include "report/units.h"

#define TYPES_SHOWN 5

/* At the peak; of a program that still runs, now. */
static const struct mete__type_amount *amount_of(const struct mete__type_use *use, bool live) {
    return live ? &use->live : &use->peak;
}

static int by_live(const void *left, const void *right) {
    const struct mete__type_use *a = left, *b = right;

    return a->live.bytes > b->live.bytes ? -1 : a->live.bytes < b->live.bytes;
}

static void print_use(const struct mete__page *page, const struct mete__type_use *use, bool live,
                      uint64_t all) {
    const struct mete__type_amount *amount = amount_of(use, live);

    mete__page_print(page, METE__PAGE_STRONG, "  %9s",
                     mete__units_bytes(METE__UNITS, amount->bytes));
    mete__page_print(page, METE__PAGE_PLAIN, "  %6s  %11s  ",
                     mete__units_share(METE__UNITS, amount->bytes, all),
                     use->size <= 1 ? "" : mete__units_count(METE__UNITS, amount->objects));
    mete__page_text(page, use->name == NULL ? METE__PAGE_FAINT : METE__PAGE_PLAIN,
                    use->name == NULL ? "(not known)" : use->name,
                    page->width > 44 ? page->width - 34 : 10, false);
    if (use->size > 1)
        mete__page_print(page, METE__PAGE_FAINT, "  %s", mete__units_bytes(METE__UNITS, use->size));
    if (use->name != NULL && !use->is_certain)
        mete__page_print(page, METE__PAGE_FAINT, "  not certain everywhere");
    putc('\n', page->out);
}

static void print_table(const struct mete__report_chapter *chapter,
                        const struct mete__type_uses *uses, bool live) {
    const struct mete__page *page = &chapter->page;
    size_t limit = chapter->report->options.top != 0 ? chapter->report->options.top : TYPES_SHOWN;
    uint64_t all = 0, shown = 0;
    size_t count = 0, named = 0;

    for (size_t i = 0; i < uses->count; i++) {
        uint64_t bytes = amount_of(&uses->items[i], live)->bytes;
        all += bytes;
        if (bytes == 0) continue;
        count++;
        named += uses->items[i].name != NULL;
    }
    if (named == 0) return; /* no debugging information: the notes say so */
    mete__page_heading(page, "By type", "bytes, share and objects %s, and the size of one",
                       live ? "that are live now" : "at the peak");
    for (size_t i = 0; i < count && i < limit; i++) {
        print_use(page, &uses->items[i], live, all);
        shown += amount_of(&uses->items[i], live)->bytes;
    }
    if (count > limit)
        mete__page_print(page, METE__PAGE_FAINT, "  %s of %s more type%s\n",
                         mete__units_share(METE__UNITS, all - shown, all),
                         mete__units_count(METE__UNITS, count - limit),
                         mete__units_plural(count - limit));
}

int mete__report_types(struct mete__report_chapter *chapter) {
    struct mete__report *report = chapter->report;
    const struct mete_profile_header *header = mete__profile_header(report->profile);
    bool live = header->state == METE_PROFILE_RUNNING && header->end == METE_PROFILE_END_UNKNOWN;
    struct mete__type_uses *uses;

    if (report->options.sort != METE__REPORT_SORT_DEFAULT) return 0; /* one table was asked for */
    int status = mete__type_uses_make(report->types, report->summary, &uses);
    mete__progress_end(&report->progress);
    if (status != 0) return status;
    if (live) qsort(uses->items, uses->count, sizeof *uses->items, by_live);
    print_table(chapter, uses, live);
    mete__type_uses_free(uses);
    return 0;
}
