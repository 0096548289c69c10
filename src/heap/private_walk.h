/*
 * heap/private_walk.h - a private heap as a whole: its blocks, and whether all is well.
 *
 * All walks go by address over every span of the process, not by the heap's lists: those may be
 * changed by the visitor.
 */
#ifndef METE_HEAP_PRIVATE_WALK_H
#define METE_HEAP_PRIVATE_WALK_H

#include "heap/private.h"

/* As mete_heap_foreach; `visit` may free the block. Takes no lock. */
METE_HIDDEN bool mete__private_walk_blocks(const mete_heap *heap,
                                           bool (*visit)(void *context, void *block, size_t size),
                                           void *context);

/* Calls visit for every run of live blocks of the span. False, and nothing is visited, where it is
 * no private heap's. Where other threads are stopped the answer is exact. */
METE_HIDDEN bool mete__private_walk_span(const struct mete__span *span,
                                         void (*visit)(void *context, uintptr_t start, size_t size),
                                         void *context);

/* Whether every invariant of private.h and marks.h holds. Takes no lock. */
METE_HIDDEN bool mete__private_walk_verify(const mete_heap *heap);

#endif
