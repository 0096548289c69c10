/*
 * os/fault.h - accesses that the hardware refuses, offered to those of mete who know the memory.
 *
 * One handler for each signal in the whole process, whoever wants to know: SIGBUS for pages that
 * cannot be had, SIGSEGV for those that may not be touched. A fault is offered to each taker in
 * turn, until one says that it has put things right; then the access is tried again. What nobody
 * takes, and what somebody sent by kill, goes to the handler the program had before, with the mask
 * and flags it asked for, or has the default effect, with the registers of the fault in the core.
 *
 * The handler runs on the thread's alternate stack where there is one. It takes no lock and keeps
 * errno. A program that installs a handler of its own later has it until the next call here, which
 * goes in front of it again; should that handler then pass faults on to the one it found, which is
 * ours, they go on to what was there before it, and never in a circle. Where the program's calls of
 * sigaction are mete's (libmete_malloc), mete__fault_keep has them go behind at once.
 *
 * Any thread may call any of these at any time, also in a signal handler.
 */
#ifndef METE_OS_FAULT_H
#define METE_OS_FAULT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

enum mete__fault_kind {
    METE__FAULT_PAGE,   /* SIGBUS, BUS_ADRERR: nothing stands behind the page. Not memory that
                           failed: nobody can put that right */
    METE__FAULT_ACCESS, /* SIGSEGV */
    METE__FAULT_KINDS,
};

enum { METE__FAULT_TAKERS = 4 };

struct mete__fault {
    uintptr_t address;   /* as the kernel tells it: 0 for addresses that no pointer can have */
    const void *context; /* the thread's registers, a ucontext_t */
};

/* Runs in the signal handler. True: the access is to be tried again. */
typedef bool mete__fault_taker(const struct mete__fault *fault);

/* From now on `taker` is offered faults of that kind; the same taker any number of times. -EAGAIN
 * beyond METE__FAULT_TAKERS of them, or where the program changes its handlers faster than they can
 * be noted. */
METE_HIDDEN int mete__fault_take(enum mete__fault_kind kind, mete__fault_taker *taker);

/* From now on `look` is called, on the thread that made it and in the signal's handler, for each
 * access that raises one of the two signals and that nobody takes, before its effect. One for the
 * process. Negative errno as above. */
METE_HIDDEN int mete__fault_watch(void (*look)(uintptr_t address, const void *context));

/* As sigaction, for what is to be done with faults that nobody takes: an action that the program
 * sets later, and where it is to know of no other. False where mete has no handler for the signal:
 * then nothing has been done. */
METE_HIDDEN METE_MUST_USE bool mete__fault_keep(int number, const struct sigaction *action,
                                                struct sigaction *old);

#endif
