/*
 * guard/finding.h - an error that the guard has found: told, and the program goes on.
 */
#ifndef METE_GUARD_FINDING_H
#define METE_GUARD_FINDING_H

#include "heap/cushion.h"
#include "heap/watch.h"

/* Tells the watcher, and writes one line to standard error where that is news to it. `address` is
 * the first byte that is wrong; caller is the call that found it, NULL where none did. */
METE_HIDDEN void mete__finding_tell(enum mete__misuse kind, const void *address,
                                    const struct mete__cushion *cushion,
                                    const struct mete__caller *caller);

/* The same of an access that raised a signal; context is its ucontext_t. */
METE_HIDDEN void mete__finding_trapped(enum mete__misuse kind, const void *address,
                                       const struct mete__cushion *cushion, const void *context);

#endif
