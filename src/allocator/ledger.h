/*
 * allocator/ledger.h - which blocks are live, and how each was asked for.
 *
 * A hash table of blocks by address, with linear probing and deletion that leaves no gaps (Knuth,
 * The Art of Computer Programming 3, 6.4, algorithm R), kept at most three quarters full. The
 * addresses that left it last are remembered, so that a second free has a name. In a signal handler
 * that interrupted a call, nothing is found.
 *
 * Thread-safe by its own lock. Memory: 32 bytes an entry, never less than a page, never given back
 * before the end.
 */
#ifndef METE_ALLOCATOR_LEDGER_H
#define METE_ALLOCATOR_LEDGER_H

#include <mete/layout.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "os/lock.h"

struct mete_site;

struct mete__ledger_entry {
    uintptr_t block; /* 0: nothing here */
    size_t size;
    const struct mete_site *site; /* NULL: not known */
    uint64_t sequence : 56;       /* the how manieth entry it was, from 1 */
    uint64_t align_log2 : 8;
};

enum { METE__LEDGER_LEFT = 64 };

struct mete__ledger {
    struct mete__lock lock;
    struct mete__ledger_entry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    uint64_t sequence;
    uintptr_t left[METE__LEDGER_LEFT]; /* a ring of addresses that left last */
    size_t left_next;
};

METE_INLINE mete_layout mete__ledger_layout(const struct mete__ledger_entry *entry) {
    return (mete_layout){entry->size, (size_t)1 << entry->align_log2};
}

METE_HIDDEN void mete__ledger_end(struct mete__ledger *ledger);

/* Enters a live block: 0; -ENOMEM; -EDEADLK in a signal handler that interrupted another call. */
METE_HIDDEN int mete__ledger_enter(struct mete__ledger *ledger, const void *block,
                                   mete_layout layout, const struct mete_site *site);

/* Looks the block up; false where it is not live. */
METE_HIDDEN bool mete__ledger_find(struct mete__ledger *ledger, const void *block,
                                   struct mete__ledger_entry *out);

/* The same, and takes it out. */
METE_HIDDEN bool mete__ledger_take(struct mete__ledger *ledger, const void *block,
                                   struct mete__ledger_entry *out);

/* Changes the size of a live block. */
METE_HIDDEN void mete__ledger_resize(struct mete__ledger *ledger, const void *block, size_t size);

/* Whether the address left lately and has not come back since. */
METE_HIDDEN bool mete__ledger_has_left(struct mete__ledger *ledger, const void *block);

/* A copy of all entries, in no order, in memory of mete__meta_map of *bytes bytes. NULL where there
 * is no memory for it or nothing live; *count says which. */
METE_HIDDEN struct mete__ledger_entry *mete__ledger_copy(struct mete__ledger *ledger, size_t *count,
                                                         size_t *bytes);

#endif
