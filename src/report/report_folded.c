#include "report/report_folded.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/symbols/backtrace.h"

/* ';' ends a frame here and a control character could end the line. */
static void print_name(const char *name, FILE *out) {
    for (; *name != '\0'; name++) {
        unsigned char c = (unsigned char)*name;
        putc(c == ';' ? ':' : c < 0x20 || c == 0x7f ? '?' : c, out);
    }
}

static void print_frame(const struct mete__frame *frame, FILE *out) {
    const char *slash = strrchr(frame->module, '/');

    if (frame->function != NULL) {
        print_name(frame->function, out);
        return;
    }
    print_name(slash == NULL ? frame->module : slash + 1, out);
    fprintf(out, "+0x%llx", (unsigned long long)frame->offset);
}

static void print_site(const struct mete__backtrace *backtrace, uint64_t weight, FILE *out) {
    if (backtrace->count == 0) fputs("[no stack]", out);
    for (size_t i = backtrace->count; i-- > 0;) {
        print_frame(backtrace->frames[i], out);
        if (i != 0) putc(';', out);
    }
    fprintf(out, " %llu\n", (unsigned long long)weight);
}

int mete__report_folded(struct mete__report *report, FILE *out) {
    const struct mete__summary *summary = report->summary;
    struct mete__backtrace backtrace = {0};
    int status;

    for (size_t i = 0; i < summary->site_count; i++)
        if (mete__report_weight(&summary->sites[i], report->options.sort) != 0)
            mete__symbols_want(report->symbols, summary->sites[i].stack);
    status = mete__symbols_resolve(report->symbols);
    mete__progress_end(&report->progress);

    for (size_t i = 0; i < summary->site_count && status == 0; i++) {
        uint64_t weight = mete__report_weight(&summary->sites[i], report->options.sort);
        if (weight == 0) continue;
        status = mete__backtrace_read(&backtrace, report->profile, report->symbols,
                                      summary->sites[i].stack);
        if (status == 0) print_site(&backtrace, weight, out);
    }
    mete__backtrace_free(&backtrace);
    if (status == 0 && (fflush(out) != 0 || ferror(out))) status = errno != 0 ? -errno : -EIO;
    return status;
}
