/*
 * heap/watch.h - what the heap tells whoever watches blocks.
 *
 * The heap knows nothing of stacks, profiles or errors' texts. It calls this table, which one place
 * (src/shim/) fills before the first watched allocation. The hooks run on the allocating thread's
 * slow path, with no lock held; they must not allocate from the heap, and keep errno.
 */
#ifndef METE_HEAP_WATCH_H
#define METE_HEAP_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/caller.h"
#include "base/compiler.h"
#include "heap/record.h"

struct mete__cache;

/* Whether the program has even one of the operators itself. Then blocks pass between those, mete's
 * and malloc in ways that only it knows, and nothing there is a mismatch. Not the heap's:
 * src/shim/cxx_operators.c; NULL where mete has no operators. */
METE_HIDDEN bool mete__cxx_operators_replaced(void) __attribute__((weak));

enum mete__misuse {
    METE__DOUBLE_FREE = 1, /* numbered as enum mete_profile_error_kind */
    METE__INVALID_FREE,
    METE__INTERIOR_FREE,
    METE__MISMATCHED_FREE,
    METE__HEAP_OVERFLOW, /* these four in the modes check and guard */
    METE__HEAP_UNDERFLOW,
    METE__USE_AFTER_FREE,
    METE__WRITE_AFTER_FREE,
};

struct mete__watch_hooks {
    /* `block` has just been taken for `size` bytes. Fills record->stack, sequence and shard; the
     * heap has set size and live. */
    void (*allocated)(struct mete__cache *cache, struct mete__record *record, void *block,
                      const struct mete__caller *caller);
    /* `block` is about to go back; record still describes it as live. */
    void (*freed)(struct mete__cache *cache, struct mete__record *record, void *block,
                  const struct mete__caller *caller);
    /* A request of `size` bytes was answered with NULL. */
    void (*failed)(struct mete__cache *cache, size_t size, const struct mete__caller *caller);
    /* Misuse, before a line about it is written. block, block_bytes and record are NULL, 0 and NULL
     * where the address is in no watched block, and caller is NULL where no call has found it.
     * Returns whether a line is worth it: false where the same was told before. */
    bool (*misused)(enum mete__misuse kind, const void *address, const void *block,
                    size_t block_bytes, const struct mete__record *record,
                    const struct mete__caller *caller);
    /* The same, found by the signal that an access raised; context is its ucontext_t. */
    bool (*trapped)(enum mete__misuse kind, const void *address, const void *block,
                    size_t block_bytes, const struct mete__record *record, const void *context);
    /* The stack of a call, a node of the stack tree; 0: unknown. */
    uint32_t (*stack)(struct mete__cache *cache, const struct mete__caller *caller);
};

/* Which blocks are watched. */
enum mete__watch_mode {
    METE__WATCH_NONE,    /* none: the fast paths serve everything */
    METE__WATCH_SAMPLED, /* one per sample_bytes, a Poisson process per class and thread */
    METE__WATCH_ALL,
};

/* From now on every thread watches as said, each from its own next slow path on. `hooks` stays the
 * caller's and must outlive the process; a mode other than NONE needs it. Blocks handed out before
 * stay as they are. Any thread. */
METE_HIDDEN void mete__watch_set(enum mete__watch_mode mode, uint64_t sample_bytes,
                                 const struct mete__watch_hooks *hooks);

/* From now on every thread calls `tick` on its slow path, with each large block that it allocates
 * and with one in 32 refills of a free list. It must do as a hook must. */
METE_HIDDEN void mete__watch_set_tick(void (*tick)(void));

/* Sampled mode, from the next mete__watch_set on: one block in `blocks`, whatever its size, in
 * place of one per sample_bytes. 0: not so. */
METE_HIDDEN void mete__watch_sample_blocks(uint64_t blocks);

/* How many blocks a watched block of `block_bytes` usable bytes stands for: 1, but in sampled mode.
 */
METE_HIDDEN uint64_t mete__watch_weight(size_t block_bytes);

#endif
