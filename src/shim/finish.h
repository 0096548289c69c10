/*
 * shim/finish.h - the end of a process: the leak check, and the profile's last words.
 *
 * It has to come after everything else the program does, because every destructor may still free.
 * exit() runs the destructors of libraries in an order nobody can be last in; but what is
 * registered by
 * __cxa_atexit while they run is called after all of them, so the library's own destructor does
 * that. quick_exit calls what was registered first last. _exit and _Exit call nothing:
 * libmete_malloc has its own (process_exit.c), because shells leave by them.
 *
 * After exit() the C and C++ libraries are asked to free what they keep for themselves, as Valgrind
 * does, so that a program that frees all it allocates is seen to do so. Not where other threads
 * still run and may need it, nor after _exit, for it would write out what stdio holds.
 *
 * A process that ends otherwise (a signal, a system call made by hand) leaves its profile as it is:
 * live, and whole but for the leak check.
 */
#ifndef METE_SHIM_FINISH_H
#define METE_SHIM_FINISH_H

#include "base/compiler.h"

/* From the library's constructor: sees to it that the end will be noticed. */
METE_HIDDEN void mete__finish_prepare(void);

/* The process ends with this call's return. The first caller does the work; other threads wait
 * until it is done; a signal handler that interrupts it does not. Nothing in a vfork child, whose
 * memory is its parent's. */
METE_HIDDEN void mete__finish_run(void);

/* The process may have given up system calls it does not need: from now on its end makes none. */
METE_HIDDEN void mete__finish_note_sandbox(void);

#endif
