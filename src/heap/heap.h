/*
 * heap/heap.h - the general-purpose heap: what the rest of the library may ask of it.
 *
 * The heap hands out blocks aligned to 16 bytes or more, from spans of 64 KiB slices (span.h). It
 * is thread-safe, survives fork, needs no initialisation and no thread registration. Its slow path
 * makes what it lacks.
 *
 * Errors: allocating calls return NULL and set errno to ENOMEM (or EINVAL where said). Freeing
 * keeps errno. Freeing what was not allocated, or twice, is a fatal error that names itself.
 */
#ifndef METE_HEAP_HEAP_H
#define METE_HEAP_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "heap/record.h"
#include "heap/watch.h"

/* No object may be larger, as in glibc: differences of pointers must fit ptrdiff_t. */
#define METE__SIZE_LIMIT ((size_t)PTRDIFF_MAX)

/* What the heap knows of an address. */
struct mete__found {
    void *block;                 /* start of the block */
    size_t block_bytes;          /* usable bytes */
    size_t requested;            /* watched: bytes asked for, until free; else block_bytes */
    struct mete__record *record; /* watched: its side record; else NULL */
    const char *heap;            /* its name, where it is a private heap's; else NULL */
    bool live; /* watched or private: whether it is allocated; else true (the heap does not know) */
};

/* Finds the block that `address` points into (its one past the end is the next block's; of a block
 * with a cushion, what lies around it points into it, too). False
 * where the address is in no block: not the heap's, or in a free span, or in a part never handed
 * out. Takes no lock, follows no pointer of the program; answers of racing allocations are stale
 * but never garbage. Async-signal-safe. */
METE_HIDDEN bool mete__heap_find(const void *address, struct mete__found *found);

/* As mete__heap_find, but the side record is not looked into: of a watched block `live` is true and
 * `requested` what the block could hold. For who looks up many, and can wait for the records. */
METE_HIDDEN bool mete__heap_locate(const void *address, struct mete__found *found);

/* Calls visit for every block ever handed out of a watched span, live ones only. Other threads
 * should be stopped. Stops and returns false where visit does. */
METE_HIDDEN bool mete__heap_each_watched(bool (*visit)(void *context, void *block,
                                                       struct mete__record *record),
                                         void *context);

/* Calls visit for every range of address space the heap keeps to itself: blocks, descriptors and
 * what is reserved for more. The leak check leaves those out of its roots. (mete's other tables:
 * see os/meta.h.) */
METE_HIDDEN void mete__heap_each_region(void (*visit)(void *context, uintptr_t start, size_t size),
                                        void *context);
/* The lowest and one past the highest address any block can have; equal where there is none yet. */
METE_HIDDEN void mete__heap_bounds(uintptr_t *low, uintptr_t *high);

/* The per-thread state of whoever watches (the tracker's shard); a slot in the thread's cache. NULL
 * at first. A cache passes, with its slot, to a later thread when its thread ends; no two threads
 * use one cache at the same time. */
METE_HIDDEN void **mete__cache_watcher_slot(struct mete__cache *cache);

/* Calls visit with every cache's watcher slot value, also those of idle caches. Racy but safe. */
METE_HIDDEN void mete__cache_each_watcher(void (*visit)(void *context, void *watcher),
                                          void *context);

#endif
