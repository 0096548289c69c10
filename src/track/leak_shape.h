/*
 * track/leak_shape.h - interior pointers that hold a block as a start pointer does.
 *
 * Some code never keeps the address that malloc returned. These are memcheck's four exceptions
 * (--leak-check-heuristics=all, its default), with its conditions, and a fifth for the C library's
 * own:
 *
 *   string       std::string of the old (copy-on-write) ABI: length, capacity, count, then the text
 * pointed to; length       a 64-bit length of what follows it (sqlite3 does this); new[]        the
 * element count that C++ keeps before an array whose elements have destructors; inheritance  a base
 * class that is not the first: pointer and block both begin with a vtable's address; dtv          a
 * thread's table of thread-locals, kept by its second entry: what glibc calls a DTV.
 */
#ifndef METE_TRACK_LEAK_SHAPE_H
#define METE_TRACK_LEAK_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "os/maps.h"
#include "os/peek.h"

/* Smaller blocks are read where they lie: the program cannot take away the right to without taking
 * it from their neighbours too. Larger ones may hold pages it has protected. */
#define METE__LEAK_IN_PLACE ((size_t)4096)

/* Whether `address`, inside the block of `size` bytes at `block` but not its start, has one of
 * these shapes. */
METE_HIDDEN bool mete__leak_shape_holds(uintptr_t address, uintptr_t block, size_t size,
                                        const struct mete__maps *maps, struct mete__peek *peek);

#endif
