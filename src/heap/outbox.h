/*
 * heap/outbox.h - blocks of other threads, gathered before they are sent home.
 *
 * A block that another thread allocated goes home through the inbox of the cache that owns it, at
 * the price of an atomic exchange on a cache line that its owner reads all the time. So the freeing
 * thread keeps a few such blocks, one chain for each owner (snmalloc's idea: Liétar et al.,
 * "snmalloc: a message passing allocator", ISMM 2019), and sends a chain as one.
 *
 * Little must be stranded in a thread that goes to sleep. A chain goes as soon as it has
 * METE__OUTBOX_BLOCKS blocks or METE__OUTBOX_BYTES bytes, or another owner wants its place; all of
 * them go at the thread's end, and now and then on the slow path of malloc.
 *
 * An outbox belongs to its cache, and is changed only while that is busy.
 */
#ifndef METE_HEAP_OUTBOX_H
#define METE_HEAP_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "heap/span.h"

#define METE__OUTBOX_BLOCKS 16
#define METE__OUTBOX_BYTES  4096

#define METE__OUTBOX_CHAINS_LOG2 3
#define METE__OUTBOX_CHAINS      (1u << METE__OUTBOX_CHAINS_LOG2)

struct mete__cache;

struct mete__chain {
    struct mete__cache *home; /* the owner of all blocks in it; NULL: the chain is empty */
    struct mete__block *first;
    struct mete__block *last;
    uint32_t blocks;
    uint32_t bytes; /* of them all, as block sizes */
};

struct mete__outbox {
    struct mete__chain chains[METE__OUTBOX_CHAINS];
};

/* Which chain gathers blocks for that cache. */
METE_INLINE size_t mete__outbox_place(const struct mete__cache *home) {
    return (uintptr_t)home * 0x9e3779b97f4a7c15u >> (64 - METE__OUTBOX_CHAINS_LOG2);
}

/* Begins a chain to `home`, whose last block will be `block`, where there is another or none. The
 * block that was sent home last, where it is still there: it may only be compared. */
METE_HIDDEN const struct mete__block *
mete__outbox_begin(struct mete__chain *chain, struct mete__cache *home, struct mete__block *block);

/* Sends the chain and leaves it empty. */
METE_HIDDEN void mete__outbox_send(struct mete__chain *chain);
/* Sends all chains. */
METE_HIDDEN void mete__outbox_flush(struct mete__outbox *outbox);

/* A block of `bytes` bytes is to go home. False where it is the very one that went there last: it
 * has been freed twice, and is not taken. */
METE_INLINE bool mete__outbox_put(struct mete__outbox *outbox, struct mete__cache *home,
                                  struct mete__block *block, size_t bytes) {
    struct mete__chain *chain = &outbox->chains[mete__outbox_place(home)];
    const struct mete__block *latest = chain->first;

    if (METE_UNLIKELY(chain->home != home)) latest = mete__outbox_begin(chain, home, block);
    if (METE_UNLIKELY(latest == block)) return false;
    block->next = chain->first;
    chain->first = block;
    chain->blocks++;
    chain->bytes += (uint32_t)bytes;
    if (chain->blocks == METE__OUTBOX_BLOCKS || chain->bytes >= METE__OUTBOX_BYTES)
        mete__outbox_send(chain);
    return true;
}

#endif
