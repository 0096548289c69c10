/*
 * registry/territory.h - the ranges of memory that holders have, found by address.
 *
 * A treap by start address (Cecilia Aragon and Raimund Seidel, "Randomized Search Trees", 1989),
 * each node of which knows how far its subtree reaches: so the innermost of ranges that lie in each
 * other, as an arena's chunk in a pool's block, is found in the logarithm of their number. A node
 * is a part of what it stands for; nothing is allocated.
 *
 * No lock, no knowledge of holders: see registry.h.
 *
 * Invariants:
 *   T1  In order, starts grow; of equal starts ends fall; of equal ranges the numbers grow. So of
 *       all that hold an address the last is the innermost, and the newest.
 *   T2  A node's rank is at least that of its children.
 *   T3  reach is the highest end in the node's subtree.
 */
#ifndef METE_REGISTRY_TERRITORY_H
#define METE_REGISTRY_TERRITORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct mete__holder;

struct mete__territory {
    struct mete__holder *holder; /* NULL: not entered */
    uintptr_t start, end;        /* [start, end) */
    uintptr_t reach;
    uint64_t number; /* of the entry, from 1; its hash is the rank */
    struct mete__territory *lower, *higher;
};

/* Puts a node of which holder, start, end and number are set into the tree; the new root. */
METE_HIDDEN METE_MUST_USE struct mete__territory *
mete__territory_insert(struct mete__territory *root, struct mete__territory *node);

/* Takes it out; the new root. */
METE_HIDDEN METE_MUST_USE struct mete__territory *
mete__territory_remove(struct mete__territory *root, struct mete__territory *node);

/* Calls ask for every holder with a range that has the address, the innermost first, until it
 * returns false; false then. */
METE_HIDDEN bool mete__territory_ask(const struct mete__territory *root, uintptr_t address,
                                     bool (*ask)(void *context, struct mete__holder *holder),
                                     void *context);

#endif
