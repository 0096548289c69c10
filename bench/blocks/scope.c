/*
 * bench/blocks/scope.c - what METE_AUTO costs beside goto: one block of 64 bytes, touched and
 * freed.
 *
 * Both take turns in short runs, so that what else the machine does hits them alike; the figure is
 * the median of the ratios. Prints one line for free, which keeps errno itself, and one for a
 * destructor that does not.
 */
#include <mete/scope.h>

#include <stdint.h>
#include <stdio.h>
#include <time.h>

enum { TURNS = 301, CALLS = 20000 };

static void free_it(void *block) {
    free(block);
}

static __attribute__((noinline)) int by_goto(unsigned char value) {
    int status = -1;
    unsigned char *block = malloc(64);
    if (block == NULL) goto fail_malloc;
    *(volatile unsigned char *)block = value;
    if (value == 255) goto fail_value;
    status = *(volatile unsigned char *)block;
fail_value:
    free(block);
fail_malloc:
    return status;
}

static __attribute__((noinline)) int by_auto(unsigned char value) {
    METE_AUTO(unsigned char *, free) block = malloc(64);
    if (block == NULL) return -1;
    *(volatile unsigned char *)block = value;
    if (value == 255) return -1;
    return *(volatile unsigned char *)block;
}

static __attribute__((noinline)) int by_auto_keeping_errno(unsigned char value) {
    METE_AUTO(unsigned char *, free_it) block = malloc(64);
    if (block == NULL) return -1;
    *(volatile unsigned char *)block = value;
    if (value == 255) return -1;
    return *(volatile unsigned char *)block;
}

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

static void measure(const char *name, int (*work)(unsigned char)) {
    static double ratios[TURNS], plain[TURNS];

    for (int i = 0; i < TURNS; i++) {
        double first = time_of(by_goto), mine = time_of(work), last = time_of(by_goto);
        plain[i] = (first + last) / 2;
        ratios[i] = mine / plain[i];
    }
    qsort(ratios, TURNS, sizeof *ratios, compare);
    qsort(plain, TURNS, sizeof *plain, compare);
    printf("%-24s %.3f of goto (which takes %.1f ns)\n", name, ratios[TURNS / 2],
           plain[TURNS / 2] / CALLS);
}

int main(void) {
    measure("auto, free", by_auto);
    measure("auto, any destructor", by_auto_keeping_errno);
    return 0;
}
