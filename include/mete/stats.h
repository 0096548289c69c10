/*
 * mete/stats.h - how much memory the program has allocated, now and in all.
 *
 * Always on and free of cost: with tracking off the figures come from what the heap knows of its
 * spans anyway. They cover what went through mete's heap: under libmete_malloc all of the program,
 * else the calls of mete_malloc and its kin. Pools, arenas, maps and counting allocators have
 * figures of their own.
 *
 * All functions are thread-safe, and none allocates from the heap but mete_stats_every.
 */
#ifndef METE_STATS_H
#define METE_STATS_H

#include <mete/attributes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

METE_BEGIN_DECLS

/* Bits of mete_stats.exact: what is exact, once other threads pause. */
#define METE_STATS_COUNTS 1u /* allocations, frees, live_blocks */
#define METE_STATS_BYTES  2u /* bytes are those asked for; else those of the blocks handed out */
#define METE_STATS_PEAK   4u /* peak_live_bytes; else of whole spans, or off by 64 KiB per thread */

typedef struct mete_stats {
    uint64_t allocations;
    uint64_t frees;
    uint64_t allocated_bytes;
    uint64_t freed_bytes;
    uint64_t live_blocks;
    uint64_t live_bytes;
    uint64_t peak_live_bytes;
    uint64_t held_bytes; /* taken from the system for the heap, blocks or not */
    uint32_t exact;      /* METE_STATS_* */
    uint32_t reserved;   /* 0 */
} mete_stats;

/* Reads the present figures; thread-safe, allocation-free. -EINVAL for NULL. */
METE_API int mete_stats_read(mete_stats *out);

/* What one pool, arena, map or counting allocator holds. */
typedef struct mete_holder_stats {
    const char *kind; /* "pool", "arena", "file map", "heap", "allocator" */
    const char *name; /* as given, cut to 47 bytes; both texts for as long as the visit */
    uint64_t reserved_bytes;
    uint64_t live_bytes;
    uint64_t peak_bytes; /* highest live_bytes */
    uint64_t live_blocks;
    uint64_t allocations; /* ever; 0 where they are not counted */
    uint64_t frees;       /* the same */
} mete_holder_stats;

/* Calls visit for each that exists, the newest first, until it returns false. Meanwhile none is
 * created or destroyed: visit must not do so, nor wait for a thread that does. 0; -EINVAL for visit
 * NULL; -EDEADLK from within visit. Not for signal handlers, and neither are the two that print: a
 * handler may have interrupted what another thread waits for that is in here. */
METE_API int mete_stats_each(bool (*visit)(void *context, const mete_holder_stats *stats),
                             void *context);

typedef enum mete_stats_form {
    METE_STATS_TEXT = 1, /* lines: the heap, then one for each holder */
    METE_STATS_JSON = 2, /* one object on one line: the fields of mete_stats, and "holders" */
} mete_stats_form;

/* Writes all figures, in a form, cut to fit `size` and always terminated; the length all of it has,
 * or -EINVAL for another form, NULL or size 0. In names, bytes that are not printable ASCII become
 * '?'. */
METE_API int mete_stats_print(mete_stats_form form, char *buffer, size_t size);

/* Writes the same to a descriptor, all of it whatever its length, at the descriptor's position: a
 * file, pipe or terminal. -EINVAL for another form, -ENOMEM, or an errno of write(2) (-EBADF,
 * -EPIPE with its signal, -EAGAIN where it does not wait): then part may be written. */
METE_API int mete_stats_print_fd(mete_stats_form form, int file);

/* A thread that calls back every so often. */
typedef struct mete_stats_timer mete_stats_timer;

/* Starts a thread that reads the figures and calls callback with them, for the first time after
 * `milliseconds`, then again each time that many have passed, measured from the start: what falls
 * due while a callback still runs is left out. All signals are blocked in the thread. It is an
 * ordinary one otherwise, so the callback may do anything, print and allocate included, but must
 * return by itself, neither by an exception nor by pthread_exit. A program that asks for no timer
 * gets no thread of mete's.
 *
 * Starting one allocates what pthread_create does. NULL with errno: EINVAL for 0 milliseconds or
 * callback NULL; EAGAIN or ENOMEM where there is no room for a thread.
 *
 * After fork the child has no such thread, and nothing is called there; what it has inherited may
 * be stopped. A child that the callback itself forks ends when the callback returns there. Stop
 * timers before the program ends where what the callback uses goes then, and so that what the
 * thread was started with (some 300 bytes) is not among what is still reachable at the end. */
METE_API METE_NODISCARD mete_stats_timer *
mete_stats_every(uint32_t milliseconds, void (*callback)(void *context, const mete_stats *stats),
                 void *context);

/* No callback begins any more; waits for one that runs to return, then forgets the timer. From
 * within its own callback: does not wait, and that call is the last. Each timer once; NULL is
 * nothing. */
METE_API void mete_stats_every_stop(mete_stats_timer *timer);

METE_END_DECLS

#endif
