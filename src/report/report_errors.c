#include <errno.h>
#include <stdlib.h>

#include "report/report_chapter.h"
#include "report/report_stack.h"
#include "report/units.h"

#define ERRORS_SHOWN 10

/* "4 bytes after a block of 13 bytes" */
static void print_place(const struct mete__page *page, const struct mete_profile_error *error) {
    uint64_t size = error->block_bytes;
    int64_t offset = error->offset;
    const char *where = "into";
    uint64_t distance = (uint64_t)offset;

    if (size == 0 && error->allocated_at == 0) {
        mete__page_print(page, METE__PAGE_PLAIN, ", which is in no block");
        return;
    }
    if (offset == 0) {
        mete__page_print(page, METE__PAGE_PLAIN, ", the start of a block of %s byte%s",
                         mete__units_count(METE__UNITS, size), mete__units_plural(size));
        return;
    }
    if (offset < 0) {
        where = "before";
        distance = -(uint64_t)offset;
    } else if (distance >= size) {
        where = "past the end of";
        distance -= size;
    }
    mete__page_print(page, METE__PAGE_PLAIN, ", %s byte%s %s a block of %s byte%s",
                     mete__units_count(METE__UNITS, distance), mete__units_plural(distance), where,
                     mete__units_count(METE__UNITS, size), mete__units_plural(size));
}

static int print_stack(struct mete__report_chapter *chapter, const char *label, uint32_t stack) {
    if (stack == 0) return 0;
    int status = mete__backtrace_read(&chapter->backtrace, chapter->report->profile,
                                      chapter->report->symbols, stack);
    if (status != 0) return status;
    if (label != NULL) mete__page_print(&chapter->page, METE__PAGE_PLAIN, "    %s\n", label);
    mete__report_stack_print(chapter, 6);
    return 0;
}

/* What makes a mismatched-free one. */
static void print_mismatch(const struct mete__page *page, const struct mete_profile_error *error) {
    static const char *const allocated[] = {"an unknown function", "malloc", "operator new",
                                            "operator new[]"};
    static const char *const freed[] = {"an unknown function", "free or realloc", "operator delete",
                                        "operator delete[]"};

    if (error->allocated_by == error->freed_by)
        mete__page_print(page, METE__PAGE_PLAIN, "    freed as a block of %s byte%s\n",
                         mete__units_count(METE__UNITS, error->said_bytes),
                         mete__units_plural(error->said_bytes));
    else
        mete__page_print(page, METE__PAGE_PLAIN, "    allocated by %s, freed by %s\n",
                         allocated[error->allocated_by % METE_COUNT_OF(allocated)],
                         freed[error->freed_by % METE_COUNT_OF(freed)]);
}

static int print_error(struct mete__report_chapter *chapter,
                       const struct mete_profile_error *error) {
    const struct mete__page *page = &chapter->page;

    fputs("\n  ", page->out);
    mete__page_print(page, METE__PAGE_BAD, "%s", mete__report_error_name(error->kind));
    mete__page_print(page, METE__PAGE_PLAIN, " of 0x%llx", (unsigned long long)error->address);
    print_place(page, error);
    if (error->repeats != 0)
        mete__page_print(page, METE__PAGE_PLAIN, ", %s times",
                         mete__units_count(METE__UNITS, (uint64_t)error->repeats + 1));
    putc('\n', page->out);
    if (error->kind == METE_ERROR_MISMATCHED_FREE) print_mismatch(page, error);
    int status = print_stack(chapter, NULL, error->stack);
    if (status == 0) status = print_stack(chapter, "freed at", error->freed_at);
    if (status == 0) status = print_stack(chapter, "allocated at", error->allocated_at);
    return status;
}

int mete__report_errors(struct mete__report_chapter *chapter) {
    struct mete__report *report = chapter->report;
    const struct mete__findings *findings = report->findings;
    size_t all = findings->error_count - findings->errors_suppressed;
    size_t limit = report->options.top != 0 ? report->options.top : ERRORS_SHOWN;
    size_t shown = 0;
    int status = 0;

    if (all == 0) return 0;
    for (size_t i = 0; i < findings->error_count && shown < limit; i++) {
        if (findings->errors[i].suppressed) continue;
        const struct mete_profile_error *error = &findings->errors[i].record;
        mete__symbols_want(report->symbols, error->stack);
        mete__symbols_want(report->symbols, error->allocated_at);
        mete__symbols_want(report->symbols, error->freed_at);
        shown++;
    }
    status = mete__symbols_resolve(report->symbols);
    mete__progress_end(&report->progress);

    mete__page_heading(&chapter->page, "Errors", "%s", mete__units_count(METE__UNITS, all));
    for (size_t i = 0, printed = 0; i < findings->error_count && printed < shown && status == 0;
         i++) {
        if (findings->errors[i].suppressed) continue;
        status = print_error(chapter, &findings->errors[i].record);
        printed++;
    }
    if (shown < all)
        mete__page_print(&chapter->page, METE__PAGE_PLAIN,
                         "\n  %s more: --top or --json shows them\n",
                         mete__units_count(METE__UNITS, all - shown));
    return status;
}
