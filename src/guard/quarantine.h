/*
 * guard/quarantine.h - freed blocks that wait: first in, first out, within bounds.
 *
 * Thread-safe, by a lock under which nothing else is called.
 */
#ifndef METE_GUARD_QUARANTINE_H
#define METE_GUARD_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "os/lock.h"

/* At most so many blocks are held at a time. */
#define METE__QUARANTINE_BLOCKS ((size_t)1 << 18)

struct mete__quarantine_entry {
    char *block;
    size_t bytes; /* what it counts for */
};

/* Zero-initialised but for the limit. */
struct mete__quarantine {
    size_t limit_bytes;
    struct mete__lock lock;
    struct mete__quarantine_entry *ring; /* of METE__QUARANTINE_BLOCKS; NULL: not yet mapped */
    size_t in, out;                      /* entries ever put in and taken out */
    size_t bytes;                        /* of those held */
};

/* False where the block cannot be held: no memory, or a signal handler has interrupted a call for
 * the same quarantine. */
METE_HIDDEN METE_MUST_USE bool mete__quarantine_put(struct mete__quarantine *quarantine,
                                                    struct mete__quarantine_entry entry);

/* Takes the oldest block where more are held than the bounds allow, or with `any` where one is held
 * at all. */
METE_HIDDEN METE_MUST_USE bool mete__quarantine_take(struct mete__quarantine *quarantine, bool any,
                                                     struct mete__quarantine_entry *entry);

/* Calls visit for each block, the oldest first; nothing comes or goes meanwhile. For none where a
 * thread is in the middle of a call: it may have been stopped there. */
METE_HIDDEN void mete__quarantine_each(struct mete__quarantine *quarantine,
                                       void (*visit)(char *block));

/* In the child of a fork: what a vanished thread was putting in or taking out may be lost. */
METE_HIDDEN void mete__quarantine_after_fork(struct mete__quarantine *quarantine);

#endif
