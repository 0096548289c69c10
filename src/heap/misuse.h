/*
 * heap/misuse.h - a program frees what it should not, or as it should not.
 */
#ifndef METE_HEAP_MISUSE_H
#define METE_HEAP_MISUSE_H

#include "heap/heap.h"

/* Tells the watcher, and writes one line that names the error, the address and what the heap knows
 * of it to standard error, unless the watcher heard the same before. */
METE_HIDDEN void mete__misuse_tell(enum mete__misuse kind, const void *address,
                                   const struct mete__found *found,
                                   const struct mete__caller *caller);

/* The same for what the program cannot go on from: the line is always written, and the process
 * aborts. `found` is the block that `address` lies in, lay in, or would lie in; NULL where it is no
 * block of this heap. */
METE_HIDDEN METE_NORETURN void mete__misuse(enum mete__misuse kind, const void *address,
                                            const struct mete__found *found,
                                            const struct mete__caller *caller);

/* METE__INVALID_FREE of a block that is one, but not of the private heap it was given to. */
METE_HIDDEN METE_NORETURN void mete__misuse_stray(const char *heap, const void *address,
                                                  const struct mete__found *found,
                                                  const struct mete__caller *caller);

/* As errors are named in reports. */
METE_HIDDEN const char *mete__misuse_name(enum mete__misuse kind);

#endif
