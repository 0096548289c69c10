/*
 * cli/launch.h - starting the program and waiting for its end, as if it had been started without
 * mete.
 *
 * The program runs in mete's own process group, so that a terminal treats both as one job. While it
 * runs, TERM, HUP, USR1 and USR2 sent to mete are passed on to it, INT and QUIT are left to it.
 */
#ifndef METE_CLI_LAUNCH_H
#define METE_CLI_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

struct mete__launch_plan {
    const char *path; /* what to exec */
    bool needs_shell; /* /bin/sh is to run it */
    char **argv;
    /* Called in the new process, with its id, before exec: sets its environment. Negative errno on
     * failure. */
    int (*prepare)(void *context, pid_t self);
    void *context;
};

struct mete__launch_end {
    pid_t pid;
    int start_error;     /* errno of an exec that failed; 0: it was started */
    int wait_status;     /* as waitpid gives it, where it was started */
    double wall_seconds; /* from before exec to its end */
};

/* Returns when the program has ended, or a negative errno where there was no process to be had.
 * Afterwards the signals that were passed on once stay blocked: who ends mete together with the
 * program (timeout, a closing terminal) still gets its report. */
int mete__launch_run(const struct mete__launch_plan *plan, struct mete__launch_end *end);

#endif
