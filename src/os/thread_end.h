/*
 * os/thread_end.h - what a thread leaves behind is put in order when it ends.
 *
 * Each thread has a list of things to be ended with it. Not for the heap's own cache, which must
 * outlive the program's last destructors (see os/process.h): what is here ends among them, and may
 * still use the heap. The last thread of a process, which ends by exit, ends nothing here.
 */
#ifndef METE_OS_THREAD_END_H
#define METE_OS_THREAD_END_H

#include <stdbool.h>

#include "base/compiler.h"

struct mete__thread_end {
    struct mete__thread_end *next;
    void (*run)(struct mete__thread_end *self); /* may free *self */
};

/* Has end->run(end) called when the calling thread ends, last in first out; `run` is filled in. In
 * memory that lives until then. False where the C library has no key left, or no memory. */
METE_HIDDEN METE_MUST_USE bool mete__thread_end_add(struct mete__thread_end *end);

#endif
