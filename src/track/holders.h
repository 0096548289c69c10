/*
 * track/holders.h - pools, arenas, maps and private heaps in the profile, with who created them.
 *
 * Those of one kind and name that one stack has created share a record (METE_SECTION_HOLDERS): how
 * many were created and destroyed is counted at once, so that it survives the process; what they
 * hold is read when the profile is about to be finished or copied. Up to 768 different ones are
 * told apart; further ones are not recorded.
 *
 * Thread-safe, by one lock; allocates nothing from the heap. Creating and destroying is rare.
 */
#ifndef METE_TRACK_HOLDERS_H
#define METE_TRACK_HOLDERS_H

#include "base/compiler.h"
#include "registry/registry.h"

/* What to give mete__registry_watch() once the tracker has started. */
METE_HIDDEN const struct mete__registry_hooks *mete__holders_hooks(void);

/* Writes what those hold that exist now. Those from before the tracker's start are entered, with no
 * stack. */
METE_HIDDEN void mete__holders_update(void);

/* In a forked child, before anything else here: who held the lock may not exist there. */
METE_HIDDEN void mete__holders_after_fork(void);

#endif
