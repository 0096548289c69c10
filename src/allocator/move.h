/*
 * allocator/move.h - a block that takes another place, because it cannot change its size in this
 * one.
 */
#ifndef METE_ALLOCATOR_MOVE_H
#define METE_ALLOCATOR_MOVE_H

#include <mete/allocator.h>

#include "base/compiler.h"

/* A block of new_size bytes, asked for at `site` (NULL: not known), with what `block` held as far
 * as that fits; the block goes back. NULL with errno: nothing has changed. */
METE_HIDDEN void *mete__allocator_move(const mete_allocator *allocator, void *block,
                                       mete_layout layout, size_t new_size, const mete_site *site);

#endif
