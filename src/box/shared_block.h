/*
 * box/shared_block.h - what stands in front of a shared value.
 *
 * Invariants:
 *   B1  While owners > 0 the value lives. The one that takes it from 1 to 0 destroys it.
 *   B2  watchers counts weak handles, and 1 for all owners together. The one that takes it from 1
 *       to 0 frees the block.
 *   B3  Neither ever exceeds METE_SHARED_MOST by more than the number of threads that are being
 *       refused just now.
 */
#ifndef METE_BOX_SHARED_BLOCK_H
#define METE_BOX_SHARED_BLOCK_H

#include <mete/box.h>

struct mete_shared {
    const mete_allocator *allocator;
    void (*destroy)(void *value); /* NULL: nothing to do */
    void *value;                  /* behind this, where its alignment allows */
    mete_layout layout;           /* of all of it, as asked of the allocator */
    uint64_t counts; /* atomic: owners, and watchers in units of METE__SHARED_ONE_WATCHER */
};

/* One word for both, so that one look tells whether anybody else has a handle. */
#define METE__SHARED_ONE_OWNER   ((uint64_t)1)
#define METE__SHARED_ONE_WATCHER ((uint64_t)1 << 32)

#endif
