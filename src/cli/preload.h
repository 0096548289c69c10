/*
 * cli/preload.h - how the loader is told to take mete into a program.
 *
 * libmete_malloc.so lies beside the command, in ../lib seen from bin/mete. LD_PRELOAD splits its
 * value at spaces and colons and expands $: where the path has one of these, a symbolic link in a
 * private folder stands for it while the program runs.
 */
#ifndef METE_CLI_PRELOAD_H
#define METE_CLI_PRELOAD_H

#include <limits.h>
#include <stddef.h>

struct mete__preload {
    char library[PATH_MAX]; /* what LD_PRELOAD is to name */
    char folder[PATH_MAX];  /* the private folder of the link; "" where none was needed */
};

/* 0, or a negative errno with `why` holding one sentence. */
int mete__preload_find(struct mete__preload *out, char *why, size_t why_size);

/* Removes the link, if there is one. Processes that are still running keep what they have loaded.
 */
void mete__preload_drop(struct mete__preload *preload);

/* Puts the library first in this process's LD_PRELOAD, before what stands there already. -ENOMEM.
 */
int mete__preload_enter(const struct mete__preload *preload);

#endif
