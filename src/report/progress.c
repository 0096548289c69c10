#include "report/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE 1.0 /* seconds without a word */
#define DISTANCE 0.1 /* seconds between two lines */

static double seconds_since(const struct timespec *then, const struct timespec *now) {
    return (double)(now->tv_sec - then->tv_sec) + (double)(now->tv_nsec - then->tv_nsec) * 1e-9;
}

void mete__progress_begin(struct mete__progress *progress, bool enabled) {
    *progress = (struct mete__progress){.enabled = enabled && isatty(STDERR_FILENO)};
    clock_gettime(CLOCK_MONOTONIC, &progress->begun);
}

void mete__progress_show(void *context, size_t done, size_t total, const char *module) {
    struct mete__progress *progress = context;
    struct timespec now;

    if (!progress->enabled) return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (seconds_since(&progress->begun, &now) < PATIENCE ||
        (progress->shown && seconds_since(&progress->latest, &now) < DISTANCE))
        return;
    const char *slash = strrchr(module, '/');
    fprintf(stderr, "\r\033[Kmete: %s: %zu %% (%.60s)",
            progress->work == NULL ? "finding names" : progress->work,
            done * 100 / (total ? total : 1), slash == NULL ? module : slash + 1);
    fflush(stderr);
    progress->shown = true;
    progress->latest = now;
}

void mete__progress_end(struct mete__progress *progress) {
    if (progress->shown) fputs("\r\033[K", stderr);
    progress->shown = false;
}
