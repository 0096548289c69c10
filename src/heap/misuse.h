/*
 * heap/misuse.h - the end of a program that frees what it should not.
 */
#ifndef METE_HEAP_MISUSE_H
#define METE_HEAP_MISUSE_H

#include "heap/span.h"
#include "heap/watch.h"

/* Tells the watcher, writes one line that names the error, the address and what the heap knows of
 * it to standard error, and aborts. span is the one `address` lies in (memory: its first byte), or
 * NULL. */
METE_HIDDEN METE_NORETURN void mete__misuse(enum mete__misuse kind, const void *address,
                                            const struct mete__span *span, const char *memory,
                                            const struct mete__caller *caller);

#endif
