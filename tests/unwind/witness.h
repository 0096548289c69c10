/*
 * What the programs here call where a real one would call malloc: it captures the stack with mete
 * and compares.
 */
#ifndef METE_TESTS_UNWIND_WITNESS_H
#define METE_TESTS_UNWIND_WITNESS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The stack must be backtrace()'s, with the thread's memo as well as without. */
void witness(void);

/* The stack must begin with the `known` innermost frames that backtrace() sees too, and be marked
 * as cut or guessed, as the METE_NODE_* bits of `flags` say, after them. */
void witness_marked(size_t known, uint32_t flags);

/* Only that the capture with the memo is the one without: where backtrace() cannot be trusted. */
void witness_itself(void);

/* A fact about stacks, shown by calls of witness() all over a program of one shape. */
struct shape {
    const char *fact;
    void (*run)(void);
};

/* Runs shapes, prints TAP. The number of those that failed. */
int witness_all(const struct shape *shapes, size_t count);

extern const struct shape shapes_cxx[];
extern const size_t shapes_cxx_count;

#ifdef __cplusplus
}
#endif
#endif
