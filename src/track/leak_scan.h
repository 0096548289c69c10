/*
 * track/leak_scan.h - the leak check's traversal: which live blocks are pointed to, and how.
 *
 * The heap is a graph: blocks are its nodes, and every aligned word of a block that is an address
 * in a live block is an edge, a start pointer or an interior one. What counts as which is
 * memcheck's doing (The Valgrind manual, "Memory leak detection"; the cases are numbered there):
 * reachable is what start pointers alone lead to from a root, possibly lost what needs an interior
 * pointer somewhere on every way, lost the rest. A word one past a block's requested size is no
 * pointer to it. A block of size 0 counts as one byte.
 *
 * The state of a block is in its side record (record.mark), so the traversal needs no memory but
 * its stack of blocks to look into. A block is pushed when its mark rises, twice at most; where the
 * stack is full the block is left out and all marked blocks are gone through again at the end,
 * which finds whatever was missed.
 *
 * Only watched blocks take part. One scan at a time; the other threads should stand still, but
 * nothing breaks where they do not: marks of blocks freed or born meanwhile are lost or
 * meaningless.
 */
#ifndef METE_TRACK_LEAK_SCAN_H
#define METE_TRACK_LEAK_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "heap/record.h"
#include "os/maps.h"
#include "os/peek.h"

/* record.mark: how the block was reached. */
enum mete__leak_mark {
    METE__LEAK_LOST = 0,  /* not, so far; after the scan: definitely lost */
    METE__LEAK_POSSIBLE,  /* through an interior pointer at least once on every way */
    METE__LEAK_REACHABLE, /* by start pointers all the way */
    METE__LEAK_INDIRECT,  /* from a lost block only */
};

/* What of a block is still to be looked at, from `at` on. */
struct mete__leak_entry {
    uintptr_t at;
    size_t left; /* bytes, a multiple of 8; METE__LEAK_* in the low bits */
};
#define METE__LEAK_DEFINITE ((size_t)1) /* the block is reachable, not only possibly */
#define METE__LEAK_CAREFUL  ((size_t)2) /* it may hold pages that cannot be read */

/* A pointer into a block whose side record is on its way from memory. */
struct mete__leak_pointer {
    uintptr_t word;
    uintptr_t block;
    struct mete__record *record;
    bool definite; /* what holds the pointer is reachable */
};

#define METE__LEAK_AHEAD 16 /* pointers, and blocks, fetched in advance; a power of two */

struct mete__leak_scan {
    uintptr_t low;    /* every block lies in [low, low + extent) */
    uintptr_t extent; /* bytes */
    struct mete__peek *peek;
    const struct mete__maps *maps;
    struct mete__leak_entry *stack;
    size_t depth;
    size_t capacity;
    bool overflowed;                   /* a marked block did not fit on the stack */
    uint64_t blocks;                   /* live watched blocks when the scan began */
    uint64_t lost;                     /* of them, how many no root leads to, so far */
    const struct mete__record *leader; /* gathering a clique: its leader; else NULL */
    uint32_t pointers_in;              /* ever put into `pointers` */
    uint32_t pointers_out;             /* ever taken out */
    struct mete__leak_pointer pointers[METE__LEAK_AHEAD];
};

/* Forgets all marks and counts the blocks. maps and peek stay the caller's and must outlive the
 * scan. -ENOMEM. */
METE_HIDDEN int mete__leak_scan_begin(struct mete__leak_scan *scan, const struct mete__maps *maps,
                                      struct mete__peek *peek);
METE_HIDDEN void mete__leak_scan_end(struct mete__leak_scan *scan);

/* Takes words as roots and marks all that they lead to. */
METE_HIDDEN void mete__leak_scan_words(struct mete__leak_scan *scan, const uintptr_t *words,
                                       size_t count);

/* To be called when all roots are in: finds what a full stack made the traversal miss. */
METE_HIDDEN void mete__leak_scan_settle(struct mete__leak_scan *scan);

/* Marks INDIRECT every block that is LOST so far and that `leader`, itself lost, leads to. The
 * stack must hold as many entries as there are lost blocks. */
METE_HIDDEN void mete__leak_scan_gather(struct mete__leak_scan *scan, const void *leader,
                                        struct mete__record *record);

/* Makes room on the stack for `entries`. -ENOMEM; then it is as it was. */
METE_HIDDEN int mete__leak_scan_reserve(struct mete__leak_scan *scan, size_t entries);

#endif
