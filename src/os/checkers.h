/*
 * os/checkers.h - what Valgrind and AddressSanitizer are told of memory that mete hands out.
 *
 * Both see mappings, not the blocks inside. Where one of them watches the process, found out at run
 * time and without a rebuild, these calls tell it which bytes belong to the program: then it finds
 * reads of freed blocks and of rewound arenas with no flags. Elsewhere they cost a test of one
 * flag.
 *
 * `holder` names the pool, arena or heap to Valgrind, which tracks the blocks of each for itself. A
 * block without one, NULL, is to it like one of malloc, and looked for in its leak check.
 * Async-signal-safe, any thread.
 */
#ifndef METE_OS_CHECKERS_H
#define METE_OS_CHECKERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

/* Whether a tool listens; settled before main, or by mete__checkers_settle before that. */
extern METE_HIDDEN bool mete__checkers_listen;
METE_HIDDEN void mete__checkers_settle(void);

METE_HIDDEN METE_COLD void mete__checkers_tell_create(const void *holder, size_t around,
                                                      bool zeroed);
METE_HIDDEN METE_COLD void mete__checkers_tell_destroy(const void *holder);
METE_HIDDEN METE_COLD void mete__checkers_tell_alloc(const void *holder, const void *block,
                                                     size_t size);
METE_HIDDEN METE_COLD void mete__checkers_tell_free(const void *holder, const void *block,
                                                    size_t size);
METE_HIDDEN METE_COLD void mete__checkers_tell_resize(const void *holder, const void *block,
                                                      size_t size);
METE_HIDDEN METE_COLD void mete__checkers_tell_closed(const void *start, size_t size);
METE_HIDDEN METE_COLD void mete__checkers_tell_open(const void *start, size_t size);
METE_HIDDEN METE_COLD void mete__checkers_tell_fresh(const void *start, size_t size);

/* LeakSanitizer looks for pointers in the range from now on, as it does in the program's own data
 * and Valgrind in all memory; until it is told of exactly this range again. Pages that are not
 * readable are passed over. */
METE_HIDDEN METE_COLD void mete__checkers_root(const void *start, size_t size);
METE_HIDDEN METE_COLD void mete__checkers_unroot(const void *start, size_t size);

/* A pool or arena begins; `zeroed`: its blocks are handed out all zero. `around` each block are so
 * many bytes that are nobody's when it is freed: what happens in them is told of as beside it. */
METE_INLINE void mete__checkers_create(const void *holder, size_t around, bool zeroed) {
    if (METE_UNLIKELY(mete__checkers_listen)) mete__checkers_tell_create(holder, around, zeroed);
}

/* It ends: all its blocks end, and the bytes of them stay closed. */
METE_INLINE void mete__checkers_destroy(const void *holder) {
    if (METE_UNLIKELY(mete__checkers_listen)) mete__checkers_tell_destroy(holder);
}

/* The block is the program's from now on, its contents undefined (unless the holder zeroes). */
METE_INLINE void mete__checkers_alloc(const void *holder, const void *block, size_t size) {
    if (METE_UNLIKELY(mete__checkers_listen)) mete__checkers_tell_alloc(holder, block, size);
}

/* The block is the program's no more: touching it is an error. */
METE_INLINE void mete__checkers_free(const void *holder, const void *block, size_t size) {
    if (METE_UNLIKELY(mete__checkers_listen)) mete__checkers_tell_free(holder, block, size);
}

/* The block is of this size from now on; what it gained or lost has to be opened or closed. */
METE_INLINE void mete__checkers_resize(const void *holder, const void *block, size_t size) {
    if (METE_UNLIKELY(mete__checkers_listen)) mete__checkers_tell_resize(holder, block, size);
}

/* Nobody may touch the range, mete included, until it is opened. */
METE_INLINE void mete__checkers_close(const void *start, size_t size) {
    if (METE_UNLIKELY(mete__checkers_listen)) mete__checkers_tell_closed(start, size);
}

/* The range may be read and written again, and holds what it holds. For mete's own use of it, and
 * before memory goes back to the system. */
METE_INLINE void mete__checkers_open(const void *start, size_t size) {
    if (METE_UNLIKELY(mete__checkers_listen)) mete__checkers_tell_open(start, size);
}

/* The range may be written; what it holds is undefined. */
METE_INLINE void mete__checkers_fresh(const void *start, size_t size) {
    if (METE_UNLIKELY(mete__checkers_listen)) mete__checkers_tell_fresh(start, size);
}

#endif
