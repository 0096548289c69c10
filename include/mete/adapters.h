/*
 * mete/adapters.h - allocators made of other allocators.
 *
 * Each takes an allocator, and is one that does something more with every request before it passes
 * it on: so they can be stacked in any order. The allocator below must outlive them, and every
 * block goes back through the allocator it came from. Made by the functions here, ended by
 * mete_allocator_destroy(); blocks still live then stay with the allocator below.
 *
 * All count what passes (mete_allocator_stats_read). Unless said otherwise one is as thread-safe as
 * the allocator below it. All return NULL with ENOMEM where there is no memory for their state,
 * which is some hundred bytes, or with EINVAL for options that make no sense.
 */
#ifndef METE_ADAPTERS_H
#define METE_ADAPTERS_H

#include <mete/allocator.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

METE_BEGIN_DECLS

/* Counts under a name of your own, and shows in the statistics under it. */
METE_API METE_NODISCARD mete_allocator *mete_allocator_counting(const mete_allocator *under,
                                                                const char *tag);

/* Never lets more than max_bytes and max_blocks (0: no limit) be live at once: then NULL with
 * ENOBUFS. Exact also with threads: no two of them pass a limit together. */
METE_API METE_NODISCARD mete_allocator *
mete_allocator_limiting(const mete_allocator *under, size_t max_bytes, size_t max_blocks);

/* Overwrites blocks with zeros before they go back, in a way no optimiser removes. Blocks never
 * shrink in place (-ENOTSUP): remap moves them, so that no end is left behind. */
METE_API METE_NODISCARD mete_allocator *mete_allocator_zeroing(const mete_allocator *under);

/* Makes any allocator thread-safe, by a lock of its own. Not for signal handlers: one that
 * interrupts its holder gets NULL with EDEADLK, and what it frees is lost. Not for a child that was
 * forked while another thread was inside. */
METE_API METE_NODISCARD mete_allocator *mete_allocator_locking(const mete_allocator *under);

/* ---- logging ---- */

enum mete_log_event {
    METE_LOG_ALLOC = 1, /* block is NULL where it failed */
    METE_LOG_FREE,
    METE_LOG_RESIZE, /* in place; new_size 0 where it failed */
    METE_LOG_REMAP,  /* block is where it is now, NULL where it failed; old_block where it was */
};

typedef struct mete_log_entry {
    enum mete_log_event event;
    const char *allocator; /* name of the one below */
    const void *block;
    const void *old_block; /* remap */
    mete_layout layout;    /* before */
    size_t new_size;       /* resize and remap */
    const mete_site *site; /* alloc, where known; else NULL */
} mete_log_entry;

/* Tells `write` of every call, after it was done, on the calling thread; `context` is yours. write
 * NULL: one line each to standard error, unbuffered. write must not use the logging allocator. */
METE_API METE_NODISCARD mete_allocator *
mete_allocator_logging(const mete_allocator *under,
                       void (*write)(void *context, const mete_log_entry *entry), void *context);

/* ---- checking and tracking ---- */

enum mete_allocator_fault {
    METE_ALLOCATOR_DOUBLE_FREE = 1,
    METE_ALLOCATOR_INVALID_FREE, /* no block of this allocator, or an interior pointer */
    METE_ALLOCATOR_WRONG_LAYOUT, /* the free's layout is not the block's */
    METE_ALLOCATOR_OVERFLOW,     /* bytes behind the block were written */
};

typedef struct mete_allocator_error {
    enum mete_allocator_fault fault;
    const void *address;   /* as given by the program */
    mete_layout given;     /* with it */
    mete_layout actual;    /* of the block, where it is one: else size 0 */
    const mete_site *site; /* where the block was asked for, where known; else NULL */
} mete_allocator_error;

/* "double-free", "invalid-free", "wrong-layout", "heap-overflow". */
METE_API const char *mete_allocator_checking_fault(enum mete_allocator_fault fault);

/* Knows every live block. Verifies that what comes back is one, with the layout it was asked for,
 * and that the 16 bytes behind it, which it adds to each, are untouched. on_error is told, then the
 * call does nothing more (the block of an overflow goes back all the same); NULL: one line to
 * standard error, then abort. Thread-safe where the one below is. A call costs a look-up in a hash
 * table under a lock; a live block 48 to 96 bytes. */
METE_API METE_NODISCARD mete_allocator *
mete_allocator_checking(const mete_allocator *under,
                        void (*on_error)(void *context, const mete_allocator_error *error),
                        void *context);

/* A live block, as mete_allocator_tracking knows it. */
typedef struct mete_tracked_block {
    const void *block;
    mete_layout layout;
    const mete_site *site; /* METE_ALLOC says where; NULL: not known */
    uint64_t sequence;     /* the how manieth allocation it was, from 1 */
} mete_tracked_block;

/* Remembers every live block with the source line that asked for it (METE_ALLOC): a leak detector
 * for programs that want no other tool. Costs as mete_allocator_checking. */
METE_API METE_NODISCARD mete_allocator *mete_allocator_tracking(const mete_allocator *under);

/* Calls visit with every live block, in the order they were allocated, until it returns false.
 * visit must not use the allocator. How many blocks are live, or -EINVAL where `tracking` is no
 * checking or tracking allocator, -ENOMEM where there is no memory to sort them. */
METE_API long mete_allocator_tracking_each(const mete_allocator *tracking,
                                           bool (*visit)(void *context,
                                                         const mete_tracked_block *live),
                                           void *context);

/* Writes a line for each source line that has live blocks, most bytes first, and one for the sum:
 * "12 blocks, 480 bytes (struct conn) asked for at server.c:71". Into `buffer`, cut where it ends
 * and always terminated; or, buffer NULL, to standard error. Returns and errors as
 * mete_allocator_tracking_each. */
METE_API long mete_allocator_tracking_report(const mete_allocator *tracking, char *buffer,
                                             size_t size);

/* ---- failing ---- */

typedef struct mete_failing_options {
    uint64_t fail_at; /* the how manieth request fails, from 1; 0: none */
    bool fail_after;  /* and so do all that follow */
    uint32_t one_in;  /* at random, one in so many fails; 0: none */
    uint64_t seed;    /* of the random ones; 0 is a seed, too */
} mete_failing_options;

/* Answers some requests (alloc, growing resize and remap) with ENOMEM: to see what a program does
 * then. Thread-safe where the one below is. */
METE_API METE_NODISCARD mete_allocator *mete_allocator_failing(const mete_allocator *under,
                                                               const mete_failing_options *options);

/* Runs `run` again and again with an allocator on top of `under`, failing the first request, then
 * only the second, and so on, until a run has seen no failure. run returns 0 where it coped, and
 * then must have freed all it took; anything else ends this, and is returned. -ENOTEMPTY: blocks
 * were left over. *failed_at (NULL: not wanted) is the request that failed in the last run; after
 * 0, the number of requests a whole run makes. */
METE_API int mete_allocator_failing_each(const mete_allocator *under,
                                         int (*run)(void *context, const mete_allocator *allocator),
                                         void *context, uint64_t *failed_at);

METE_END_DECLS

#endif
