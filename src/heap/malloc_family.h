/*
 * heap/malloc_family.h - malloc and its like under the C library's names, where the library has
 * them: libmete_malloc. Whether they are in force is another matter: the program, or what was
 * preloaded before, may have its own.
 */
#ifndef METE_HEAP_MALLOC_FAMILY_H
#define METE_HEAP_MALLOC_FAMILY_H

#include <stddef.h>

#include "base/compiler.h"

struct mete__malloc_family {
    void *(*malloc)(size_t size);
    void *(*realloc)(void *block, size_t size);
    void (*free)(void *block);
};

/* By its address not there in libmete. */
extern METE_HIDDEN const struct mete__malloc_family mete__malloc_family_own __attribute__((weak));

#endif
