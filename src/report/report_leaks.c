#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/findings/grouping.h"
#include "report/report_chapter.h"
#include "report/report_stack.h"
#include "report/units.h"

#define GROUPS_SHOWN    10 /* lost blocks, with their stacks */
#define REACHABLE_SHOWN 3  /* the others, a line each */

/* All leaks whose stacks read the same. */
struct group {
    struct mete__finding_amount kinds[METE_LEAK_REACHABLE + 1]; /* by leak kind */
    struct mete__finding_amount lost;                           /* all but the reachable ones */
    uint32_t stack;                                             /* of one of them */
    uint32_t number;
};

struct groups {
    struct group *items;
    size_t count;
};

static void add(struct mete__finding_amount *sum, const struct mete__finding_amount *amount) {
    sum->bytes += amount->bytes;
    sum->blocks += amount->blocks;
}

/* Largest loss first, then what is only reachable. */
static int by_size(const void *left, const void *right) {
    const struct group *a = left, *b = right;
    const struct mete__finding_amount *a_rest = &a->kinds[METE_LEAK_REACHABLE];
    const struct mete__finding_amount *b_rest = &b->kinds[METE_LEAK_REACHABLE];

    if ((a->lost.blocks == 0) != (b->lost.blocks == 0)) return a->lost.blocks == 0 ? 1 : -1;
    if (a->lost.bytes != b->lost.bytes) return a->lost.bytes > b->lost.bytes ? -1 : 1;
    if (a->lost.blocks != b->lost.blocks) return a->lost.blocks > b->lost.blocks ? -1 : 1;
    if (a_rest->bytes != b_rest->bytes) return a_rest->bytes > b_rest->bytes ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

static int make_groups(struct mete__report_chapter *chapter, struct groups *groups) {
    const struct mete__findings *findings = chapter->report->findings;
    struct mete__grouping *grouping = mete__grouping_open();
    int status = -ENOMEM;

    *groups = (struct groups){.items = calloc(findings->leak_count + 1, sizeof(struct group))};
    if (grouping == NULL || groups->items == NULL) goto out;
    for (size_t i = 0; i < findings->leak_count; i++) {
        const struct mete__finding_leak *leak = &findings->leaks[i];
        struct mete__backtrace *backtrace = &chapter->backtrace;
        if (leak->suppressed) continue;
        status = mete__backtrace_read(backtrace, chapter->report->profile, chapter->report->symbols,
                                      leak->stack);
        if (status != 0) goto out;
        uint32_t number = mete__grouping_number(grouping, backtrace->frames + backtrace->shown_from,
                                                backtrace->shown_to - backtrace->shown_from);
        if (number > findings->leak_count) {
            status = -ENOMEM;
            goto out;
        }
        struct group *group = &groups->items[number]; /* 0: leaks without a stack */
        if (number >= groups->count) groups->count = number + 1;
        group->stack = leak->stack;
        group->number = number;
        add(&group->kinds[leak->kind], &leak->amount);
        if (leak->kind != METE_LEAK_REACHABLE) add(&group->lost, &leak->amount);
    }
    qsort(groups->items, groups->count, sizeof *groups->items, by_size);
    status = 0;
out:
    mete__grouping_close(grouping);
    return status;
}

/* --- Printing --- */

static void print_amount(const struct mete__page *page, enum mete__page_style style,
                         const struct mete__finding_amount *amount) {
    mete__page_print(page, style, "%s in %s block%s", mete__units_bytes(METE__UNITS, amount->bytes),
                     mete__units_count(METE__UNITS, amount->blocks),
                     mete__units_plural(amount->blocks));
}

static void print_summary(struct mete__report_chapter *chapter) {
    static const struct {
        enum mete_profile_leak_kind kind;
        const char *words;
    } rows[] = {
        {METE_LEAK_DEFINITE, "definitely lost"},
        {METE_LEAK_INDIRECT, "indirectly lost"},
        {METE_LEAK_POSSIBLE, "possibly lost"},
        {METE_LEAK_REACHABLE, "still reachable"},
    };
    const struct mete__page *page = &chapter->page;
    const struct mete__findings *findings = chapter->report->findings;

    for (size_t i = 0; i < METE_COUNT_OF(rows); i++) {
        const struct mete__finding_amount *amount = &findings->kinds[rows[i].kind];
        bool bad = rows[i].kind == METE_LEAK_DEFINITE || rows[i].kind == METE_LEAK_INDIRECT;
        if (amount->blocks == 0) continue;
        mete__page_print(page, bad ? METE__PAGE_BAD : METE__PAGE_PLAIN, "  %-16s", rows[i].words);
        mete__page_print(page, METE__PAGE_PLAIN, "  %9s in %s block%s\n",
                         mete__units_bytes(METE__UNITS, amount->bytes),
                         mete__units_count(METE__UNITS, amount->blocks),
                         mete__units_plural(amount->blocks));
    }
    if (findings->suppressed.blocks != 0)
        mete__page_print(page, METE__PAGE_FAINT, "  %-16s  %9s in %s block%s\n", "suppressed",
                         mete__units_bytes(METE__UNITS, findings->suppressed.bytes),
                         mete__units_count(METE__UNITS, findings->suppressed.blocks),
                         mete__units_plural(findings->suppressed.blocks));
}

/* "definite", or "definite 80 B in 1 block, indirect 1.1 KiB in 13 blocks". */
static void print_kinds(const struct mete__page *page, const struct group *group) {
    int kinds = 0;

    for (int kind = METE_LEAK_DEFINITE; kind <= METE_LEAK_REACHABLE; kind++)
        kinds += group->kinds[kind].blocks != 0;
    for (int kind = METE_LEAK_DEFINITE, printed = 0; kind <= METE_LEAK_REACHABLE; kind++) {
        if (group->kinds[kind].blocks == 0) continue;
        fputs(printed++ == 0 ? "  " : ", ", page->out);
        mete__page_print(page, kind <= METE_LEAK_INDIRECT ? METE__PAGE_BAD : METE__PAGE_PLAIN, "%s",
                         mete__report_leak_name((uint32_t)kind));
        if (kinds == 1) continue;
        putc(' ', page->out);
        print_amount(page, METE__PAGE_PLAIN, &group->kinds[kind]);
    }
}

static int print_group(struct mete__report_chapter *chapter, const struct group *group) {
    const struct mete__page *page = &chapter->page;
    int status = mete__backtrace_read(&chapter->backtrace, chapter->report->profile,
                                      chapter->report->symbols, group->stack);

    if (status != 0) return status;
    fputs("\n  ", page->out);
    print_amount(page, METE__PAGE_STRONG, &group->lost);
    print_kinds(page, group);
    putc('\n', page->out);
    if (chapter->backtrace.count == 0)
        mete__page_print(page, METE__PAGE_FAINT, "      (no stack was recorded)\n");
    mete__report_stack_print(chapter, 6);
    return 0;
}

/* One line: what is still pointed to at the end is seldom a mistake. */
static int print_reachable(struct mete__report_chapter *chapter, const struct group *group) {
    const struct mete__page *page = &chapter->page;
    char function[METE__REPORT_STACK_TEXT] = "(no stack)", location[METE__REPORT_STACK_TEXT] = "";
    int status = mete__backtrace_read(&chapter->backtrace, chapter->report->profile,
                                      chapter->report->symbols, group->stack);

    if (status != 0) return status;
    if (chapter->backtrace.count != 0) {
        const struct mete__frame *frame = chapter->backtrace.frames[chapter->backtrace.shown_from];
        mete__report_stack_function(chapter, frame, function);
        mete__report_stack_location(chapter, frame, location);
    }
    mete__page_print(page, METE__PAGE_PLAIN, "  %9s in %s block%s still reachable  ",
                     mete__units_bytes(METE__UNITS, group->kinds[METE_LEAK_REACHABLE].bytes),
                     mete__units_count(METE__UNITS, group->kinds[METE_LEAK_REACHABLE].blocks),
                     mete__units_plural(group->kinds[METE_LEAK_REACHABLE].blocks));
    mete__page_text(page, METE__PAGE_PLAIN, function, 40, false);
    mete__page_gap(page, 2);
    mete__page_text(page, METE__PAGE_PLAIN, location, page->width > 96 ? page->width - 86 : 24,
                    true);
    putc('\n', page->out);
    return 0;
}

static int print_groups(struct mete__report_chapter *chapter, const struct groups *groups) {
    size_t limit = chapter->report->options.top != 0 ? chapter->report->options.top : GROUPS_SHOWN;
    size_t lost = 0, i = 0;
    struct mete__finding_amount rest = {0};
    int status = 0;

    while (lost < groups->count && groups->items[lost].lost.blocks != 0) lost++;
    for (; i < lost && i < limit && status == 0; i++)
        status = print_group(chapter, &groups->items[i]);
    for (; i < lost; i++) add(&rest, &groups->items[i].lost);
    if (rest.blocks != 0) {
        fputs("\n  ", chapter->page.out);
        print_amount(&chapter->page, METE__PAGE_PLAIN, &rest);
        mete__page_print(&chapter->page, METE__PAGE_PLAIN,
                         " at %s more places: --top or --json shows them\n",
                         mete__units_count(METE__UNITS, lost - limit));
    }
    for (size_t j = lost; j < groups->count && j < lost + REACHABLE_SHOWN && status == 0; j++) {
        if (groups->items[j].kinds[METE_LEAK_REACHABLE].blocks == 0) break;
        if (j == lost) putc('\n', chapter->page.out);
        status = print_reachable(chapter, &groups->items[j]);
    }
    return status;
}

/* Nothing lost, nothing wrong: that is said in a line or two. */
static void print_clean(struct mete__report_chapter *chapter) {
    const struct mete__page *page = &chapter->page;
    const struct mete__report *report = chapter->report;
    const struct mete__findings *findings = report->findings;
    uint64_t reachable = findings->kinds[METE_LEAK_REACHABLE].blocks;
    bool errors = findings->error_count > findings->errors_suppressed;

    putc('\n', page->out);
    mete__page_print(page, METE__PAGE_GOOD, "%s", errors ? "No leaks" : "No leaks, no errors");
    if (findings->suppressed.blocks != 0)
        mete__page_print(page, METE__PAGE_PLAIN, " but the suppressed ones: ");
    if (findings->suppressed.blocks != 0)
        print_amount(page, METE__PAGE_PLAIN, &findings->suppressed);
    if (reachable != 0) {
        mete__page_print(page, METE__PAGE_PLAIN, "; still reachable at the end: ");
        print_amount(page, METE__PAGE_PLAIN, &findings->kinds[METE_LEAK_REACHABLE]);
    } else if (findings->suppressed.blocks == 0 && report->summary->totals.live_blocks == 0) {
        mete__page_print(page, METE__PAGE_PLAIN,
                         report->summary->totals.allocations == 0 ? ": nothing was allocated"
                                                                  : ": every block was freed");
    }
    fputs(".\n", page->out);
}

static void print_no_check(struct mete__report_chapter *chapter) {
    const struct mete_profile_header *header = mete__profile_header(chapter->report->profile);

    if (header->leak_check == METE_LEAK_CHECK_FAILED)
        mete__page_heading(&chapter->page, "Leaks", "not known: the check could not run (%s)",
                           strerror((int)header->leak_check_errno));
    else if (header->leak_check == METE_LEAK_CHECK_RUNNING)
        mete__page_heading(&chapter->page, "Leaks", "not known: the check did not come to its end");
    else if (header->mode == METE_PROFILE_EXACT && header->state == METE_PROFILE_RUNNING &&
             header->end != METE_PROFILE_END_UNKNOWN)
        mete__page_heading(&chapter->page, "Leaks",
                           "not looked for: the program did not end by exit()");
}

int mete__report_leaks(struct mete__report_chapter *chapter) {
    const struct mete__findings *findings = chapter->report->findings;
    const struct mete__finding_amount *kinds = findings->kinds;
    struct groups groups;

    if (!findings->leaks_checked) {
        print_no_check(chapter);
        return 0;
    }
    if (kinds[METE_LEAK_DEFINITE].blocks == 0 && kinds[METE_LEAK_INDIRECT].blocks == 0 &&
        kinds[METE_LEAK_POSSIBLE].blocks == 0) {
        print_clean(chapter);
        return 0;
    }
    for (size_t i = 0; i < findings->leak_count; i++)
        if (!findings->leaks[i].suppressed)
            mete__symbols_want(chapter->report->symbols, findings->leaks[i].stack);
    int status = mete__symbols_resolve(chapter->report->symbols);
    mete__progress_end(&chapter->report->progress);
    if (status != 0) return status;

    status = make_groups(chapter, &groups);
    if (status == 0) {
        mete__page_heading(&chapter->page, "Leaks", NULL);
        print_summary(chapter);
        status = print_groups(chapter, &groups);
    }
    free(groups.items);
    return status;
}
