/*
 * heap/audit.h - whether every invariant of the heap holds.
 *
 * The invariants are numbered in the headers of what they are about: R in region.h, S in slices.h,
 * I in span.h, C in cache.h, P (and M) in private.h. They are checked in that order, and the first
 * broken one is told with the place where it is broken. For tests and fuzzers: src/heap/meson.build
 * keeps this file out of the libraries.
 *
 * Nothing here changes the heap or allocates. Nobody else may change it meanwhile: other threads
 * are outside of it, and so is the caller.
 */
#ifndef METE_HEAP_AUDIT_H
#define METE_HEAP_AUDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/text.h"
#include "heap/cache.h"
#include "heap/region.h"

/* What is broken, and where: members that say nothing are NULL. */
struct mete__audit_fault {
    const char *invariant; /* its number: "S2" */
    const char *text;      /* what was found instead */
    const struct mete__region *region;
    const struct mete__cache *cache;
    const struct mete__span *span;
    const void *address; /* of a slice or a block */
};

/* True where R, S1 to S6, I and C hold; else *fault is the first that does not. Reads metadata and
 * the links inside free blocks: costs time in proportion to the heap, and no memory. */
METE_HIDDEN METE_MUST_USE bool mete__audit_heap(struct mete__audit_fault *fault);

/* The same for S7: reads every free byte that ought to be zero, so that it takes a page (the
 * kernel's shared one) for each. */
METE_HIDDEN METE_MUST_USE bool mete__audit_zeros(struct mete__audit_fault *fault);

/* Appends one line without its end: "S2: …, region 0x…, span 0x…". */
METE_HIDDEN void mete__audit_explain(const struct mete__audit_fault *fault,
                                     struct mete__text *text);

#endif
