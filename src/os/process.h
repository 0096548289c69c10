/*
 * os/process.h - the process and its threads, as the runtime asks about them.
 *
 * Async-signal-safe, allocation-free, keep errno.
 */
#ifndef METE_OS_PROCESS_H
#define METE_OS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/* Kernel ids. The thread's is asked from the kernel each time: fork and clone change it unseen. */
METE_HIDDEN uint32_t mete__process_id(void);
METE_HIDDEN uint32_t mete__process_thread_id(void);
METE_HIDDEN uint32_t mete__process_parent_id(void);
/* Whether there is a process of that id; it may not be the one that was meant. */
METE_HIDDEN bool mete__process_exists(uint32_t process);
/* Whether the calling thread is the process's only one; false also where that cannot be told. */
METE_HIDDEN bool mete__process_is_single(void);
/* Whether the C library may have started a thread: what it says costs a load. Once true it mostly
 * stays so. */
extern char __libc_single_threaded __attribute__((weak)); /* NOLINT(bugprone-reserved-identifier) */
METE_INLINE bool mete__process_may_have_threads(void) {
    return &__libc_single_threaded == NULL || !__libc_single_threaded;
}
/* Ends the process, all threads of it, and nothing else: no handler runs, no buffer is written. */
METE_HIDDEN METE_NORETURN void mete__process_exit(int status);

/* The ELF machine number of this program: 62 for x86-64, 183 for aarch64. */
METE_HIDDEN uint32_t mete__process_machine(void);

/* A word that holds `value` until the process forks; the child, however it was forked, finds 0
 * (vfork and CLONE_VM children share the parent's). NULL where the kernel cannot (before
 * Linux 4.14): then compare mete__process_id(). */
METE_HIDDEN uint32_t *mete__process_wiped_on_fork(uint32_t value);

/* Has `in_child` run in every child made by the C library's fork, before it returns there. */
METE_HIDDEN void mete__process_at_fork(void (*in_child)(void));
/* Has `before` run in the thread that forks, and one of the others in each of the two processes. */
METE_HIDDEN void mete__process_around_fork(void (*before)(void), void (*in_parent)(void),
                                           void (*in_child)(void));

/* Waits while *word is `value`; wakes one waiter. Spurious returns happen. */
METE_HIDDEN void mete__process_wait(uint32_t *word, uint32_t value);
METE_HIDDEN void mete__process_wake(uint32_t *word);
/* The same, until mete__process_clock() says `deadline` at the latest. */
METE_HIDDEN void mete__process_wait_until(uint32_t *word, uint32_t value, uint64_t deadline);

/* Lets another thread run. */
METE_HIDDEN void mete__process_yield(void);

/* Prepares mete__process_at_thread_exit: exits(value) will run at the end of each thread that asked
 * for it. Once. */
METE_HIDDEN void mete__process_prepare_thread_exit(void (*exits)(void *value));
/* Asks for it, for the calling thread, once; value is not NULL. From within exits itself: asks to
 * be called again, after further destructors of the program's own thread-specific data. False where
 * that will not happen: the C library grants PTHREAD_DESTRUCTOR_ITERATIONS rounds, counted from the
 * first call of exits, or has no key or no memory for it. */
METE_HIDDEN METE_MUST_USE bool mete__process_at_thread_exit(void *value);

/* Nanoseconds of CLOCK_MONOTONIC; the coarse one costs a few ns and steps by a few ms. */
METE_HIDDEN uint64_t mete__process_clock(void);
METE_HIDDEN uint64_t mete__process_clock_coarse(void);
/* Nanoseconds since 1970. */
METE_HIDDEN uint64_t mete__process_clock_realtime(void);

/* Writes text to standard error, all of it where the descriptor takes it, unbuffered. */
METE_HIDDEN void mete__process_complain(const char *text, size_t length);

#endif
