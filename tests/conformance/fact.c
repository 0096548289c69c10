/* The processes behind fact.h: one reports, and starts each fact as a fresh image of itself. */
#include "fact.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    REPORT_FD = 200, /* kept clear of 0..2, which some facts close */
    EXIT_FAILED = 1,
    EXIT_SKIPPED = 77,
    DEFAULT_SECONDS = 60,
};

/* ---- inside a fact ---- */

static void report_line(const char *file, int line, const char *format, va_list arguments) {
    char text[512];
    int length = 0;

    if (file != NULL) length = snprintf(text, sizeof text, "%s:%d: ", file, line);
    length += vsnprintf(text + length, sizeof text - 1 - (size_t)length, format, arguments);
    if (length > (int)sizeof text - 2) length = (int)sizeof text - 2;
    text[length++] = '\n';
    /* A fact that has closed every descriptor is left with its exit status alone. */
    ssize_t written = write(REPORT_FD, text, (size_t)length);
    (void)written;
}

void fact_fail(const char *file, int line, const char *format, ...) {
    va_list arguments;
    const char *slash = strrchr(file, '/');

    va_start(arguments, format);
    report_line(slash != NULL ? slash + 1 : file, line, format, arguments);
    va_end(arguments);
    _exit(EXIT_FAILED);
}

void fact_note(const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    report_line(NULL, 0, format, arguments);
    va_end(arguments);
}

void fact_skip(const char *reason) {
    fact_note("%s", reason);
    _exit(EXIT_SKIPPED);
}

void fact_check_equal(const char *file, int line, const char *what, uintmax_t actual,
                      uintmax_t expected) {
    if (actual == expected) return;
    fact_fail(file, line, "%s is %ju (0x%jx), expected %ju (0x%jx)", what, actual, actual, expected,
              expected);
}

extern void *mete_malloc(size_t size) __attribute__((weak));

bool malloc_is_mete(void) {
    return mete_malloc != NULL;
}

static unsigned char pattern_byte(size_t position, unsigned seed) {
    return (unsigned char)((position * 31 + (position >> 8) * 7 + seed * 101 + 1) & 0xff);
}

void pattern_fill(void *block, size_t size, unsigned seed) {
    volatile unsigned char *bytes = block;
    for (size_t i = 0; i < size; i++) bytes[i] = pattern_byte(i, seed);
}

void pattern_verify(const void *block, size_t size, unsigned seed) {
    const unsigned char *bytes = block;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == pattern_byte(i, seed)) continue;
        fact_fail(__FILE__, __LINE__,
                  "block %p of %zu bytes: byte %zu is 0x%02x, was written 0x%02x", block, size, i,
                  bytes[i], pattern_byte(i, seed));
    }
}

void zero_verify(const void *block, size_t size) {
    const unsigned char *bytes = block;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == 0) continue;
        fact_fail(__FILE__, __LINE__, "block %p of %zu bytes: byte %zu is 0x%02x, not zero", block,
                  size, i, bytes[i]);
    }
}

uint64_t random_next(uint64_t *state) {
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * UINT64_C(2685821657736338717);
}

size_t random_size(uint64_t *state, size_t limit) {
    unsigned bits = 64 - (unsigned)__builtin_clzll((unsigned long long)limit);
    size_t ceiling = (size_t)1 << (1 + random_next(state) % bits);
    if (ceiling > limit) ceiling = limit;
    return 1 + (size_t)(random_next(state) % ceiling);
}

size_t process_bytes(const char *field) {
    char text[8192];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    if (fd >= 0) close(fd);
    if (length <= 0) fact_skip("/proc/self/status can't be read");
    text[length] = '\0';
    const char *found = strstr(text, field);
    if (found == NULL) fact_skip("/proc/self/status lacks a field");
    return strtoul(found + strlen(field), NULL, 10) * 1024;
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

bool becomes_true(bool (*condition)(void), double seconds, bool active) {
    double end = seconds_now() + seconds;
    const struct timespec pause = {.tv_nsec = 1000000};

    while (!condition()) {
        if (seconds_now() > end) return false;
        if (active) {
            for (size_t size = 16; size <= 65536; size *= 2) free(malloc(size));
        }
        nanosleep(&pause, NULL);
    }
    return true;
}

void await_child(pid_t child) {
    int status;

    CHECK(child > 0);
    while (waitpid(child, &status, 0) < 0) CHECK_EQUAL(errno, EINTR);
    if (WIFSIGNALED(status)) {
        fact_fail(__FILE__, __LINE__, "child ended by signal %d (%s)", WTERMSIG(status),
                  strsignal(WTERMSIG(status)));
    }
    if (WEXITSTATUS(status) == EXIT_SKIPPED) _exit(EXIT_SKIPPED);
    if (WEXITSTATUS(status) != 0) {
        fact_fail(__FILE__, __LINE__, "child exited with %d", WEXITSTATUS(status));
    }
}

/* ---- the reporting process ---- */

static void become_fact(const fact *chosen, int report, char *program) {
    const char *preload = getenv("FACT_PRELOAD");

    /* A group of its own, so that whatever it leaves behind ends with it. */
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(report, REPORT_FD) < 0) _exit(EXIT_FAILED);
    int null = open("/dev/null", O_RDWR);
    if (null >= 0) dup2(null, STDIN_FILENO);
    close_range(STDERR_FILENO + 1, REPORT_FD - 1, 0);
    close_range(REPORT_FD + 1, ~0U, 0);

    if (chosen->prepare != NULL) {
        const char *reason = chosen->prepare();
        if (reason != NULL) fact_skip(reason);
    }
    if (preload != NULL && preload[0] != '\0') setenv("LD_PRELOAD", preload, 1);
    char *arguments[] = {program, (char *)(uintptr_t)chosen->name, NULL};
    execv("/proc/self/exe", arguments);
    execv(program, arguments); /* where a preparation has taken /proc away */
    fact_fail(__FILE__, __LINE__, "exec: %s", strerror(errno));
}

