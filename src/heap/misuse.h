/*
 * heap/misuse.h - the end of a program that frees what it should not.
 */
#ifndef METE_HEAP_MISUSE_H
#define METE_HEAP_MISUSE_H

#include "heap/heap.h"

/* Tells the watcher, writes one line that names the error, the address and what the heap knows of
 * it to standard error, and aborts. `found` is the block that `address` lies in, lay in, or would
 * lie in; NULL where it is no block of this heap. */
METE_HIDDEN METE_NORETURN void mete__misuse(enum mete__misuse kind, const void *address,
                                            const struct mete__found *found,
                                            const struct mete__caller *caller);

#endif
