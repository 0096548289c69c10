/*
 * cli/cmd_run.c - `mete run PROGRAM`: runs a program on mete and says what its memory did.
 *
 * The order matters: whatever can be wrong is found before the program starts, and the program's
 * own exit status is kept whatever happens to the report after it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analysis/findings/suppressions.h"
#include "cli/command.h"
#include "cli/debug_directory.h"
#include "cli/launch.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/preload.h"
#include "cli/program.h"
#include "profile/format.h"
#include "report/report.h"
#include "report/report_json.h"
#include "report/report_suppressions.h"
#include "report/report_text.h"

#define NO_CODE        UINT64_MAX
#define SIBLINGS_SHOWN 20 /* of a build's hundreds of children */

struct run_options {
    const char *output;
    int mode; /* enum mete_profile_mode */
    bool no_leaks;
    const char *json;
    uint64_t sample;         /* bytes; 0: not given */
    uint64_t error_exitcode; /* NO_CODE: not asked for */
    struct mete__option_texts suppressions;
    bool gen_suppressions;
    bool quiet;
    bool no_children;
};

static const struct mete__option_choice modes[] = {
    {"stats", METE_PROFILE_STATS}, {"sampled", METE_PROFILE_SAMPLED}, {"exact", METE_PROFILE_EXACT},
    {"check", METE_PROFILE_CHECK}, {"guard", METE_PROFILE_GUARD},     {NULL, 0},
};

#define OPTION(...) METE__OPTION(struct run_options, __VA_ARGS__)
static const struct mete__option options[] = {
    OPTION(output, "output", "FILE", "the profile (mete.PROGRAM.PID.mete)", .letter = 'o'),
    OPTION(mode, "mode", "MODE", "stats, sampled, exact, check or guard (exact)", .choices = modes),
    OPTION(sample, "sample", "N", "sampled: one per N bytes (512K); guard: one block in N (1)",
           .is_bytes = true, .min = 1, .max = (uint64_t)1 << 40),
    OPTION(no_leaks, "no-leaks", NULL, "skip the leak check at exit"),
    OPTION(json, "json", "FILE", "the report as JSON too ('-': standard output)"),
    OPTION(error_exitcode, "error-exitcode", "N", "exit with N where errors or leaks were found",
           .max = 255),
    OPTION(suppressions, "suppressions", "FILE", "known leaks, in Valgrind's or LSan's syntax"),
    OPTION(gen_suppressions, "gen-suppressions", NULL,
           "print a suppression for every error and leak"),
    OPTION(quiet, "quiet", NULL, "nothing on standard error", .letter = 'q'),
    OPTION(no_children, "no-children", NULL, "leave child processes alone"),
};
#undef OPTION

static const struct mete__usage usage = {
    .command = "run",
    .operands = "[--] PROGRAM [ARG…]",
    .summary = "Runs PROGRAM on mete and says what its memory did.",
    .options = options,
    .option_count = METE_COUNT_OF(options),
    .stops_at_operand = true,
};

/* Everything one run has. */
struct run {
    struct run_options options;
    const char *name; /* the program as the user gave it */
    struct mete__program program;
    struct mete__output output;
    struct mete__preload preload;
    FILE *json;
};

/* ---- before ---- */

static const char *mode_name(int mode) {
    for (const struct mete__option_choice *c = modes; c->name; c++)
        if (c->value == mode) return c->name;
    return NULL; /* not reached: the option takes nothing else */
}

/* Sets METE_NAME where `value` is not NULL; unsets it else, for these are this run's own. */
static int set_variable(const char *name, const char *value) {
    return (value ? setenv(name, value, 1) : unsetenv(name)) == 0 ? 0 : -errno;
}

/* In the new process: the environment by which the runtime in it knows what to do
 * (shim/settings.h). */
