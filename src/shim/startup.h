/*
 * shim/startup.h - how tracking begins in a process, and what the process is.
 *
 * Once per process image, before the first block is handed out, or from the library's constructor
 * where the program has asked for none: reads the settings, opens the profile, and gives the
 * tracker's hooks to the heap. This can be as early as in the loader, before the C library's own
 * start. Whatever goes wrong is one line on standard error, and the program runs on, not tracked.
 */
#ifndef METE_SHIM_STARTUP_H
#define METE_SHIM_STARTUP_H

#include <stdbool.h>

#include "base/compiler.h"
#include "shim/settings.h"

/* Does nothing from the second call on. Keeps errno. */
METE_HIDDEN void mete__startup_run(void);

/* Valid once mete__startup_run has returned. */
METE_HIDDEN const struct mete__settings *mete__startup_settings(void);

/* Whether this is the process that `mete run` started (or a program outside of it), not one of its
 * children. */
METE_HIDDEN bool mete__startup_is_first(void);

/* Defined in libmete_malloc only: for everybody in the process to see, and for itself. Both are
 * there, or by their address not. */
extern const char mete_malloc_family[] __attribute__((weak));
extern METE_HIDDEN const bool mete__malloc_family_is_own __attribute__((weak));

#endif
