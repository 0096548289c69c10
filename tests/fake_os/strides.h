/*
 * tests/fake_os/strides.h - how many of the calls a run of the tests looks at.
 *
 * `./dev test` looks at some of them, each time at the same; METE_TEST_LONG=1 in the environment
 * asks for every one.
 */
#ifndef METE_TESTS_STRIDES_H
#define METE_TESTS_STRIDES_H

#include <stddef.h>
#include <stdlib.h>

/* The distance from one call to be looked at to the next. */
static inline size_t strides_between(size_t usual) {
    const char *is_long = getenv("METE_TEST_LONG");
    return is_long != NULL && *is_long == '1' ? 1 : usual;
}

#endif
