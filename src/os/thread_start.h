/*
 * os/thread_start.h - a thread of mete's own, for a program that asked for what needs one.
 *
 * All signals are blocked in it: the program's handlers run in the program's threads. Otherwise it
 * is an ordinary thread of the C library, which may run the program's code. Starting one allocates,
 * as pthread_create does.
 */
#ifndef METE_OS_THREAD_START_H
#define METE_OS_THREAD_START_H

#include <stdint.h>

#include "base/compiler.h"

/* Starts a thread that runs run(argument), and puts what _join asks for into *thread. -EAGAIN or
 * another errno of pthread_create; then *thread is undefined. */
METE_HIDDEN int mete__thread_start(uintptr_t *thread, void *(*run)(void *), void *argument);

/* Waits until it has ended. No cancellation point. */
METE_HIDDEN void mete__thread_start_join(uintptr_t thread);

/* From within it: says that nobody will. */
METE_HIDDEN void mete__thread_start_detach(void);

#endif
