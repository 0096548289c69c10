/*
 * cli/cmd_report.c - `mete report FILE`: says what a profile holds, as text or in other forms.
 */
#include <stddef.h>
#include <stdio.h>

#include "base/compiler.h"
#include "cli/command.h"
#include "cli/debug_directory.h"
#include "cli/document.h"
#include "cli/message.h"
#include "cli/options.h"
#include "report/report.h"
#include "report/report_folded.h"
#include "report/report_html.h"
#include "report/report_json.h"
#include "report/report_pprof.h"
#include "report/report_speedscope.h"
#include "report/report_suppressions.h"
#include "report/report_text.h"

struct report_options {
    /* Files; "-": standard output; NULL: not wanted. */
    const char *json, *html, *pprof, *folded, *speedscope;
    int sort; /* enum mete__report_sort */
    uint64_t top;
    struct mete__option_texts suppressions;
    bool gen_suppressions;
    const char *debug_dir;
};

static const struct mete__option_choice sorts[] = {
    {"live", METE__REPORT_SORT_LIVE},           {"peak", METE__REPORT_SORT_PEAK},
    {"allocated", METE__REPORT_SORT_ALLOCATED}, {"temporary", METE__REPORT_SORT_TEMPORARY},
    {"count", METE__REPORT_SORT_COUNT},         {NULL, 0},
};

#define OPTION(...) METE__OPTION(struct report_options, __VA_ARGS__)
static const struct mete__option options[] = {
    OPTION(json, "json", "FILE", "JSON instead of text ('-': standard output)"),
    OPTION(html, "html", "FILE", "one page for any browser, flame graph and all"),
    OPTION(pprof, "pprof", "FILE", "a profile for pprof, gzipped"),
    OPTION(folded, "folded", "FILE", "folded stacks, for flame graphs"),
    OPTION(speedscope, "speedscope", "FILE", "a file for speedscope.app"),
    OPTION(sort, "sort", "KEY", "live, peak, allocated, temporary or count", .choices = sorts),
    OPTION(top, "top", "N", "entries of every table (5 to 10; JSON: all)", .min = 1,
           .max = UINT32_MAX),
    OPTION(suppressions, "suppressions", "FILE", "known leaks, in Valgrind's or LSan's syntax"),
    OPTION(gen_suppressions, "gen-suppressions", NULL,
           "print a suppression for every leak and error"),
    OPTION(debug_dir, "debug-dir", "DIR", "debug files are here, too ($METE_DEBUG_DIR)"),
};
#undef OPTION

static const struct mete__usage usage = {
    .command = "report",
    .operands = "FILE",
    .summary = "Says what a profile of `mete run` holds. The program may still be running.",
    .options = options,
    .option_count = METE_COUNT_OF(options),
};

/* The forms, as cli/document.h calls them. */
#define FORM(name)                                     \
    static int print_##name(void *report, FILE *out) { \
        return mete__report_##name(report, out);       \
    }
FORM(json)
FORM(html)
FORM(pprof)
FORM(folded)
FORM(speedscope)
FORM(suppressions)
FORM(text)
#undef FORM

/* Every form that was asked for; text where none was. */
static int print_forms(struct mete__report *report, const struct report_options *given) {
    const struct {
        mete__document_print *print;
        const char *path;
    } forms[] = {
        {print_json, given->json},
        {print_html, given->html},
        {print_pprof, given->pprof},
        {print_folded, given->folded},
        {print_speedscope, given->speedscope},
        {print_suppressions, given->gen_suppressions ? "-" : NULL},
    };
    bool any = false;

    for (size_t i = 0; i < METE_COUNT_OF(forms); i++) {
        if (forms[i].path == NULL) continue;
        any = true;
        int code = mete__document_write(forms[i].print, report, forms[i].path, "report");
        if (code != METE__EXIT_OK) return code;
    }
    return any ? METE__EXIT_OK : mete__document_write(print_text, report, "-", "report");
}

int mete__cmd_report(int argc, char **argv) {
    struct report_options given = {.sort = METE__REPORT_SORT_DEFAULT};
    struct mete__report *report;
    char why[METE__WHY_SIZE];
    char **operands;

    int count = mete__options_parse(&usage, argc, argv, &given, &operands);
    if (count == METE__OPTIONS_HELPED) return METE__EXIT_OK;
    if (count == METE__OPTIONS_BAD) return METE__EXIT_USAGE;
    if (count == 0) return mete__options_complain(&usage, "which profile?");
    if (count > 1)
        return mete__options_complain(&usage, "one profile at a time, not '%s' too", operands[1]);

    if (!mete__debug_directory_find(given.debug_dir, false, &given.debug_dir))
        return METE__EXIT_FAILED;
    struct mete__report_options report_options = {
        .sort = (enum mete__report_sort)given.sort,
        .top = (uint32_t)given.top,
        .debug_directory = given.debug_dir,
        .suppression_files = given.suppressions.text,
        .suppression_file_count = given.suppressions.count,
        .progress = true,
    };
    if (mete__report_open(operands[0], &report_options, &report, why, sizeof why) != 0) {
        mete__message_say("%s", why);
        return METE__EXIT_FAILED;
    }
    int code = print_forms(report, &given);
    mete__report_close(report);
    return code;
}