static int prepare_environment(void *context, pid_t self) {
    struct run *run = context;
    const struct run_options *options_given = &run->options;
    char identity[64];
    char sample[32];
    int status;

    mete__output_name(&run->output, run->name, self);
    snprintf(sample, sizeof sample, "%llu", (unsigned long long)options_given->sample);
    snprintf(identity, sizeof identity, "%llx-%d-%d", (unsigned long long)run->output.run,
             (int)self, (int)getppid());
    const char *const settings[][2] = {
        {"METE_RUN", identity},
        {"METE_OUTPUT", run->output.path},
        {"METE_MODE", mode_name(options_given->mode)},
        {"METE_SAMPLE", options_given->sample != 0 ? sample : NULL},
        {"METE_NO_LEAKS", options_given->no_leaks ? "1" : NULL},
        {"METE_NO_CHILDREN", options_given->no_children ? "1" : NULL},
        {"METE_QUIET", options_given->quiet ? "1" : NULL},
    };
    for (size_t i = 0; i < METE_COUNT_OF(settings); i++)
        if ((status = set_variable(settings[i][0], settings[i][1])) < 0) return status;
    return run->program.holds_mete ? 0 : mete__preload_enter(&run->preload);
}

/* Before the program runs for hours: the file is made now. */
static int open_json(struct run *run, char *why, size_t why_size) {
    const char *file = run->options.json;
    bool is_stdout = file && strcmp(file, "-") == 0;

    if (!file) return 0;
    /* What main() had to open in place of a closed stream is not inherited: that tells them apart.
     */
    if (is_stdout && (fcntl(STDOUT_FILENO, F_GETFD) & FD_CLOEXEC))
        errno = EBADF;
    else
        run->json = is_stdout ? stdout : fopen(file, "we");
    if (!run->json) {
        snprintf(why, why_size, "cannot write the JSON file '%s': %s", file, strerror(errno));
        return -errno;
    }
    if (is_stdout || access(run->output.path, F_OK) != 0) return 0;
    snprintf(why, why_size, "'%s' cannot be both the profile and the JSON file", file);
    return -EEXIST;
}

/* Whether the suppressions can be read is better known now, too. */
static int check_suppressions(const struct run *run, char *why, size_t why_size) {
    struct mete__suppressions *set = mete__suppressions_open();
    int status = set ? 0 : -ENOMEM;

    if (!set) snprintf(why, why_size, "%s", strerror(ENOMEM));
    for (size_t i = 0; i < run->options.suppressions.count && status == 0; i++)
        status = mete__suppressions_read(set, run->options.suppressions.text[i], why, why_size);
    mete__suppressions_close(set);
    return status;
}

/* Everything that can be known to be wrong before the program starts. An exit code, or 0. */
static int prepare(struct run *run) {
    char why[METE__WHY_SIZE];
    int code = mete__program_find(run->name, &run->program, why, sizeof why);

    if (code == 0 &&
        (mete__preload_find(&run->preload, why, sizeof why) < 0 ||
         check_suppressions(run, why, sizeof why) < 0 ||
         mete__output_prepare(&run->output, run->options.output, run->name, why, sizeof why) < 0 ||
         open_json(run, why, sizeof why) < 0))
        code = METE__EXIT_FAILED;
    if (code != 0)
        mete__message_say("%s", why);
    else if (run->program.allocator && !run->options.quiet)
        mete__message_say("'%s' brings %s: mete sees nothing of what that hands out",
                          run->program.image, run->program.allocator);
    return code;
}

/* ---- after ---- */

static int write_json(struct run *run, struct mete__report *report) {
    int status = mete__report_json(report, run->json);
    if (fflush(run->json) != 0 && status == 0) status = -errno;
    if (status < 0 && !run->options.quiet)
        mete__message_say("cannot write the JSON file '%s': %s", run->options.json,
                          strerror(-status));
    return status;
}

/* What was asked for: text on standard error, JSON, and whether something is wrong. Negative errno
 * where it could not be said. */
