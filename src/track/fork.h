/*
 * track/fork.h - what becomes of the tracker in a forked child.
 *
 * A word of memory that fork wipes tells parent and child apart, however the child was forked; so
 * the child is noticed when it first counts something, and one that never does costs nothing. vfork
 * and CLONE_VM children share the word with the rest of the memory, and go on as one more thread of
 * their parent.
 *
 * The child goes on where its parent was: counters, peaks, tree and live blocks. Only the file is
 * another.
 */
#ifndef METE_TRACK_FORK_H
#define METE_TRACK_FORK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

/* The state of the process, a number that is not 0. Each shard keeps the value it knows and
 * compares before it counts. It changes where a shard must stop and think: in a forked child, and
 * when a second shard joins the first. */
extern METE_HIDDEN uint32_t *mete__fork_word; /* atomic; NULL: not watched yet */

METE_INLINE uint32_t mete__fork_state(void) {
    return __atomic_load_n(mete__fork_word, __ATOMIC_RELAXED);
}

/* The state of no process: a shard that keeps it must always stop and think. */
#define METE__FORK_NO_STATE UINT32_MAX

/* Begins to watch for forks. */
METE_HIDDEN void mete__fork_watch(void);

/* Changes the state. */
METE_HIDDEN void mete__fork_change_state(void);

/* Where this is a forked child that has not settled yet: calls settle, by one thread while others
 * wait, and makes the state valid again. */
METE_HIDDEN void mete__fork_settle(void (*settle)(void));

/* The value for a shard that has just seen to everything. */
METE_HIDDEN uint32_t mete__fork_state_to_keep(void);

#endif
