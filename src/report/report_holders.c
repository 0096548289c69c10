/* The chapter of pools, arenas and maps: what each held, and which were not destroyed. */
#include "report/report_chapter.h"
#include "report/report_stack.h"
#include "report/units.h"

#define HOLDERS_SHOWN 20

static const struct mete_profile_holder *holder_at(const struct mete__report *report, uint64_t i) {
    return mete__profile_record(report->profile, METE_SECTION_HOLDERS, i);
}

/* "pool nodes  2 created, 1 not destroyed, 48 B of 64.1 KiB in use by 1 block, peak 96 B" */
static void print_figures(const struct mete__report_chapter *chapter,
                          const struct mete_profile_holder *holder) {
    const struct mete__page *page = &chapter->page;
    const char *name = mete__profile_string(chapter->report->profile, holder->name);
    uint64_t left = mete__report_holder_left(holder);

    mete__page_print(page, METE__PAGE_PLAIN, "  %s ", mete__report_holder_name(holder->kind));
    mete__page_text(page, METE__PAGE_STRONG, name, METE__PAGE_ENDLESS, false);
    mete__page_print(page, METE__PAGE_PLAIN, "  %s created",
                     mete__units_count(METE__UNITS, holder->created));
    if (left != 0)
        mete__page_print(page, METE__PAGE_BAD, ", %s not destroyed",
                         mete__units_count(METE__UNITS, left));
    if (holder->reserved_bytes != 0)
        mete__page_print(page, METE__PAGE_PLAIN, ", %s of %s in use",
                         mete__units_bytes(METE__UNITS, holder->live_bytes),
                         mete__units_bytes(METE__UNITS, holder->reserved_bytes));
    if (holder->live_blocks != 0)
        mete__page_print(page, METE__PAGE_PLAIN, " by %s block%s",
                         mete__units_count(METE__UNITS, holder->live_blocks),
                         mete__units_plural(holder->live_blocks));
    mete__page_print(page, METE__PAGE_PLAIN, ", peak %s\n",
                     mete__units_bytes(METE__UNITS, holder->peak_bytes));
}

static int print_holder(struct mete__report_chapter *chapter,
                        const struct mete_profile_holder *holder) {
    print_figures(chapter, holder);
    if (mete__report_holder_left(holder) == 0 || holder->stack == 0) return 0;
    int status = mete__backtrace_read(&chapter->backtrace, chapter->report->profile,
                                      chapter->report->symbols, holder->stack);
    if (status == 0) mete__report_stack_print(chapter, 6);
    return status;
}

/* First those that are left over. */
static int print_holders(struct mete__report_chapter *chapter, uint64_t count, bool leftovers,
                         uint64_t *room) {
    int status = 0;

    for (uint64_t i = 0; i < count && status == 0 && *room > 0; i++) {
        const struct mete_profile_holder *holder = holder_at(chapter->report, i);
        if (holder->created == 0 || (mete__report_holder_left(holder) != 0) != leftovers) continue;
        status = print_holder(chapter, holder);
        --*room;
    }
    return status;
}

int mete__report_holders(struct mete__report_chapter *chapter) {
    struct mete__report *report = chapter->report;
    uint64_t count = mete__profile_count(report->profile, METE_SECTION_HOLDERS);
    uint64_t all = 0, left = 0;
    uint64_t room = report->options.top != 0 ? report->options.top : HOLDERS_SHOWN;

    for (uint64_t i = 0; i < count; i++) {
        const struct mete_profile_holder *holder = holder_at(report, i);
        if (holder->created == 0) continue; /* not yet published */
        all++;
        left += mete__report_holder_left(holder);
        if (mete__report_holder_left(holder) != 0)
            mete__symbols_want(report->symbols, holder->stack);
    }
    if (all == 0) return 0;
    int status = mete__symbols_resolve(report->symbols);
    mete__progress_end(&report->progress);

    if (left != 0)
        mete__page_heading(&chapter->page, "Pools, arenas and maps", "%s not destroyed",
                           mete__units_count(METE__UNITS, left));
    else
        mete__page_heading(&chapter->page, "Pools, arenas and maps", "all destroyed");
    uint64_t shown = all < room ? all : room;
    if (status == 0) status = print_holders(chapter, count, true, &room);
    if (status == 0) status = print_holders(chapter, count, false, &room);
    if (shown < all)
        mete__page_print(&chapter->page, METE__PAGE_PLAIN,
                         "\n  %s more: --top or --json shows them\n",
                         mete__units_count(METE__UNITS, all - shown));
    return status;
}
