/*
 * os/meta.h - memory for mete's own tables.
 *
 * Everything mete keeps for itself comes from here: caches, side records, hash tables, trees. So
 * one question answers "is this mete's own?", which the leak check needs, and one figure says what
 * mete costs. Never from the heap that mete hands out.
 *
 * All functions are thread-safe, allocation-free otherwise, and return zeroed memory.
 */
#ifndef METE_OS_META_H
#define METE_OS_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/* `size` zeroed bytes aligned to 64, or NULL. Never given back to the system; mete__meta_free keeps
 * them for the next request of that size (rounded up to a power of two at least 64). */
METE_HIDDEN void *mete__meta_alloc(size_t size);
METE_HIDDEN void mete__meta_free(void *memory, size_t size);

/* A mapping of its own, whole pages, zeroed, for tables that grow by being touched: `size` may be
 * far larger than what will be used (not charged where the system overcommits; NULL under strict
 * accounting if too large). */
METE_HIDDEN void *mete__meta_map(size_t size);
METE_HIDDEN void mete__meta_unmap(void *memory, size_t size);

/* Enters a mapping made elsewhere (the profile's) as mete's own. */
METE_HIDDEN void mete__meta_register(const void *memory, size_t size);
METE_HIDDEN void mete__meta_forget(const void *memory, size_t size);

/* Calls visit for every range of mete's own; ranges neither overlap nor come in order. */
METE_HIDDEN void mete__meta_each_range(void (*visit)(void *context, uintptr_t start, size_t size),
                                       void *context);

/* Bytes taken for tables so far (of mapped ranges what was asked for, not what was touched). */
METE_HIDDEN size_t mete__meta_bytes(void);

/* In the child of a fork, before anything else here: a thread that does not exist in the child may
 * have held the lock. What it did is lost (at most one table of memory), the rest is whole. */
METE_HIDDEN void mete__meta_after_fork(void);

#endif
