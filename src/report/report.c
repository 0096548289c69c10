#include "report/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/findings/wrappers.h"

static int read_suppressions(struct mete__report *report, char *why, size_t why_size) {
    if (report->options.suppression_file_count == 0) return 0;
    report->suppressions = mete__suppressions_open();
    if (report->suppressions == NULL) return -ENOMEM;
    for (size_t i = 0; i < report->options.suppression_file_count; i++) {
        int status = mete__suppressions_read(report->suppressions,
                                             report->options.suppression_files[i], why, why_size);
        if (status != 0) return status;
    }
    return 0;
}

static int open_symbols(struct mete__report *report) {
    struct mete__symbols_options options = {
        .debug_directory = report->options.debug_directory,
        .progress = mete__progress_show,
        .context = &report->progress,
    };

    int status = mete__symbols_open(report->profile, &options, &report->symbols);
    return status != 0 ? status
                       : mete__site_types_open(report->profile, report->symbols, &report->types);
}

int mete__report_open(const char *path, const struct mete__report_options *options,
                      struct mete__report **out, char *why, size_t why_size) {
    struct mete__report *report = calloc(1, sizeof *report);

    snprintf(why, why_size, "%s: not enough memory for the report", path);
    if (report == NULL) return -ENOMEM;
    report->options = *options;
    report->path = path;
    mete__progress_begin(&report->progress, options->progress);

    int status = read_suppressions(report, why, why_size);
    if (status == 0) status = mete__profile_open(path, &report->profile, why, why_size);
    if (status == 0) status = mete__summary_make(report->profile, &report->summary);
    if (status == 0) status = open_symbols(report);
    if (status == 0)
        status = mete__findings_make(report->profile, report->symbols, report->suppressions,
                                     &report->findings);
    mete__progress_end(&report->progress);
    if (status != 0) {
        mete__report_close(report);
        return status;
    }
    *out = report;
    return 0;
}

void mete__report_close(struct mete__report *report) {
    if (report == NULL) return;
    mete__findings_free(report->findings);
    mete__site_types_close(report->types);
    mete__symbols_close(report->symbols);
    mete__summary_free(report->summary);
    if (report->profile != NULL) mete__profile_close(report->profile);
    mete__suppressions_close(report->suppressions);
    free(report);
}

bool mete__report_is_bad(const struct mete__report *report) {
    return mete__findings_are_bad(report->findings);
}

int mete__report_find_wrappers(struct mete__report *report) {
    if (report->knows_wrappers) return 0;
    int status = mete__wrappers_find(report->profile, report->symbols, report->summary);
    mete__progress_end(&report->progress);
    report->knows_wrappers = status == 0;
    return status;
}

/* --- Sites in order --- */

uint64_t mete__report_weight(const struct mete__summary_site *site, enum mete__report_sort sort) {
    switch (sort) {
    case METE__REPORT_SORT_LIVE: return site->live_bytes;
    case METE__REPORT_SORT_ALLOCATED: return site->allocated_bytes;
    case METE__REPORT_SORT_TEMPORARY: return site->temporary;
    case METE__REPORT_SORT_COUNT: return site->allocations;
    case METE__REPORT_SORT_PEAK:
    case METE__REPORT_SORT_DEFAULT: break;
    }
    return site->peak_live_bytes;
}

/* Ties go to the site that asked for more, then to the one seen first: the order is always the
 * same. */
static int by_weight(const void *left, const void *right, void *context) {
    const struct mete__summary_site *a = *(const struct mete__summary_site *const *)left;
    const struct mete__summary_site *b = *(const struct mete__summary_site *const *)right;
    enum mete__report_sort sort = *(enum mete__report_sort *)context;
    uint64_t a_weight = mete__report_weight(a, sort), b_weight = mete__report_weight(b, sort);

    if (a_weight != b_weight) return a_weight > b_weight ? -1 : 1;
    if (a->allocated_bytes != b->allocated_bytes)
        return a->allocated_bytes > b->allocated_bytes ? -1 : 1;
    return a->stack < b->stack ? -1 : a->stack > b->stack;
}

const struct mete__summary_site **mete__report_sorted(const struct mete__report *report,
                                                      enum mete__report_sort sort) {
    size_t count = report->summary->site_count;
    const struct mete__summary_site **sites =
        calloc(count + 1, sizeof(const struct mete__summary_site *));

    if (sites == NULL) return NULL;
    for (size_t i = 0; i < count; i++) sites[i] = &report->summary->sites[i];
    qsort_r(sites, count, sizeof(const struct mete__summary_site *), by_weight, &sort);
    return sites;
}

/* --- Words --- */

const char *mete__report_mode_name(uint32_t mode) {
    switch (mode) {
    case METE_PROFILE_STATS: return "stats";
    case METE_PROFILE_SAMPLED: return "sampled";
    case METE_PROFILE_EXACT: return "exact";
    case METE_PROFILE_CHECK: return "check";
    case METE_PROFILE_GUARD: return "guard";
    default: return "unknown";
    }
}

const char *mete__report_error_name(uint32_t kind) {
    switch (kind) {
    case METE_ERROR_DOUBLE_FREE: return "double-free";
    case METE_ERROR_INVALID_FREE: return "invalid-free";
    case METE_ERROR_INTERIOR_FREE: return "interior-free";
    case METE_ERROR_MISMATCHED_FREE: return "mismatched-free";
    case METE_ERROR_HEAP_OVERFLOW: return "heap-overflow";
    case METE_ERROR_HEAP_UNDERFLOW: return "heap-underflow";
    case METE_ERROR_USE_AFTER_FREE: return "use-after-free";
    case METE_ERROR_WRITE_AFTER_FREE: return "write-after-free";
    default: return "unknown";
    }
}

const char *mete__report_leak_name(uint32_t kind) {
    switch (kind) {
    case METE_LEAK_DEFINITE: return "definite";
    case METE_LEAK_INDIRECT: return "indirect";
    case METE_LEAK_POSSIBLE: return "possible";
    case METE_LEAK_REACHABLE: return "reachable";
    default: return "unknown";
    }
}

const char *mete__report_holder_name(uint32_t kind) {
    switch (kind) {
    case METE_HOLDER_POOL: return "pool";
    case METE_HOLDER_ARENA: return "arena";
    case METE_HOLDER_MAP: return "file map";
    case METE_HOLDER_HEAP: return "heap";
    case METE_HOLDER_ALLOCATOR: return "allocator";
    default: return "unknown";
    }
}

uint64_t mete__report_holder_left(const struct mete_profile_holder *holder) {
    uint64_t gone = holder->destroyed + holder->kept;
    return holder->created > gone ? holder->created - gone : 0;
}
