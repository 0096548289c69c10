/*
 * os/fault.h - accesses to memory that cannot be: SIGSEGV and SIGBUS.
 */
#ifndef METE_OS_FAULT_H
#define METE_OS_FAULT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

/* From now on `look` is called, on the thread that made it and in the signal's handler, for each
 * access that raises one of these signals; context is the ucontext_t. What the signal did before is
 * done after it, which is to end the process where the program has said nothing else. Once.
 * Negative errno where it cannot be. */
METE_HIDDEN int mete__fault_watch(void (*look)(uintptr_t address, const void *context));

/* As sigaction, for what is to be done after the look: an action that the program sets later, and
 * where it is to know of no other. Without this one, it replaces the look. False where the signal
 * is none that is watched: then nothing has been done. */
METE_HIDDEN METE_MUST_USE bool mete__fault_keep(int number, const struct sigaction *action,
                                                struct sigaction *old);

#endif
