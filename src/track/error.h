/*
 * track/error.h - misuse of blocks, written down when it is found.
 *
 * Most kinds end the program right after; what the modes check and guard find late does not.
 * Thread-safe.
 */
#ifndef METE_TRACK_ERROR_H
#define METE_TRACK_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "heap/watch.h"
#include "profile/format.h"

struct mete__error {
    enum mete_profile_error_kind kind;
    uintptr_t address;  /* what the program passed or touched */
    uintptr_t block;    /* the block it is in or belongs to; 0: none */
    size_t block_bytes; /* its usable size; the record of a block not yet free knows better */
    const struct mete__record *record; /* its record, or NULL */
    /* Where it was found: a call, or a signal's ucontext_t, or neither. */
    const struct mete__caller *caller;
    const void *context;
};

/* Appends it to the profile, with the stacks that are known, and returns true. One that is there
 * already, of the same kind and stacks, is counted there; what does not fit is counted as dropped.
 */
METE_HIDDEN bool mete__error_note(const struct mete__error *error);

#endif
