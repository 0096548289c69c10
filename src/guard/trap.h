/*
 * guard/trap.h - accesses that meet a fence.
 */
#ifndef METE_GUARD_TRAP_H
#define METE_GUARD_TRAP_H

#include "base/compiler.h"

/* From now on such an access is told, and ends the program as it would have. */
METE_HIDDEN void mete__trap_start(void);

#endif
