/*
 * heap/grave.h - what is remembered of watched blocks whose span has been given back.
 *
 * A span without a used block goes back to the slices, and its memory may be anything soon. A
 * second free of one of its blocks must be named all the same, with who allocated and who freed it.
 * So the side records of such spans are kept for a while: the latest few, in as much memory as the
 * constants in grave.c allow. They are looked up only on the way to mete__misuse.
 *
 * Thread-safe, by a lock under which nothing but os/meta.h is called.
 */
#ifndef METE_HEAP_GRAVE_H
#define METE_HEAP_GRAVE_H

#include "heap/heap.h"

struct mete__grave {
    char *memory;                 /* first byte of the span that was */
    size_t block_bytes;           /* of each block */
    size_t blocks;                /* that were ever handed out: the first so many */
    struct mete__record *records; /* from mete__meta_alloc, for `record_count` blocks */
    size_t record_count;
};

/* Takes over the records of a span that has been given back. */
METE_HIDDEN void mete__grave_bury(const struct mete__grave *grave);

/* Finds the latest block that began at `address` and lies buried; found->live is false. */
METE_HIDDEN bool mete__grave_find(const void *address, struct mete__found *found);

/* In the child of a fork, before any other call: what a vanished thread was burying is lost. */
METE_HIDDEN void mete__grave_after_fork(void);

#endif
