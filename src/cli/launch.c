#include "cli/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"

static const int passed_on[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
static const int left_to_program[] = {SIGINT, SIGQUIT};

/* How signals stood when mete was started: the program starts with the same. */
struct signals {
    sigset_t mask;
    struct sigaction child; /* of SIGCHLD: were it ignored, the end could not be waited for */
    struct sigaction left[METE_COUNT_OF(left_to_program)];
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static bool is_ignored(int number) {
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* Blocks whatever must not be lost or fatal from here on; returns the set to wait for. What mete
 * was told to ignore (nohup) is left out: blocked, it would no longer be. */
static sigset_t hold_signals(struct signals *before) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t awaited, held;

    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    for (size_t i = 0; i < METE_COUNT_OF(passed_on); i++)
        if (!is_ignored(passed_on[i])) sigaddset(&awaited, passed_on[i]);
    held = awaited;
    for (size_t i = 0; i < METE_COUNT_OF(left_to_program); i++)
        sigaddset(&held, left_to_program[i]);
    sigprocmask(SIG_BLOCK, &held, &before->mask);
    sigaction(SIGCHLD, &standard, &before->child);
    return awaited;
}

/* In the parent, once the program exists: mete outlives what the terminal sends to both, a reader
 * that closes the pipe of its report, and a terminal that has been given to somebody else. */
static void ignore_terminal(struct signals *before) {
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t free_again;

    sigemptyset(&free_again);
    for (size_t i = 0; i < METE_COUNT_OF(left_to_program); i++) {
        sigaction(left_to_program[i], &ignore, &before->left[i]);
        sigaddset(&free_again, left_to_program[i]);
    }
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGTTOU, &ignore, NULL);
    sigprocmask(SIG_UNBLOCK, &free_again, NULL);
}

/* After the end: the user may stop mete's own work again, but not by what has been passed on. */
static void release_signals(const struct signals *before, const sigset_t *was_passed_on) {
    sigset_t mask = before->mask;

    for (size_t i = 0; i < METE_COUNT_OF(passed_on); i++)
        if (sigismember(was_passed_on, passed_on[i])) sigaddset(&mask, passed_on[i]);
    for (size_t i = 0; i < METE_COUNT_OF(left_to_program); i++)
        sigaction(left_to_program[i], &before->left[i], NULL);
    sigprocmask(SIG_SETMASK, &mask, NULL);
}

/* ---- in the new process ---- */

static int exec_by_shell(const struct mete__launch_plan *plan) {
    size_t count = 0;
    while (plan->argv[count]) count++;
    char **argv = calloc(count + 2, sizeof *argv);

    if (!argv) return ENOMEM;
    argv[0] = plan->argv[0];
    argv[1] = (char *)plan->path;
    for (size_t i = 1; i < count; i++) argv[i + 1] = plan->argv[i];
    execv("/bin/sh", argv);
    return errno;
}

METE_NORETURN static void become_program(const struct mete__launch_plan *plan,
                                         const struct signals *before, int report_fd) {
    int error = -plan->prepare(plan->context, getpid());

    if (error == 0) {
        sigaction(SIGCHLD, &before->child, NULL);
        sigprocmask(SIG_SETMASK, &before->mask, NULL);
        if (plan->needs_shell) {
            error = exec_by_shell(plan);
        } else {
            execv(plan->path, plan->argv);
            error = errno;
        }
    }
    (void)!write(report_fd, &error, sizeof error);
    _exit(0); /* nobody looks at it */
}

/* ---- in mete ---- */

/* The errno that the new process wrote before it gave up; 0 where exec closed the pipe. */
static int read_start_error(int fd) {
    int error = 0;
    ssize_t got;
    while ((got = read(fd, &error, sizeof error)) < 0 && errno == EINTR) {
    }
    return got == (ssize_t)sizeof error ? error : 0;
}

/* Passes signals on until the program has ended. Only this function reaps it, after its last
 * kill(), so the id cannot have gone to another process. */
static int wait_for_end(pid_t pid, const sigset_t *awaited, sigset_t *was_passed_on) {
    int status;

    sigemptyset(was_passed_on);
    for (;;) {
        int number = sigwaitinfo(awaited, NULL);
        if (number == SIGCHLD) {
            if (waitpid(pid, &status, WNOHANG) == pid) return status;
        } else if (number > 0) {
            kill(pid, number);
            sigaddset(was_passed_on, number);
        }
    }
}

int mete__launch_run(const struct mete__launch_plan *plan, struct mete__launch_end *end) {
    struct signals before;
    sigset_t was_passed_on;
    int report[2];

    if (pipe2(report, O_CLOEXEC) != 0) return -errno;
    sigset_t awaited = hold_signals(&before);
    double start = now();
    pid_t pid = fork();
    if (pid < 0) {
        int error = errno;
        sigprocmask(SIG_SETMASK, &before.mask, NULL);
        close(report[0]);
        close(report[1]);
        return -error;
    }
    if (pid == 0) become_program(plan, &before, report[1]);
    ignore_terminal(&before);
    close(report[1]);
    end->pid = pid;
    end->start_error = read_start_error(report[0]);
    close(report[0]);
    end->wait_status = wait_for_end(pid, &awaited, &was_passed_on);
    end->wall_seconds = now() - start;
    release_signals(&before, &was_passed_on);
    return 0;
}