static int print_report(struct run *run, bool *is_bad) {
    struct mete__report_options report_options = {
        .suppression_files = run->options.suppressions.text,
        .suppression_file_count = run->options.suppressions.count,
        .progress = !run->options.quiet,
    };
    struct mete__report *report;
    char why[METE__WHY_SIZE];

    (void)mete__debug_directory_find(NULL, run->options.quiet, &report_options.debug_directory);
    int status = mete__report_open(run->output.path, &report_options, &report, why, sizeof why);
    if (status < 0) {
        if (!run->options.quiet) mete__message_say("%s", why);
        return status;
    }
    *is_bad = mete__report_is_bad(report);
    if (!run->options.quiet) (void)!mete__report_text(report, stderr);
    if (!run->options.quiet && run->options.gen_suppressions)
        (void)!mete__report_suppressions(report, stderr);
    if (run->json) status = write_json(run, report);
    mete__report_close(report);
    return status;
}

static void list_siblings(const struct run *run) {
    struct mete__output_sibling *siblings;
    size_t count = mete__output_siblings(&run->output, &siblings);

    if (count > 0 && !run->options.quiet) {
        mete__message_say("%zu more profile%s of this run (children, and programs before an exec):",
                          count, count == 1 ? "" : "s");
        for (size_t i = 0; i < count && i < SIBLINGS_SHOWN; i++)
            mete__message_say("  %s", siblings[i].path);
        if (count > SIBLINGS_SHOWN) mete__message_say("  and %zu more", count - SIBLINGS_SHOWN);
    }
    mete__output_free_siblings(siblings, count);
}

/* Where the program left no profile. The loader or the runtime has said why, if it could. */
static void complain_no_profile(const struct run *run) {
    if (run->options.quiet) return;
    mete__message_say("'%s' left no profile: mete was not loaded into it or could not write '%s'",
                      run->name, run->output.path);
}

static int status_of(int wait_status) {
    return WIFSIGNALED(wait_status) ? METE__EXIT_SIGNAL_BASE + WTERMSIG(wait_status)
                                    : WEXITSTATUS(wait_status);
}

/* Prints what was asked for. The exit code: the program's own, or what stands above it. */
static int report(struct run *run, const struct mete__launch_end *end) {
    bool is_needed = run->json || run->options.error_exitcode != NO_CODE;
    int code = status_of(end->wait_status);
    bool is_bad = false;

    if (mete__output_finish(&run->output, end->wait_status) < 0) {
        complain_no_profile(run);
        return is_needed ? METE__EXIT_FAILED : code;
    }
    if (print_report(run, &is_bad) < 0) return is_needed ? METE__EXIT_FAILED : code;
    list_siblings(run);
    return is_bad && run->options.error_exitcode != NO_CODE ? (int)run->options.error_exitcode
                                                            : code;
}

static int run_program(struct run *run, char **argv) {
    struct mete__launch_plan plan = {
        .path = run->program.path,
        .needs_shell = run->program.needs_shell,
        .argv = argv,
        .prepare = prepare_environment,
        .context = run,
    };
    struct mete__launch_end end;
    char why[METE__WHY_SIZE];

    int status = mete__launch_run(&plan, &end);
    if (status < 0) {
        mete__message_say("cannot make a process: %s", strerror(-status));
        return METE__EXIT_FAILED;
    }
    if (end.start_error != 0) {
        int code = mete__program_explain(run->name, end.start_error, why, sizeof why);
        mete__message_say("%s", why);
        return code;
    }
    mete__output_name(&run->output, run->name, end.pid);
    return report(run, &end);
}

int mete__cmd_run(int argc, char **argv) {
    struct run run = {.options = {.mode = METE_PROFILE_EXACT, .error_exitcode = NO_CODE}};
    char **operands;
    int count = mete__options_parse(&usage, argc, argv, &run.options, &operands);

    if (count == METE__OPTIONS_HELPED) return METE__EXIT_OK;
    if (count < 0) return METE__EXIT_USAGE;
    if (count == 0) return mete__options_complain(&usage, "no program is named");
    run.name = operands[0];
    int code = prepare(&run);
    if (code == 0) code = run_program(&run, operands);
    mete__preload_drop(&run.preload);
    return code;
}
