/* tests/support/apart.h */
#include "support/apart.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HELD = 0, BROKEN = 1, SKIPPED = 77, TEXT_BYTES = 4096 };

#if APART_UNDER_TSAN
/* The children that facts fork start threads of their own. */
const char *__tsan_default_options(void);  /* NOLINT(bugprone-reserved-identifier) */
const char *__tsan_default_options(void) { /* NOLINT(bugprone-reserved-identifier) */
    return "die_after_fork=0";
}
#endif

static char *expected; /* shared with the child that is running */

_Noreturn void apart_broken(const char *file, int line, const char *condition) {
    char text[512];
    int length = snprintf(text, sizeof text, "%s:%d: not so: %s\n", file, line, condition);
    ssize_t written = write(STDERR_FILENO, text, (size_t)length);
    _exit(written < 0 ? BROKEN + 1 : BROKEN);
}

_Noreturn void apart_skip(const char *reason) {
    ssize_t written = write(STDERR_FILENO, reason, strlen(reason));
    _exit(written < 0 ? BROKEN : SKIPPED);
}

size_t apart_mappings(void) {
    char text[65536];
    size_t count = 0;
    ssize_t length;
    int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

    if (file < 0) apart_skip("no /proc");
    while ((length = read(file, text, sizeof text)) > 0)
        for (ssize_t i = 0; i < length; i++) count += text[i] == '\n';
    close(file);
    return count;
}

void apart_expect(const char *format, ...) {
    size_t length = strlen(expected);
    va_list arguments;

    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 misses the line above */
    vsnprintf(expected + length, TEXT_BYTES - length, format, arguments);
    va_end(arguments);
}

static _Noreturn void run(void (*body)(void), int errors) {
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    dup2(errors, STDERR_FILENO);
    dup2(errors, STDOUT_FILENO); /* the tests' own output is read by machines */
    alarm(APART_SECONDS);
    body();
    _exit(HELD);
}

/* Reads until every writer has closed; what does not fit is dropped. */
static void read_all(int file, char text[TEXT_BYTES]) {
    char rest[TEXT_BYTES];
    size_t length = 0;
    ssize_t got;

    while ((got = read(file, rest, sizeof rest)) > 0) {
        size_t room = TEXT_BYTES - 1 - length;
        size_t kept = (size_t)got < room ? (size_t)got : room;
        memcpy(text + length, rest, kept);
        length += kept;
    }
    text[length] = '\0';
}

/* The child's wait status, and what it wrote. */
static int end_of(void (*body)(void), char text[TEXT_BYTES]) {
    int pipes[2], status;

    if (expected == NULL)
        expected =
            mmap(NULL, TEXT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(expected != MAP_FAILED);
    expected[0] = '\0';
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(pipes[0]);
        run(body, pipes[1]);
    }
    close(pipes[1]);
    read_all(pipes[0], text);
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

void apart_holds(void **function) {
    char text[TEXT_BYTES];
    int status = end_of((void (*)(void)) * function, text);

    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
        print_message("# skipped: %s\n", text);
        skip();
    }
    if (WIFSIGNALED(status)) fail_msg("ended by signal %d: %s", WTERMSIG(status), text);
    if (WEXITSTATUS(status) != HELD) fail_msg("%s", text);
}

void apart_dies(void **function) {
    char text[TEXT_BYTES];
    int status = end_of((void (*)(void)) * function, text);

    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
        fail_msg("not ended by SIGABRT (status 0x%x): %s", (unsigned)status, text);
    assert_string_equal(text, expected);
}

void apart_in_child(void (*body)(void *context), void *context) {
    int status;
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        alarm(APART_SECONDS);
        body(context);
        _exit(HELD);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == HELD);
}
