/*
 * tests/fake_os/fake_os.h - an OS layer that fails when it is told to.
 *
 * Linked over src/os/ by the linker's --wrap: each call that can fail is counted, may be answered
 * with failure, and goes on to the real function otherwise. What the system says of itself (limits,
 * overcommit) is whatever the test says. So every failure path of the heap can be walked, one by
 * one, without exhausting anything.
 */
#ifndef METE_TESTS_FAKE_OS_H
#define METE_TESTS_FAKE_OS_H

#include <stdbool.h>
#include <stddef.h>

struct fake_os {
    /* Set by the test. */
    size_t fail_at;        /* the call with this number fails, counted from 1; 0: none */
    bool fail_after;       /* all calls after it fail, too */
    bool limited;          /* address space has an end, `left` bytes from here */
    bool strict;           /* committed pages are charged at once */
    size_t left;           /* what mete__memory_left says where it is limited */
    void (*at_call)(void); /* runs in call number `call_at`, before it does anything */
    size_t call_at;
    /* Counted here. */
    size_t calls;  /* that can fail, so far */
    size_t failed; /* that did */
    size_t lost;   /* bytes that moves have failed to, of which they said not to use them again */
    size_t mapped; /* bytes of address space taken and not yet released */
};
extern struct fake_os fake_os;

#endif
