/*
 * shim/process_exit.c - _exit and _Exit, which end a process without calling anything.
 *
 * Only libmete_malloc has this file. exit(), quick_exit() and abort() do not come through here: the
 * C library calls its own _exit from within.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/compiler.h"
#include "os/process.h"
#include "shim/finish.h"

METE_EXPORT void _exit(int status) {
    mete__finish_run();
    mete__process_exit(status);
}

METE_EXPORT void _Exit(int status) {
    mete__finish_run();
    mete__process_exit(status);
}
