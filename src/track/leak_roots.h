/*
 * track/leak_roots.h - everything a live pointer may be kept in, but blocks.
 *
 * Roots are the readable and writable mappings of the process, whatever they are for: data of the
 * program and its libraries, stacks, thread-locals, brk, anonymous and shared memory; and the
 * registers of all threads. Left out is
 *
 *   - mete's own: the heap's regions, its tables, its library's data, what the check works with;
 *   - stacks below the stack pointer of their thread, and stacks of threads that have ended;
 *   - memory of devices;
 *   - pools and arenas that are no roots by their own option.
 *
 * Blocks that are not watched (handed out before tracking began) count as roots: the heap does not
 * know which of them are live.
 */
#ifndef METE_TRACK_LEAK_ROOTS_H
#define METE_TRACK_LEAK_ROOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "os/threads.h"
#include "track/leak_scan.h"

struct mete__leak_roots {
    const struct mete__threads *threads; /* the others */
    uintptr_t stack_pointer; /* the calling thread's stack, and its registers, count from here up */
    bool has_registry;       /* it is held: see mete__registry_hold */
    bool forked; /* threads of the parent have left stacks that look ended but were not */
};

/* Gives all roots to the scan. -ENOMEM. */
METE_HIDDEN int mete__leak_roots_scan(const struct mete__leak_roots *roots,
                                      struct mete__leak_scan *scan);

#endif
