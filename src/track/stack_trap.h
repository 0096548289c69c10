/*
 * track/stack_trap.h - the call stack of code that a signal interrupted.
 *
 * For errors that an access to memory raises. Nothing is remembered, and all registers are followed
 * from those that the signal saved: some microseconds, once.
 */
#ifndef METE_TRACK_STACK_TRAP_H
#define METE_TRACK_STACK_TRAP_H

#include <stdint.h>

#include "base/compiler.h"

/* The node of the stack that `context`, a ucontext_t, describes; 0 where nothing of it can be
 * known, or another thread is just being asked about. Async-signal-safe. */
METE_HIDDEN uint32_t mete__stack_trap(const void *context);

#endif
