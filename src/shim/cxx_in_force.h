/*
 * shim/cxx_in_force.h - the operators new and delete that the program really has.
 *
 * The standard's defaults are layered: new[] calls new, the nothrow forms call the throwing ones,
 * sized and array delete call the plain one ([new.delete]). A program that replaces only the lowest
 * layer relies on it. So each of our upper operators looks here what the layer below it is: the
 * dynamic linker has filled in the program's own where it has one, else ours, and then the layers
 * can be skipped.
 */
#ifndef METE_SHIM_CXX_IN_FORCE_H
#define METE_SHIM_CXX_IN_FORCE_H

#include <stddef.h>

#include "base/compiler.h"

struct mete__cxx_in_force {
    void *(*plain_new)(size_t size);
    void *(*array_new)(size_t size);
    void *(*aligned_new)(size_t size, size_t align);
    void *(*aligned_array_new)(size_t size, size_t align);
    void (*plain_delete)(void *block);
    void (*array_delete)(void *block);
    void (*aligned_delete)(void *block, size_t align);
    void (*aligned_array_delete)(void *block, size_t align);
};
extern METE_HIDDEN const struct mete__cxx_in_force mete__cxx_in_force;

#endif
