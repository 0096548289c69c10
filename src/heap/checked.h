/*
 * heap/checked.h - the general heap where Valgrind or AddressSanitizer listens.
 *
 * Then blocks of the program's that nobody watches come from one private heap, which tells the
 * checker of each: its bytes, its end, and what around it is nobody's. So every call takes the slow
 * path, as in exact mode, and the fast paths ask nothing. Where the tracker watches, its blocks are
 * as ever, and the checker sees plain memory.
 */
#ifndef METE_HEAP_CHECKED_H
#define METE_HEAP_CHECKED_H

#include "heap/private.h"

/* NULL: no checker listens, or it has not been asked for. */
extern METE_HIDDEN mete_heap *mete__checked;

/* From now on it is so. Once; does nothing where no checker listens. */
METE_HIDDEN void mete__checked_start(void);

#endif
