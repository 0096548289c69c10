/*
 * tests/fake_os/failing_calls.h - system calls of libmete_malloc that fail when they are told to.
 *
 * A library that is preloaded before libmete_malloc. What mete asks of the system is counted in all
 * processes of a run together, and may be answered with an error that the kernel could give, too;
 * the program's and the C library's own calls go through untouched. What is to fail stands in the
 * environment:
 *
 *     FAILING_STATE=FILE   where the counts are kept, a struct failing_state
 *     FAILING_AT=N         the call with this number fails, counted from 1; 0: none
 *     FAILING_AFTER=1      and all after it, from failing_calls_resume on
 *     FAILING_ERROR=K      with which of the errors that such a call can have
 *     FAILING_SAY=1        standard error says which call it was
 */
#ifndef METE_TESTS_FAILING_CALLS_H
#define METE_TESTS_FAILING_CALLS_H

#include <stdint.h>

struct failing_state {
    uint32_t calls;  /* atomic: that can fail, so far */
    uint32_t failed; /* atomic: that did */
};

/* For the program: NULL where the library is not preloaded. From stop on no call fails; nor, where
 * FAILING_AFTER is set, before the first resume. */
extern void failing_calls_stop(void) __attribute__((weak));
extern void failing_calls_resume(void) __attribute__((weak));

#endif
