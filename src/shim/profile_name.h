/*
 * shim/profile_name.h - which file a process writes its profile to.
 *
 * The first process of a run writes what METE_OUTPUT says, through every exec; every other process
 * writes mete.PROGRAM.PID.mete in the same folder. What stands in the way is the profile of an
 * earlier image of the same process (or of one that has ended): it is moved to
 * mete.PROGRAM.PID.N.mete, after its own program, never overwritten.
 */
#ifndef METE_SHIM_PROFILE_NAME_H
#define METE_SHIM_PROFILE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

/* The last part of the path a program was started as, cut to what a file's name can hold; "program"
 * for none. */
METE_HIDDEN void mete__profile_name_program(const char *started_as, char *out, size_t size);

/* Decides on the file and moves an earlier one out of the way. `output` is METE_OUTPUT or NULL;
 * `is_first` whether it is this process's own; `image` the number of this program image. The path,
 * absolute, in `path`. Negative errno: -EEXIST where something that is no profile has the name;
 * -EALREADY where the file is this very image's: there is another mete in the process (a library
 * that was linked with libmete, in a program under libmete_malloc), and it was first. */
METE_HIDDEN int mete__profile_name_choose(const char *output, bool is_first, const char *program,
                                          uint64_t image, char *path, size_t size);

#endif
