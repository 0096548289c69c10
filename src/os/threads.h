/*
 * os/threads.h - the other threads of this process, stopped and looked at.
 *
 * No ptrace: a signal that nobody uses brings a thread into a handler, which notes its registers
 * and waits there. A thread that cannot be brought there (it blocks the signal, or does not answer
 * in time) goes on running; if it sits in a system call its stack pointer is still known, from
 * /proc.
 *
 * Waiting is bounded, whatever the threads do. No memory but a mapping of its own, no locks:
 * threads are stopped anywhere, so the caller must take no lock either until they are released.
 */
#ifndef METE_OS_THREADS_H
#define METE_OS_THREADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define METE__THREAD_REGISTERS 32

enum mete__thread_state {
    METE__THREAD_UNKNOWN = 0, /* runs, or nothing could be learnt of it */
    METE__THREAD_BLOCKED,     /* in a system call: stack pointer known, registers not */
    METE__THREAD_STOPPED,     /* waits in the handler: everything known */
};

struct mete__thread {
    uint32_t id;      /* kernel thread id */
    uint32_t state;   /* enum mete__thread_state; atomic */
    uint32_t leaving; /* atomic: the handler needs this entry no more */
    bool signalled;   /* it was sent the signal */
    uint32_t register_count;
    uintptr_t stack_pointer; /* lowest byte of its stack in use; 0: unknown */
    uintptr_t registers[METE__THREAD_REGISTERS];
};

struct mete__threads {
    struct mete__thread *list; /* without the calling thread */
    size_t count;
    size_t capacity;
    int signal;     /* 0: none could be found, or none was needed */
    bool invisible; /* see mete__threads_stop */
};

/* Stops the other threads, waiting at most `patience` ns. With `invisible`, threads in a system
 * call that a signal would end early (sleeps, polls) are left in it, so that the program does not
 * notice. 0 also where some or all could not be stopped; -ENOMEM, or an errno of /proc. One stop at
 * a time: -EBUSY. */
METE_HIDDEN int mete__threads_stop(struct mete__threads *threads, uint64_t patience,
                                   bool invisible);

/* Lets them go on and forgets them. */
METE_HIDDEN void mete__threads_resume(struct mete__threads *threads);

/* For a process about to end: leaves the threads stopped, but only for `patience` ns more, in case
 * the rest of the end needs something that one of them holds. Forgets them. */
METE_HIDDEN void mete__threads_abandon(struct mete__threads *threads, uint64_t patience);

#endif
