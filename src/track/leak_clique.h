/*
 * track/leak_clique.h - which lost blocks are lost by themselves, and which only with another.
 *
 * memcheck's cliques: lost blocks are gone through in order; one that no block before it led to
 * leads a clique of all the lost blocks that it leads to, through pointers of any kind. They are
 * indirectly lost, and where one of them led a clique itself so far, that joins. So the head of a
 * list or tree is definitely lost and the rest indirectly; of a cycle, the first in order.
 *
 * memcheck's order is by address, which under its own allocator is mostly the order of birth. Here
 * it is the order of birth, so that the same program gives the same answer in both.
 */
#ifndef METE_TRACK_LEAK_CLIQUE_H
#define METE_TRACK_LEAK_CLIQUE_H

#include "track/leak_scan.h"

/* Divides the LOST blocks of a scan whose roots are all in: heads stay LOST, the others become
 * INDIRECT. -ENOMEM: then none or some have. */
METE_HIDDEN int mete__leak_clique_divide(struct mete__leak_scan *scan);

#endif
