/*
 * report/report.h - what a profile says: opened once, printed in any number of forms.
 *
 *     struct mete__report *report;
 *     if (mete__report_open(path, &options, &report, why, sizeof why) != 0) …say why…
 *     mete__report_text(report, stderr);         report_text.h    for people
 *     mete__report_json(report, file);           report_json.h    for programs
 *     mete__report_close(report);
 *
 * Names are looked up when a form asks for them and kept for the next. Not thread-safe.
 */
#ifndef METE_REPORT_REPORT_H
#define METE_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/blocks/site_types.h"
#include "analysis/findings/findings.h"
#include "analysis/findings/suppressions.h"
#include "analysis/symbols/symbols.h"
#include "base/compiler.h"
#include "profile/reader.h"
#include "profile/summary.h"
#include "report/progress.h"

enum mete__report_sort {
    METE__REPORT_SORT_DEFAULT =
        0, /* JSON by peak; text shows a table for each of the interesting ones */
    METE__REPORT_SORT_LIVE,
    METE__REPORT_SORT_PEAK,
    METE__REPORT_SORT_ALLOCATED,
    METE__REPORT_SORT_TEMPORARY,
    METE__REPORT_SORT_COUNT,
};

/* Zero-initialised for defaults. All texts must outlive the report. */
struct mete__report_options {
    enum mete__report_sort sort;
    uint32_t top; /* entries of a table, of leaks too; 0: as many as the form thinks good */
    const char *debug_directory;          /* searched before the usual places; NULL: none */
    const char *const *suppression_files; /* Valgrind's or LSan's syntax */
    size_t suppression_file_count;
    bool progress; /* on standard error where that is a terminal and it takes long */
};

struct mete__report {
    struct mete__report_options options;
    const char *path; /* of the profile; the caller's */
    struct mete__profile *profile;
    struct mete__summary *summary;
    struct mete__symbols *symbols;
    struct mete__site_types *types;
    struct mete__suppressions *suppressions; /* NULL: none were given */
    struct mete__findings *findings;
    struct mete__progress progress;
    bool knows_wrappers; /* they are marked in the symbols */
};

/* Reads the profile and decides on suppressions. On failure a negative errno, and `why` holds one
 * sentence that names the file. */
METE_MUST_USE int mete__report_open(const char *path, const struct mete__report_options *options,
                                    struct mete__report **out, char *why, size_t why_size);
void mete__report_close(struct mete__report *report);

/* Whether --error-exitcode applies: an error, or a definite or indirect leak, that is not
 * suppressed. */
bool mete__report_is_bad(const struct mete__report *report);

/* Finds out which functions of the program only pass requests on, so that stacks can be named after
 * the code that wants the memory; done once, for the forms that people read. -ENOMEM. */
METE_MUST_USE int mete__report_find_wrappers(struct mete__report *report);

/* The sites, best first in the order asked for (`sort` as given; METE__REPORT_SORT_DEFAULT is by
 * peak): an array of summary.site_count pointers, from malloc. NULL where memory ran out. */
const struct mete__summary_site **mete__report_sorted(const struct mete__report *report,
                                                      enum mete__report_sort sort);
/* What a site is sorted by. */
uint64_t mete__report_weight(const struct mete__summary_site *site, enum mete__report_sort sort);

/* "exact", "heap-overflow", "definite": the words of the JSON. "unknown" for other numbers. */
const char *mete__report_mode_name(uint32_t mode);
const char *mete__report_error_name(uint32_t kind);
const char *mete__report_holder_name(uint32_t kind);
/* How many of them nobody has destroyed, nor will. */
uint64_t mete__report_holder_left(const struct mete_profile_holder *holder);
const char *mete__report_leak_name(uint32_t kind);

#endif
