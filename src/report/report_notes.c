#include <stdio.h>

#include "analysis/blocks/instruction.h"
#include "report/report_chapter.h"
#include "report/units.h"

/* A line of the last chapter; the first one begins it. */
static void begin_note(const struct mete__page *page, bool *any) {
    if (!*any) mete__page_heading(page, "Notes", NULL);
    *any = true;
    mete__page_gap(page, 2);
}

static void print_losses(const struct mete__report_chapter *chapter, bool *any) {
    const struct mete__page *page = &chapter->page;
    const struct mete_profile_header *header = mete__profile_header(chapter->report->profile);

    if (header->dropped_allocations != 0) {
        begin_note(page, any);
        mete__page_print(page, METE__PAGE_BAD,
                         "%s allocation%s could not be recorded with a stack: memory, the disk or "
                         "the profile's size cap ran out\n",
                         mete__units_count(METE__UNITS, header->dropped_allocations),
                         mete__units_plural(header->dropped_allocations));
    }
    if (header->dropped_errors != 0) {
        begin_note(page, any);
        mete__page_print(page, METE__PAGE_BAD, "%s error%s could not be recorded\n",
                         mete__units_count(METE__UNITS, header->dropped_errors),
                         mete__units_plural(header->dropped_errors));
    }
    if (header->truncated_stacks != 0) {
        begin_note(page, any);
        mete__page_print(page, METE__PAGE_PLAIN,
                         "%s stack%s could not be followed to the outermost frame\n",
                         mete__units_count(METE__UNITS, header->truncated_stacks),
                         mete__units_plural(header->truncated_stacks));
    }
}

static void print_inherited(const struct mete__report_chapter *chapter, bool *any) {
    const struct mete__page *page = &chapter->page;
    const struct mete__summary_totals *inherited = &chapter->report->summary->inherited;

    if (inherited->allocations == 0) return;
    begin_note(page, any);
    mete__page_print(
        page, METE__PAGE_PLAIN,
        "a forked child: %s of the allocations are its parent's, from before the fork\n",
        mete__units_count(METE__UNITS, inherited->allocations));
}

static void print_modules(const struct mete__report_chapter *chapter, bool *any) {
    const struct mete__page *page = &chapter->page;
    uint64_t modules = mete__profile_count(chapter->report->profile, METE_SECTION_MODULES);
    const char *path, *note;

    for (uint64_t i = 0; i < modules; i++) {
        if (!mete__symbols_note(chapter->report->symbols, i, &path, &note)) continue;
        begin_note(page, any);
        mete__page_text(page, METE__PAGE_PLAIN, path, METE__PAGE_ENDLESS, false);
        mete__page_print(page, METE__PAGE_PLAIN, " %s\n", note);
    }
}

static void print_suppressions(const struct mete__report_chapter *chapter, bool *any) {
    const struct mete__page *page = &chapter->page;
    const struct mete__report *report = chapter->report;
    struct mete__suppression_use use;

    if (report->suppressions == NULL) return;
    for (size_t i = 0; mete__suppressions_use(report->suppressions, i, &use); i++) {
        /* Whether one for leaks is of use shows only where leaks were looked for. */
        bool could = (use.for_leaks && report->findings->leaks_checked) || use.for_errors;
        if (use.matches != 0 || !could) continue;
        begin_note(page, any);
        mete__page_print(page, METE__PAGE_PLAIN, "unused suppression: ");
        mete__page_text(page, METE__PAGE_PLAIN, use.name, METE__PAGE_ENDLESS, false);
        mete__page_print(page, METE__PAGE_FAINT, " (");
        mete__page_text(page, METE__PAGE_FAINT, use.file, METE__PAGE_ENDLESS, false);
        mete__page_print(page, METE__PAGE_FAINT, ":%u)\n", use.line);
    }
    if (report->findings->errors_suppressed != 0) {
        begin_note(page, any);
        mete__page_print(page, METE__PAGE_PLAIN, "%s error%s suppressed\n",
                         mete__units_count(METE__UNITS, report->findings->errors_suppressed),
                         mete__units_plural(report->findings->errors_suppressed));
    }
}

static void print_missing(const struct mete__report_chapter *chapter, bool *any) {
    const struct mete__page *page = &chapter->page;
    const char *library = mete__instruction_missing();

    if (library == NULL) return;
    begin_note(page, any);
    mete__page_print(page, METE__PAGE_PLAIN,
                     "%s is not installed: without it few types of blocks are known\n", library);
}

int mete__report_notes(struct mete__report_chapter *chapter) {
    const struct mete__page *page = &chapter->page;
    const struct mete_profile_header *header = mete__profile_header(chapter->report->profile);
    bool any = false;

    print_losses(chapter, &any);
    print_inherited(chapter, &any);
    print_modules(chapter, &any);
    print_suppressions(chapter, &any);
    print_missing(chapter, &any);

    putc('\n', page->out);
    mete__page_print(page, METE__PAGE_FAINT, "The profile is ");
    mete__page_text(page, METE__PAGE_FAINT, chapter->report->path, METE__PAGE_ENDLESS, false);
    if (header->tracker_bytes != 0)
        mete__page_print(page, METE__PAGE_FAINT, "; keeping it took %s of memory",
                         mete__units_bytes(METE__UNITS, header->tracker_bytes));
    mete__page_print(page, METE__PAGE_FAINT, ".\n");
    return 0;
}
