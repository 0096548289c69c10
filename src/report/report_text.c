#include "report/report_text.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "report/report_chapter.h"

int mete__report_text(struct mete__report *report, FILE *out) {
    static int (*const chapters[])(struct mete__report_chapter *) = {
        mete__report_totals, mete__report_errors, mete__report_leaks, mete__report_holders,
        mete__report_sites,  mete__report_types,  mete__report_sizes, mete__report_notes,
    };
    struct mete__report_chapter chapter = {.report = report, .folder = getcwd(NULL, 0)};
    int status = mete__report_find_wrappers(report);

    mete__page_open(&chapter.page, out);
    for (size_t i = 0; i < METE_COUNT_OF(chapters) && status == 0; i++)
        status = chapters[i](&chapter);
    mete__progress_end(&report->progress);
    mete__backtrace_free(&chapter.backtrace);
    free(chapter.folder);
    return mete__page_close(&chapter.page, status);
}
