/*
 * allocator/wrapper.h - what all adapters have in common: one below, counters, a table of their
 * own.
 *
 * An adapter's state begins with a struct mete__wrapper. Its methods are a copy, because what an
 * adapter can do depends on the allocator below it.
 */
#ifndef METE_ALLOCATOR_WRAPPER_H
#define METE_ALLOCATOR_WRAPPER_H

#include <mete/allocator.h>

#include "base/compiler.h"

struct mete__wrapper {
    mete_allocator self; /* what the program holds */
    const mete_allocator *under;
    mete_allocator_methods methods;
    mete_allocator_stats stats; /* each field atomic */
    size_t bytes;               /* of the whole state */
};

/* A state of `size` bytes, zeroed but for its wrapper, or NULL with errno. methods->capabilities
 * are added to those of the allocator below; `loses` are taken away. A NULL resize stays NULL, and
 * becomes NULL where the one below has none; stats and destroy are filled in where NULL. */
METE_HIDDEN void *mete__wrapper_make(size_t size, const mete_allocator *under,
                                     const mete_allocator_methods *methods, unsigned loses);

/* Frees the state; what `destroy` is where the adapter has nothing else to end. */
METE_HIDDEN void mete__wrapper_destroy(void *state);

/* Each counts one call that has been answered; any thread. */
METE_HIDDEN void mete__wrapper_count_alloc(struct mete__wrapper *wrapper, const void *block,
                                           size_t size);
METE_HIDDEN void mete__wrapper_count_free(struct mete__wrapper *wrapper, size_t size);
/* A resize in place changes only the bytes; a remap counts as one free and one allocation. */
METE_HIDDEN void mete__wrapper_count_resize(struct mete__wrapper *wrapper, int status,
                                            size_t old_size, size_t new_size);
METE_HIDDEN void mete__wrapper_count_remap(struct mete__wrapper *wrapper, const void *block,
                                           size_t old_size, size_t new_size);

/* The methods of an adapter that only counts: pass on, then count. */
METE_HIDDEN void *mete__wrapper_alloc(void *state, mete_layout layout, const mete_site *site);
METE_HIDDEN void mete__wrapper_free(void *state, void *block, mete_layout layout);
METE_HIDDEN int mete__wrapper_resize(void *state, void *block, mete_layout layout, size_t new_size);
METE_HIDDEN void *mete__wrapper_remap(void *state, void *block, mete_layout layout,
                                      size_t new_size);
METE_HIDDEN size_t mete__wrapper_usable(void *state, const void *block, mete_layout layout);

#endif
