/*
 * tests/support/hooks.h - a watcher that only counts.
 */
#ifndef METE_TESTS_HOOKS_H
#define METE_TESTS_HOOKS_H

#include "heap/watch.h"

/* What the counting hooks have seen since the process began; threads count atomically. */
struct hooks_seen {
    unsigned long allocated, freed, failed, misused;
    size_t allocated_bytes, freed_bytes; /* as requested */
    const void *block;                   /* of the last call that had one */
    const struct mete__record *record;
    uintptr_t caller_pc;
    const void *address;      /* of the last misuse */
    enum mete__misuse misuse; /* of the last misuse */
};
extern struct hooks_seen hooks_seen;

/* Watches every block with the counting hooks, or none from now on. */
void hooks_watch_all(void);
void hooks_watch_sampled(uint64_t sample_bytes);
void hooks_watch_none(void);

#endif
