/*
 * shim/inherit.h - how mete gets from one program into the next.
 *
 * By the environment: LD_PRELOAD and METE_*. Programs that make an environment of their own for a
 * child would lose mete on the way, so exec and posix_spawn (process_exec.c) put back what is
 * missing. Where children are to be left alone (METE_NO_CHILDREN) it is the other way round: the
 * variables are taken out of the environment before the program sees it, and put back only when the
 * run's first process becomes another program, for then FILE follows it.
 *
 * All this only under `mete run`, and only for programs that were reached by preloading.
 */
#ifndef METE_SHIM_INHERIT_H
#define METE_SHIM_INHERIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

/* From the constructor: keeps copies of the variables, and takes them out where they are not to be
 * passed on. */
METE_HIDDEN void mete__inherit_prepare(void);

/* Bytes that mete__inherit_extend needs for this environment; 0: it is to be used as it is.
 * `is_exec`: this process itself becomes the next program. Async-signal-safe. */
METE_HIDDEN size_t mete__inherit_room(char *const *variables, bool is_exec);

/* The environment with what is missing put back, in `room`, aligned for pointers, of the size just
 * asked for. Its strings are the caller's, ours, or in room. */
METE_HIDDEN char **mete__inherit_extend(char *const *variables, void *room);

#endif
