/*
 * cli/cmd_report.c - `mete report FILE`: says what a profile holds, as text or in other forms.
 *
 * Forms that go to files are written beside their names and renamed when they are whole: nobody
 * finds half a report, and an older one survives a full disk.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "cli/command.h"
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

#define WHY_SIZE 8192 /* a sentence with a path or two in it */

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

#define MEMBER(name) offsetof(struct report_options, name)
static const struct mete__option options[] = {
    {.name = "json",
     .kind = METE__OPTION_TEXT,
     .value = "FILE",
     .offset = MEMBER(json),
     .help = "JSON instead of text ('-': standard output)"},
    {.name = "html",
     .kind = METE__OPTION_TEXT,
     .value = "FILE",
     .offset = MEMBER(html),
     .help = "one page for any browser, flame graph and all"},
    {.name = "pprof",
     .kind = METE__OPTION_TEXT,
     .value = "FILE",
     .offset = MEMBER(pprof),
     .help = "a profile for pprof, gzipped"},
    {.name = "folded",
     .kind = METE__OPTION_TEXT,
     .value = "FILE",
     .offset = MEMBER(folded),
     .help = "folded stacks, for flame graphs"},
    {.name = "speedscope",
     .kind = METE__OPTION_TEXT,
     .value = "FILE",
     .offset = MEMBER(speedscope),
     .help = "a file for speedscope.app"},
    {.name = "sort",
     .kind = METE__OPTION_CHOICE,
     .value = "KEY",
     .offset = MEMBER(sort),
     .choices = sorts,
     .help = "live, peak, allocated, temporary or count"},
    {.name = "top",
     .kind = METE__OPTION_NUMBER,
     .value = "N",
     .offset = MEMBER(top),
     .min = 1,
     .max = UINT32_MAX,
     .help = "entries of every table (5 to 10; JSON: all)"},
    {.name = "suppressions",
     .kind = METE__OPTION_TEXTS,
     .value = "FILE",
     .offset = MEMBER(suppressions),
     .help = "known leaks, in Valgrind's or LSan's syntax"},
    {.name = "gen-suppressions",
     .offset = MEMBER(gen_suppressions),
     .help = "print a suppression for every leak and error"},
    {.name = "debug-dir",
     .kind = METE__OPTION_TEXT,
     .value = "DIR",
     .offset = MEMBER(debug_dir),
     .help = "debug files are here, too ($METE_DEBUG_DIR)"},
};

static const struct mete__usage usage = {
    .command = "report",
    .operands = "FILE",
    .summary = "Says what a profile of `mete run` holds. The program may still be running.",
    .options = options,
    .option_count = METE_COUNT_OF(options),
};

typedef int print_function(struct mete__report *report, FILE *out);

static int complain_write(const char *path, int status) {
    mete__message_say("report: cannot write %s: %s",
                      strcmp(path, "-") == 0 ? "to standard output" : path, strerror(-status));
    return METE__EXIT_FAILED;
}

/* Writes a new file of the same folder, then gives it the name. What is there and no regular file,
 * as /dev/stdout, is written itself. */
static int print_to_file(print_function *print, struct mete__report *report, const char *path) {
    struct stat there;
    char *temporary = NULL;
    int status;

    bool direct = stat(path, &there) == 0 && !S_ISREG(there.st_mode);
    if (!direct && asprintf(&temporary, "%s.XXXXXX", path) < 0) return -ENOMEM;
    int fd = direct ? -1 : mkstemp(temporary);
    FILE *file = direct ? fopen(path, "we") : fd < 0 ? NULL : fdopen(fd, "w");
    if (file == NULL) {
        status = -errno;
        goto fail_open;
    }
    if (!direct) {
        mode_t mask = umask(0);
        umask(mask);
        (void)!fchmod(fd, 0666 & ~mask);
    }
    status = print(report, file);
    if (fclose(file) != 0 && status == 0) status = -errno;
    if (status == 0 && !direct && rename(temporary, path) != 0) status = -errno;
    if (status != 0 && !direct) unlink(temporary);
fail_open:
    free(temporary);
    return status;
}

static int print_to(print_function *print, struct mete__report *report, const char *path) {
    int status =
        strcmp(path, "-") == 0 ? print(report, stdout) : print_to_file(print, report, path);

    return status == 0 ? METE__EXIT_OK : complain_write(path, status);
}

/* Every form that was asked for; text where none was. */
static int print_forms(struct mete__report *report, const struct report_options *given) {
    const struct {
        print_function *print;
        const char *path;
    } forms[] = {
        {mete__report_json, given->json},
        {mete__report_html, given->html},
        {mete__report_pprof, given->pprof},
        {mete__report_folded, given->folded},
        {mete__report_speedscope, given->speedscope},
        {mete__report_suppressions, given->gen_suppressions ? "-" : NULL},
    };
    bool any = false;

    for (size_t i = 0; i < METE_COUNT_OF(forms); i++) {
        if (forms[i].path == NULL) continue;
        any = true;
        int code = print_to(forms[i].print, report, forms[i].path);
        if (code != METE__EXIT_OK) return code;
    }
    return any ? METE__EXIT_OK : print_to(mete__report_text, report, "-");
}

int mete__cmd_report(int argc, char **argv) {
    struct report_options given = {.sort = METE__REPORT_SORT_DEFAULT};
    struct mete__report *report;
    char why[WHY_SIZE];
    char **operands;

    int count = mete__options_parse(&usage, argc, argv, &given, &operands);
    if (count == METE__OPTIONS_HELPED) return METE__EXIT_OK;
    if (count == METE__OPTIONS_BAD) return METE__EXIT_USAGE;
    if (count == 0) return mete__options_complain(&usage, "which profile?");
    if (count > 1)
        return mete__options_complain(&usage, "one profile at a time, not '%s' too", operands[1]);

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
