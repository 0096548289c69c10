/*
 * What one stack capture costs, warm, in ns, beside glibc's backtrace().
 *
 * The stack is made by functions without frame pointers (see meson.build) that call one another
 * along a given path, so that any number of different stacks of one depth can be had. Costs are the
 * smallest of many short rounds, which leaves out what else the machine was doing.
 */
#include <execinfo.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "profile/writer.h"
#include "track/stack.h"

enum { ROUNDS = 400, CALLS = 64, PATHS = 64, DEPTH_MAX = 60 };

/* What the innermost function does. */
enum action { NOTHING, CAPTURE, CAPTURE_ANEW, BACKTRACE };

static struct mete__stack_memo *memo;
static enum action action;
static uint8_t paths[PATHS][DEPTH_MAX];

static __attribute__((noinline)) void leaf(void) {
    static void *frames[512];
    struct mete__caller caller;
    switch (action) {
    case CAPTURE:
        caller = METE__CALLER;
        mete__stack_capture(memo, &caller);
        break;
    case CAPTURE_ANEW:
        caller = METE__CALLER;
        mete__stack_capture_anew(memo, &caller);
        break;
    case BACKTRACE: backtrace(frames, 512); break;
    default: break;
    }
}

/* Frames of different sizes; the local array is used after the call, so that it is no tail call. */
#define DECLARE(name, words) static void name(const uint8_t *path, int depth, int calls);
#define DEFINE(name, words)                                                                 \
    static __attribute__((noinline)) void name(const uint8_t *path, int depth, int calls) { \
        volatile long locals[words] = {depth};                                              \
        if (depth > 0)                                                                      \
            functions[path[depth - 1] & 3](path, depth - 1, calls);                         \
        else                                                                                \
            for (int i = 0; i < calls; i++) leaf();                                         \
        (void)locals[0];                                                                    \
    }
#define EACH(what) what(f0, 1) what(f1, 3) what(f2, 8) what(f3, 21)
EACH(DECLARE)
static void (*const functions[])(const uint8_t *, int, int) = {f0, f1, f2, f3};
EACH(DEFINE)

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* ns for one innermost call: `calls` of them on each of the first `count` paths. */
static double measure(enum action what, int depth, int count, int calls) {
    double best = 1e18;
    int rounds = what == BACKTRACE ? ROUNDS / 10 : ROUNDS;
    action = what;
    for (int round = 0; round < rounds; round++) {
        double start = now();
        for (int i = 0; i < count; i++) f0(paths[i], depth, calls);
        double time = (now() - start) / count / calls;
        if (time < best) best = time;
    }
    return best;
}

int main(void) {
    static const int depths[] = {10, 30, 60};
    struct mete__writer_options options = {0};
    if (mete__writer_open(&options) != 0 || (memo = mete__stack_memo_create()) == NULL) return 1;
    for (int i = 0; i < PATHS; i++)
        for (int j = 0; j < DEPTH_MAX; j++) paths[i][j] = (uint8_t)rand();

    printf("%-44s %7s %7s %7s\n", "ns per capture, at depth", "10", "30", "60");
    static const struct {
        const char *name;
        enum action action;
        int paths, calls;
    } rows[] = {
        {"glibc backtrace()", BACKTRACE, 1, CALLS},
        {"mete, every frame by table", CAPTURE_ANEW, 1, CALLS},
        {"mete, same stack as last time", CAPTURE, 1, CALLS},
        {"mete, one of 64 stacks, in turn", CAPTURE, PATHS, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        printf("%-44s", rows[i].name);
        for (size_t j = 0; j < sizeof depths / sizeof *depths; j++) {
            int depth = depths[j] - 3; /* frames below main: two of libc's, and main */
            double cost = measure(rows[i].action, depth, rows[i].paths, rows[i].calls);
            printf(" %7.1f", cost - measure(NOTHING, depth, rows[i].paths, rows[i].calls));
        }
        printf("\n");
    }
    return 0;
}
