/*
 * guard/guard.h - finds what a program does outside of its blocks, or in freed ones.
 *
 * Two modes. In check mode every block has zones on both sides with a known pattern; freed blocks
 * are filled with another, and held for a while. What was written over is found when the block is
 * freed, when it is no longer held, and at the program's end; the program goes on.
 *
 * In guard mode a block has slices of its own besides, and ends at an inaccessible page; when it is
 * freed all of it becomes inaccessible. So any access, a read too, is found when it happens, and
 * ends the program. Where the kernel's limits leave no room for that a block is as in check mode.
 *
 * The guard is the heap's (heap/cushion.h): whoever watches hears of errors by the heap's hooks.
 */
#ifndef METE_GUARD_GUARD_H
#define METE_GUARD_GUARD_H

#include <stdbool.h>

#include "base/compiler.h"

/* To be called once, before mete__watch_set, with which it begins. With fences: guard mode. */
METE_HIDDEN void mete__guard_start(bool with_fences);

/* Looks at every block, live and held. Other threads are stopped meanwhile, for what they free
 * could become inaccessible under its eyes; where one cannot be, nothing is looked at. */
METE_HIDDEN void mete__guard_check(void);

#endif
