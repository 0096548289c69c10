/*
 * allocator/heap_take.h - the way of mete_allocator_heap's blocks, for who is its equal: the
 * system's malloc where that is mete's.
 */
#ifndef METE_ALLOCATOR_HEAP_TAKE_H
#define METE_ALLOCATOR_HEAP_TAKE_H

#include <mete/allocator.h>

#include "base/compiler.h"

/* mete_allocator_methods.alloc, to be called by the program itself; `state` means nothing. */
METE_HIDDEN void *mete__allocator_heap_take(void *state, mete_layout layout, const mete_site *site);

#endif
