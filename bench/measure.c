/*
 * measure REPORT PRELOAD PROGRAM [ARG…]: runs PROGRAM with LD_PRELOAD=PRELOAD ('' for none) and
 * writes "user-microseconds system-microseconds peak-KiB status" of it and its descendants to the
 * file REPORT.
 *
 * It exists because a child's peak counts from before its exec: forked by a large interpreter, a
 * small program looks as large as that. This one is as small as programs get.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static long microseconds(struct timeval time) {
    return time.tv_sec * 1000000L + time.tv_usec;
}

int main(int argc, char **argv) {
    struct rusage usage;
    int status;

    if (argc < 4) return 2;
    pid_t child = fork();
    if (child < 0) return 2;
    if (child == 0) {
        if (argv[2][0] != '\0') setenv("LD_PRELOAD", argv[2], 1);
        execvp(argv[3], argv + 3);
        _exit(127);
    }
    if (wait4(child, &status, 0, &usage) != child) return 2;
    int report = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (report < 0) return 2;
    dprintf(report, "%ld %ld %ld %d\n", microseconds(usage.ru_utime), microseconds(usage.ru_stime),
            usage.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 0;
}
