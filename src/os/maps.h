/*
 * os/maps.h - the mappings of this process, as the kernel lists them.
 *
 * A list is a picture of one moment, in a mapping of its own: nothing is allocated from the heap or
 * from mete's tables, and no lock is taken, so it can be taken while other threads are stopped
 * anywhere. Async-signal-safe.
 */
#ifndef METE_OS_MAPS_H
#define METE_OS_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define METE__MAP_READ   1u
#define METE__MAP_WRITE  2u
#define METE__MAP_EXEC   4u
#define METE__MAP_SHARED 8u
#define METE__MAP_FILE   16u /* has a file behind it: an image, shared memory, a mapped file */
#define METE__MAP_DEVICE 32u /* reading may have effects or never end */
#define METE__MAP_STACK  64u /* the main thread's stack, and nothing else */

struct mete__mapping {
    uintptr_t start;
    uintptr_t end;  /* one past the last byte */
    uint32_t flags; /* METE__MAP_* */
};

struct mete__maps {
    struct mete__mapping *list; /* by rising address, without overlaps */
    size_t count;
    size_t capacity;
};

/* -ENOMEM; -ENOENT or another errno where the system tells no mappings. Free it with
 * mete__maps_free. */
METE_HIDDEN int mete__maps_read(struct mete__maps *maps);
METE_HIDDEN void mete__maps_free(struct mete__maps *maps);

/* The mapping that holds `address`, or NULL. */
METE_HIDDEN const struct mete__mapping *mete__maps_find(const struct mete__maps *maps,
                                                        uintptr_t address);

/* Asks for one mapping, without a list of all: the one that holds `address`, how many bytes of its
 * file come before its first, and its name ("" for none; of one that does not fit, the end). 0;
 * -EFAULT where nothing is mapped there; -ENOMEM, or an errno of /proc. */
METE_HIDDEN int mete__maps_look(uintptr_t address, struct mete__mapping *mapping, uint64_t *offset,
                                char *name, size_t size);

#endif
