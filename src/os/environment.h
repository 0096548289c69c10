/*
 * os/environment.h - what the process was started with, asked for before or after libc is ready.
 *
 * The loader calls malloc before the C library's own start, when `environ` is still NULL; the
 * kernel's arguments lie on the stack from the first instruction on. Everything here is
 * allocation-free and async-signal-safe, and keeps errno.
 */
#ifndef METE_OS_ENVIRONMENT_H
#define METE_OS_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct mete__environment {
    char **variables; /* NAME=VALUE, ends with NULL; the process's own array, or an empty one */
    const char *const *argv; /* argc arguments; NULL where they cannot be found */
    uint32_t argc;
    const char *started_as; /* the path given to exec: of a script, the script's; NULL: unknown */
    uint64_t image; /* a number no other program of this process (by exec) has; 0: unknown */
    bool is_secure; /* privileges changed at exec: the environment is not to be trusted */
};

METE_HIDDEN void mete__environment_read(struct mete__environment *out);

/* Whether the program was linked statically, without a loader. */
METE_HIDDEN bool mete__environment_is_static(void);

/* The path of the program's file, into `out`; "" where it cannot be told. */
METE_HIDDEN void mete__environment_executable(char *out, size_t size);

#endif