/* Collects the fact's lines until all its processes are gone or its time is over. */
static bool collect(int report, char *lines, size_t size, unsigned seconds) {
    double end = seconds_now() + seconds;
    size_t length = 0;

    for (;;) {
        struct pollfd wait = {.fd = report, .events = POLLIN};
        double left = end - seconds_now();
        char *to = lines + length;
        char overflow[256];
        size_t room = size - 1 - length;

        if (left <= 0) return false;
        if (poll(&wait, 1, (int)(left * 1000) + 1) <= 0) continue;
        ssize_t got = room > 0 ? read(report, to, room) : read(report, overflow, sizeof overflow);
        if (got <= 0) return true;
        if (room > 0) length += (size_t)got;
        lines[length] = '\0';
    }
}

/* True once the child has ended (it may do so after its report was closed). */
static bool reap(pid_t child, int *status, unsigned seconds) {
    double end = seconds_now() + seconds;
    const struct timespec pause = {.tv_nsec = 2000000};

    while (waitpid(child, status, WNOHANG) == 0) {
        if (seconds_now() > end) return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

static void print_diagnostics(const char *lines) {
    while (*lines != '\0') {
        size_t length = strcspn(lines, "\n");
        printf("# %.*s\n", (int)length, lines);
        lines += length + (lines[length] == '\n');
    }
}

static bool run_fact(const fact *chosen, size_t number, char *program) {
    static char lines[16384];
    unsigned seconds = chosen->seconds != 0 ? chosen->seconds : DEFAULT_SECONDS;
    int ends[2], status = 0;
    char why[128] = "";
    bool passed = false;

    lines[0] = '\0';
    if (pipe(ends) != 0) return false;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) become_fact(chosen, ends[1], program);
    setpgid(child, child);
    close(ends[1]);
    bool ended = collect(ends[0], lines, sizeof lines, seconds) && reap(child, &status, seconds);
    kill(-child, SIGKILL);
    if (!ended) waitpid(child, &status, 0);
    close(ends[0]);
    if (chosen->restore != NULL) chosen->restore();

    if (!ended) {
        snprintf(why, sizeof why, "not done after %u seconds", seconds);
    } else if (WIFSIGNALED(status)) {
        snprintf(why, sizeof why, "ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) == EXIT_SKIPPED) {
        lines[strcspn(lines, "\n")] = '\0';
        printf("ok %zu - %s # SKIP %s\n", number, chosen->name, lines);
        return true;
    } else {
        passed = WEXITSTATUS(status) == 0;
        if (!passed) snprintf(why, sizeof why, "exited with %d", WEXITSTATUS(status));
    }
    printf("%sok %zu - %s", passed ? "" : "not ", number, chosen->name);
    if (!passed && chosen->todo != NULL) printf(" # TODO %s", chosen->todo);
    printf("\n");
    print_diagnostics(lines);
    if (why[0] != '\0') printf("# %s\n", why);
    return passed || chosen->todo != NULL;
}

/* With no argument, reports on all facts; `--only NAME…` on those; NAME is the fact itself. */
int fact_main(const fact *facts, size_t count, int argc, char **argv) {
    bool chosen_only = argc > 1 && strcmp(argv[1], "--only") == 0;
    size_t failed = 0;

    if (argc == 2 && !chosen_only) {
        for (size_t i = 0; i < count; i++) {
            if (strcmp(argv[1], facts[i].name) != 0) continue;
            facts[i].run();
            return 0;
        }
        fprintf(stderr, "%s: no fact named %s\n", argv[0], argv[1]);
        return 2;
    }
    printf("1..%zu\n", count);
    for (size_t i = 0; i < count; i++) {
        bool wanted = !chosen_only;
        for (int j = 2; j < argc; j++) wanted |= strcmp(argv[j], facts[i].name) == 0;
        if (wanted && !run_fact(&facts[i], i + 1, argv[0])) failed++;
    }
    return failed == 0 ? 0 : 1;
}
