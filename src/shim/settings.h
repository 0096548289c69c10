/*
 * shim/settings.h - what the environment asks of mete.
 *
 *   METE_MODE           stats, sampled, exact, check or guard, as `mete run --mode` takes it
 *   METE_SAMPLE         in sampled mode the mean distance of samples in bytes, in guard mode one
 *                       block in so many is guarded; K, M, G may follow
 *   METE_OUTPUT         the profile's file; default mete.PROGRAM.PID.mete in the working directory
 *   METE_NO_LEAKS       1: no leak check at exit
 *   METE_NO_CHILDREN    1: forked and exec'ed children are left alone
 *   METE_QUIET          1: nothing on standard error
 *   METE_PROFILE_LIMIT  the profile's largest size in bytes; K, M, G may follow
 *   METE_RUN            set by `mete run` alone: the number of the run in hexadecimal, the first
 * process's id and its parent's, joined by dashes
 *
 * Tracking begins where METE_MODE or METE_OUTPUT is set. In a program that gains privileges by its
 * start all of them are ignored.
 */
#ifndef METE_SHIM_SETTINGS_H
#define METE_SHIM_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "profile/format.h"

struct mete__settings {
    bool is_tracking;
    bool no_leaks;
    bool no_children;
    bool is_quiet;
    enum mete_profile_mode mode;
    uint64_t sample_bytes;  /* sampled mode: the mean distance of samples */
    uint64_t sample_blocks; /* guard mode: one block in so many is guarded; else 0 */
    uint64_t limit_bytes;   /* 0: the default */
    const char *output;     /* points into the environment; NULL: the default name */
    uint64_t run;           /* 0: not under `mete run` */
    uint32_t first_process; /* the run's: its id and its parent's */
    uint32_t first_parent;
    /* What is wrong with one of the variables; NULL where nothing is. Nothing is tracked then. */
    const char *wrong_name;
    const char *wrong_value;
    const char *wrong_why;
};

/* Reads `variables`, an array of NAME=VALUE that ends with NULL and must stay as it is for as long
 * as the settings are used. Pure. */
METE_HIDDEN void mete__settings_read(struct mete__settings *out, char *const *variables);

/* Whether NAME=VALUE is one of those above. */
METE_HIDDEN bool mete__settings_knows(const char *variable);

/* The variable's value where `variable` is NAME=VALUE for this name; else NULL. */
METE_HIDDEN const char *mete__settings_value(const char *variable, const char *name);

#endif
