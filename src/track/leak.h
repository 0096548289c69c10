/*
 * track/leak.h - the leak check: which live blocks nobody points to any more.
 *
 * Runs in the process itself, at its very end or on request, on the heap's own records: definite,
 * indirect, possible and reachable blocks as Valgrind's memcheck means them (leak_scan.h,
 * leak_clique.h), from all roots (leak_roots.h), while the other threads stand still as far as they
 * can be made to (os/threads.h).
 *
 * Needs no ptrace and no privileges; /proc/thread-self/maps must be readable. Takes no lock and
 * allocates nothing from the heap. Time is about 50 ns per live block, and at most 0.5 s of waiting
 * for threads. Memory is 16 bytes per live block while it runs, and 64 more per lost one.
 */
#ifndef METE_TRACK_LEAK_H
#define METE_TRACK_LEAK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "profile/format.h"

struct mete__leak_sum {
    uint64_t bytes; /* as asked for by the program */
    uint64_t blocks;
};

struct mete__leak_result {
    struct mete__leak_sum
        kinds[METE_LEAK_REACHABLE + 1]; /* by enum mete_profile_leak_kind; 0 is unused */
};

enum mete__leak_occasion {
    /* The process is about to end. The other threads stay where they are, for a second at most. The
     * result goes into the profile: METE_SECTION_LEAKS, and the header's leak_check. */
    METE__LEAK_AT_EXIT,
    /* The process goes on. Threads in calls that a signal would end early are not stopped: a block
     * that only such a thread's registers hold looks lost. Nothing is written. */
    METE__LEAK_ON_REQUEST,
};

/* Checks. The caller's frame and everything above it on the stack are roots. 0, or -EBUSY where a
 * check runs already, -ENOMEM, or an errno of /proc; *out (NULL: not wanted) is then untouched. */
METE_HIDDEN int mete__leak_check_run(enum mete__leak_occasion occasion,
                                     struct mete__leak_result *out);

#endif
