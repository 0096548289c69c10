/*
 * os/peek.h - reading memory of this process that may be huge, mostly untouched, or gone by now.
 *
 * A stretch of address space is read piece by piece. Pages that were never touched are not read, so
 * that looking costs what the program uses, not what it reserved; pages that cannot be read
 * (protected, unmapped meanwhile, behind the end of a cut file) are left out instead of raising a
 * signal. No ptrace: both ways of reading that are tried, process_vm_readv and
 * /proc/thread-self/mem, are open to a process for itself.
 *
 * Memory comes from a mapping of its own, no lock is taken, errno is kept. One object for one look,
 * by one thread: which pages have contents is asked for many at a time, and remembered.
 */
#ifndef METE_OS_PEEK_H
#define METE_OS_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct mete__peek;

/* NULL where there is no memory for it. */
METE_HIDDEN struct mete__peek *mete__peek_open(void);
METE_HIDDEN void mete__peek_close(struct mete__peek *peek);

/* The next piece of [*at, end) that has contents: a copy of `*size` bytes (a multiple of 8) in
 * peek's buffer, valid until the next call, and *at the address it was read from. The caller goes
 * on at *at + *size. NULL where nothing is left. `at` and `end` are multiples of 8. `shared`: the
 * range is in a shared mapping, whose pages may have contents although this process has not touched
 * them. */
METE_HIDDEN const void *mete__peek_next(struct mete__peek *peek, uintptr_t *at, uintptr_t end,
                                        bool shared, size_t *size);

/* Copies [from, from + size) where all of it can be read; false else, and what is at `to` is
 * undefined. At most a page or so: no page is skipped. Some pages are kept, so what is copied may
 * be what was there at an earlier call. */
METE_HIDDEN bool mete__peek_copy(struct mete__peek *peek, void *to, uintptr_t from, size_t size);

/* Where the object itself lies, for those who must not take it for the program's. */
METE_HIDDEN void mete__peek_extent(const struct mete__peek *peek, uintptr_t *start, size_t *size);

#endif
