/*
 * track/error.h - misuse of blocks, written down before the program ends of it.
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
    uintptr_t address;                 /* what the program passed or touched */
    uintptr_t block;                   /* the block it is in or belongs to; 0: none */
    size_t block_bytes;                /* its usable size; a live record knows better */
    const struct mete__record *record; /* its record, or NULL */
    const struct mete__caller *caller; /* where it was found */
};

/* Appends it to the profile, with the stacks that are known, and returns true. One that is there
 * already, of the same kind and stacks, is counted there; what does not fit is counted as dropped.
 */
METE_HIDDEN bool mete__error_note(const struct mete__error *error);

#endif
