/*
 * Every system call that libmete_malloc makes in a whole program's life fails once, or with all
 * after it: the program must not notice more than a NULL with ENOMEM, and no broken profile may be
 * left. $USE_EVERYTHING is the program, $FAILING_CALLS the library that makes calls fail.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_os/failing_calls.h"
#include "fake_os/strides.h"
#include "profile/reader.h"

enum { SECONDS = 30, KINDS_OF_ERROR = 4, TEXT_BYTES = 2048 };

static struct failing_state *state;
static char folder[] = "/tmp/mete-test-calls-XXXXXX";

/* One run: what is asked of it, and what came of it. */
struct run {
    const char *mode;
    unsigned at, error;
    bool after;
    char out[TEXT_BYTES], errors[TEXT_BYTES];
    size_t profiles; /* whole ones left */
};

static void explain(const struct run *run, const char *what) {
    fail_msg("call %u of mode %s%s, error %u: %s\nstdout: %sstderr: %s", run->at, run->mode,
             run->after ? ", and all after it" : "", run->error, what, run->out, run->errors);
}

/* ---- the program ---- */

static void set_number(const char *name, unsigned value) {
    char text[16];
    snprintf(text, sizeof text, "%u", value);
    setenv(name, text, 1);
}

static _Noreturn void become_program(const struct run *run) {
    char preload[8192];
    int out = open("out", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int errors = open("errors", O_WRONLY | O_CREAT | O_TRUNC, 0600);

    dup2(out, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    close(out);
    close(errors);
    snprintf(preload, sizeof preload, "%s %s/lib/libmete_malloc.so", getenv("FAILING_CALLS"),
             getenv("METE_STAGE"));
    set_number("FAILING_AT", run->at);
    set_number("FAILING_ERROR", run->error);
    set_number("FAILING_AFTER", run->after);
    setenv("FAILING_STATE", "state", 1);
    setenv("METE_MODE", run->mode, 1);
    unsetenv("METE_STAGE");
    unsetenv("METE_SOURCE");
    unsetenv("METE_BUILD");
    setenv("LD_PRELOAD", preload, 1);
    alarm(SECONDS);
    execl(getenv("USE_EVERYTHING"), "use_everything", (char *)NULL);
    _exit(127);
}

static void read_text(const char *name, char text[TEXT_BYTES]) {
    int file = open(name, O_RDONLY);
    ssize_t got = read(file, text, TEXT_BYTES - 1);
    text[got < 0 ? 0 : got] = '\0';
    close(file);
}

/* ---- what it leaves ---- */

/* Calls visit with every profile in the folder. */
static void each_profile(void (*visit)(struct run *run, const char *name), struct run *run) {
    const struct dirent *entry;
    DIR *files = opendir(".");

    assert_non_null(files);
    while ((entry = readdir(files)) != NULL) {
        const char *end = strrchr(entry->d_name, '.');
        if (end != NULL && strcmp(end, ".mete") == 0) visit(run, entry->d_name);
    }
    closedir(files);
}

static void remove_profile(struct run *unused, const char *name) {
    (void)unused;
    unlink(name);
}

static void check_profile(struct run *run, const char *name) {
    struct mete__profile *profile;
    char why[512], what[1024];

    if (mete__profile_open(name, &profile, why, sizeof why) != 0) {
        snprintf(what, sizeof what, "a broken profile is left: %s", why);
        explain(run, what);
    }
    mete__profile_close(profile);
    run->profiles++;
}

static void check_errors(struct run *run) {
    size_t lines = 0;
    for (const char *line = run->errors; *line != '\0'; lines++) {
        if (strncmp(line, "mete: ", 6) != 0) explain(run, "somebody else complains");
        line += strcspn(line, "\n");
        if (*line == '\0') explain(run, "half a line");
        line++;
    }
    if (lines > 1) explain(run, "more than one line");
}

static void run_program(struct run *run) {
    int status;

    *state = (struct failing_state){0};
    each_profile(remove_profile, run);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) become_program(run);
    assert_int_equal(waitpid(child, &status, 0), child);
    read_text("out", run->out);
    read_text("errors", run->errors);
    if (WIFSIGNALED(status)) explain(run, "ended by a signal");
    if (WEXITSTATUS(status) != 0) explain(run, "ended with an error");
    if (strcmp(run->out, "whole\n") != 0) explain(run, "something was not whole");
    check_errors(run);
    run->profiles = 0;
    each_profile(check_profile, run);
}

/* ---- facts ---- */

/* In the short form each call, or each stride-th, has one of its errors, and its neighbours others.
 */
static void fail_everywhere(const char *mode, bool after, unsigned stride) {
    bool is_long = strides_between(2) == 1;
    struct run run = {.mode = mode};
    run_program(&run);
    unsigned calls = state->calls;
    assert_true(calls > 50); /* or it was no test */
    assert_string_equal(run.errors, "");
    assert_int_equal(run.profiles, 2); /* its own and its child's */

    run.after = after;
    for (run.at = 1; run.at <= calls; run.at += is_long ? 1 : stride) {
        run.error = is_long ? 0 : run.at / stride % KINDS_OF_ERROR;
        do run_program(&run);
        while (is_long && ++run.error < KINDS_OF_ERROR);
    }
}

static void any_call_may_fail_in_exact_mode(void **unused) {
    (void)unused;
    fail_everywhere("exact", false, 2);
}

static void any_call_may_fail_in_sampled_mode(void **unused) {
    (void)unused;
    fail_everywhere("sampled", false, 3);
}

static void any_call_may_fail_in_stats_mode(void **unused) {
    (void)unused;
    fail_everywhere("stats", false, 3);
}

static void any_call_may_fail_in_check_mode(void **unused) {
    (void)unused;
    fail_everywhere("check", false, 7);
}

static void any_call_may_fail_in_guard_mode(void **unused) {
    (void)unused;
    fail_everywhere("guard", false, 31);
}

static void all_calls_may_fail_from_any_on_in_exact_mode(void **unused) {
    (void)unused;
    fail_everywhere("exact", true, 3);
}

static int set_up(void **unused) {
    (void)unused;
    if (mkdtemp(folder) == NULL || chdir(folder) != 0) return -1;
    int file = open("state", O_RDWR | O_CREAT, 0600);
    if (file < 0 || ftruncate(file, sizeof *state) != 0) return -1;
    state = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return state == MAP_FAILED ? -1 : 0;
}

static int tear_down(void **unused) {
    (void)unused;
    each_profile(remove_profile, NULL);
    unlink("state");
    unlink("out");
    unlink("errors");
    return chdir("/") == 0 ? rmdir(folder) : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_call_may_fail_in_exact_mode),
        cmocka_unit_test(any_call_may_fail_in_sampled_mode),
        cmocka_unit_test(any_call_may_fail_in_stats_mode),
        cmocka_unit_test(any_call_may_fail_in_check_mode),
        cmocka_unit_test(any_call_may_fail_in_guard_mode),
        cmocka_unit_test(all_calls_may_fail_from_any_on_in_exact_mode),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
