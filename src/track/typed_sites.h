/*
 * track/typed_sites.h - in the profile, what the program itself says that its blocks are.
 *
 * METE_ALLOC and its like pass a struct mete_site on: the type, its size, and the line of the
 * source. The first time that a stack comes with one, both are recorded (METE_SECTION_TYPES); a
 * stack that says several things gets several records. So reports name these types without any
 * debugging information.
 *
 * Thread-safe: what is known already is found without a lock. Allocates nothing from the heap.
 */
#ifndef METE_TRACK_TYPED_SITES_H
#define METE_TRACK_TYPED_SITES_H

#include <mete/allocator.h>
#include <stdint.h>

#include "base/compiler.h"

/* A block was allocated at `stack` for what `site`, static in the program, says. */
METE_HIDDEN void mete__typed_sites_note(uint32_t stack, const mete_site *site);

/* In a forked child, before anything else here: who held the lock may not exist there. */
METE_HIDDEN void mete__typed_sites_after_fork(void);

#endif
