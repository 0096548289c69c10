/*
 * bench/costs/scope.c - what METE_AUTO costs beside goto: a block of 64 bytes, touched and freed.
 *
 * Both take turns in short runs, so that what else the machine does hits them alike; the figure is
 * the median of the ratios. The functions begin at cache lines, so that where they lie is the same.
 * One line is of free, which keeps errno itself. The others are of a destructor that the compiler
 * knows nothing of, so that METE_AUTO keeps errno around it: beside a goto that keeps it, too,
 * which is the same work, and beside one that does not.
 */
#include <mete/scope.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

enum { TURNS = 301, CALLS = 20000 };

#define APART __attribute__((noinline, aligned(64)))

static APART void end(unsigned char *block) {
    __asm__ volatile("" : "+r"(block));
    free(block);
}
METE_AUTO_DECLARE(unsigned char *, end)

/* The same, by a name of which it is said that it keeps errno. */
#define METE_KEEPS_ERRNO_end_quietly METE_KEEPS_ERRNO
static APART void end_quietly(unsigned char *block) {
    __asm__ volatile("" : "+r"(block));
    free(block);
}
METE_AUTO_DECLARE(unsigned char *, end_quietly)

/* As one writes it by hand. */
#define end_keeping(block) \
    do {                   \
        int kept = errno;  \
        end(block);        \
        errno = kept;      \
    } while (0)

/* The same function by either means, for either destructor. */
#define BY_GOTO(name, destructor)                  \
    static APART int name(unsigned char value) {   \
        int status = -1;                           \
        unsigned char *block = malloc(64);         \
        if (block == NULL) goto fail_malloc;       \
        *(volatile unsigned char *)block = value;  \
        if (value == 255) goto fail_value;         \
        status = *(volatile unsigned char *)block; \
    fail_value:                                    \
        destructor(block);                         \
    fail_malloc:                                   \
        return status;                             \
    }
#define BY_AUTO(name, destructor)                                  \
    static APART int name(unsigned char value) {                   \
        METE_AUTO(unsigned char *, destructor) block = malloc(64); \
        if (block == NULL) return -1;                              \
        *(volatile unsigned char *)block = value;                  \
        if (value == 255) return -1;                               \
        return *(volatile unsigned char *)block;                   \
    }

/* NOLINTBEGIN(clang-analyzer-unix.Malloc): clang-tidy 14 does not see cleanups. */
BY_GOTO(goto_free, free)
BY_AUTO(auto_free, free)
BY_GOTO(goto_end, end)
BY_GOTO(goto_end_keeping, end_keeping)
BY_AUTO(auto_end, end)
BY_GOTO(goto_quietly, end_quietly)
BY_AUTO(auto_quietly, end_quietly)
/* NOLINTEND(clang-analyzer-unix.Malloc) */

static double time_of(int (*work)(unsigned char)) {
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (unsigned i = 0; i < CALLS; i++) work((unsigned char)(i & 127));
    clock_gettime(CLOCK_MONOTONIC, &to);
    return (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const char *name, int (*by_goto)(unsigned char),
                    int (*by_auto)(unsigned char)) {
    static double ratios[TURNS], plain[TURNS];

    for (int i = 0; i < TURNS; i++) {
        double first = time_of(by_goto), mine = time_of(by_auto), last = time_of(by_goto);
        plain[i] = (first + last) / 2;
        ratios[i] = mine / plain[i];
    }
    qsort(ratios, TURNS, sizeof *ratios, compare);
    qsort(plain, TURNS, sizeof *plain, compare);
    printf("%-24s %.3f of goto (which takes %.1f ns)\n", name, ratios[TURNS / 2],
           plain[TURNS / 2] / CALLS);
}

int main(void) {
    measure("auto, free", goto_free, auto_free);
    measure("auto, any destructor", goto_end_keeping, auto_end);
    measure("  beside errno lost", goto_end, auto_end);
    measure("  said to keep errno", goto_quietly, auto_quietly);
    return 0;
}
