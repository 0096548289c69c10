/*
 * os/stacks.h - where the C library keeps the stacks of threads, living and ended.
 *
 * glibc puts a thread's descriptor and thread-locals at the upper end of the same memory as its
 * stack, and keeps that memory for a later thread when it ends. So what lies below a living
 * thread's stack pointer, and all of an ended thread's stack, is memory of the process that means
 * nothing any more. Descriptors are recognised by what the ABI fixes of them (they point to
 * themselves, twice); what glibc only happens to do is believed where it fits together, and else
 * the stack is not found, which is safe.
 *
 * Knows glibc on x86-64. Elsewhere it finds nothing.
 */
#ifndef METE_OS_STACKS_H
#define METE_OS_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "os/maps.h"
#include "os/peek.h"

struct mete__stack {
    uintptr_t low;   /* lowest byte of the stack */
    uintptr_t high;  /* first byte above it: thread-locals, then the descriptor */
    uint32_t thread; /* kernel id; 0: the thread has ended */
};

/* Calls visit for every stack found in the mapping, which is private, anonymous and writable. Only
 * memory that has been touched is looked at, and no more than would be a stack's. */
METE_HIDDEN void mete__stacks_find(const struct mete__mapping *mapping, struct mete__peek *peek,
                                   void (*visit)(void *context, const struct mete__stack *stack),
                                   void *context);

#endif
