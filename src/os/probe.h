/*
 * os/probe.h - whether memory can be read, asked without touching it.
 *
 * For addresses that come from what may be wrong: broken unwind tables, registers of code that
 * keeps none. The kernel tries the read and says EFAULT where a load of ours would have died.
 * Async-signal-safe, keeps errno, about 100 ns.
 */
#ifndef METE_OS_PROBE_H
#define METE_OS_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

/* The step in which readability can change: the smallest page of any machine mete knows. */
#define METE__PROBE_STEP ((uintptr_t)4096)

/* Whether the eight bytes at `address` can be read now. Says nothing of later. */
METE_HIDDEN bool mete__probe_readable(uintptr_t address);

/* Whether the thread runs on the stack it gave to sigaltstack. */
METE_HIDDEN bool mete__probe_on_signal_stack(void);

#endif
