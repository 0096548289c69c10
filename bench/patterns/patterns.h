/*
 * bench/patterns - how programs use malloc, each habit on its own.
 *
 * `patterns NAME WORK` runs one of them; WORK in percent of the usual scales the number of
 * operations, not the number of live blocks. All sizes and orders come from a generator with a
 * fixed seed, so that every malloc is asked the same. Blocks are written to, as programs write
 * them: at their start, or whole where it says so.
 */
#ifndef METE_BENCH_PATTERNS_H
#define METE_BENCH_PATTERNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pattern {
    const char *name;
    void (*run)(unsigned work);
};

/* lifetimes.c: one thread; in which order blocks end */
void pattern_pair(unsigned work);
void pattern_lifo(unsigned work);
void pattern_fifo(unsigned work);
void pattern_random_small(unsigned work);
void pattern_random_mixed(unsigned work);
void pattern_trees(unsigned work);
void pattern_phases(unsigned work);
void pattern_sieve(unsigned work);

/* calls.c: one thread; the other calls of the family, and other sizes */
void pattern_realloc_growth(unsigned work);
void pattern_calloc(unsigned work);
void pattern_memalign(unsigned work);
void pattern_large(unsigned work);
void pattern_strings(unsigned work);

/* threads.c: several threads */
void pattern_server(unsigned work);
void pattern_pipeline(unsigned work);
void pattern_exchange(unsigned work);
void pattern_short_threads(unsigned work);
void pattern_scratch(unsigned work);
void pattern_batches(unsigned work);

/* xorshift64*; the state must not be 0. */
static inline uint64_t random_next(uint64_t *state) {
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * UINT64_C(2685821657736338717);
}

/* 0 to limit - 1. */
static inline size_t random_below(uint64_t *state, size_t limit) {
    return (size_t)((random_next(state) >> 32) * limit >> 32);
}

/* The sizes of ordinary programs: nine in ten up to 128 bytes, few above 1 KiB, some up to 32 KiB.
 */
static inline size_t random_size(uint64_t *state) {
    size_t kind = random_below(state, 100);
    if (kind < 60) return 8 + random_below(state, 57);
    if (kind < 90) return 32 + random_below(state, 97);
    if (kind < 99) return 128 + random_below(state, 897);
    return 1024 + random_below(state, 31 * 1024);
}

/* malloc with the first word written; ends the program where there is no memory. */
void *obtain(size_t size);

#endif
