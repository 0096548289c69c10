/*
 * track/symbol.h - which variable or function of a loaded object an address is in, by its name.
 *
 * From the symbol table of the object's file, which has static ones, too, unless it was stripped;
 * else from the one that is loaded for dynamic linking, which has those that others may use. The
 * file counts only where it begins as the loaded object does, build-id included: it may have been
 * replaced since. Names are the linker's: those of C++ are mangled.
 *
 * Nothing in either is trusted: offsets are checked before they are used, memory is read by
 * os/peek.h, and what is damaged has no names. All symbols are looked at, which takes 20 ns for
 * each. Thread-safe, async-signal-safe, allocates from mete's tables only.
 */
#ifndef METE_TRACK_SYMBOL_H
#define METE_TRACK_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "os/loader.h"

struct mete__symbol {
    uintptr_t start;
    size_t size;    /* more than 0 */
    char name[256]; /* of a longer one, its start */
};

/* False, and *out as it was, where no symbol is known that holds `address`. */
METE_HIDDEN bool mete__symbol_find(const struct mete__loaded *object, uintptr_t address,
                                   struct mete__symbol *out);

/* The same in any ELF file that is open for reading, at an address as its headers count. */
METE_HIDDEN bool mete__symbol_find_in_file(int file, uintptr_t address, struct mete__symbol *out);

#endif
