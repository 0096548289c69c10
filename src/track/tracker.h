/*
 * track/tracker.h - counts what the program allocates, exactly, into the profile.
 *
 * The tracker is the heap's watcher (heap/watch.h): it hears of every watched block twice, finds
 * the stack it came from, and counts it in a shard, one per thread, so that threads never wait for
 * each other. All it learns stands at once in the mapped profile (profile/format.h), where it
 * survives the process.
 *
 * A forked child goes on where its parent was, in a file of its own, from its first allocation or
 * free on (fork.c). vfork children share their parent's memory and so its profile.
 *
 * Nothing here calls malloc or stdio, or takes a lock.
 */
#ifndef METE_TRACK_TRACKER_H
#define METE_TRACK_TRACKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "heap/watch.h"
#include "profile/format.h"

struct mete__tracker_options {
    const char *path;        /* the profile's file; NULL: in memory only */
    const char *program;     /* what files are named after; NULL: "program" */
    const char *executable;  /* its path, or NULL */
    const char *const *argv; /* argc texts, or NULL */
    uint32_t argc;
    uint64_t run; /* the same for all processes of one `mete run`; else 0 */
    enum mete_profile_mode mode;
    uint64_t sample_bytes;  /* sampled mode: the mean distance of samples */
    uint64_t sample_blocks; /* guard mode: one block in so many is guarded; else 0 */
    uint64_t limit_bytes;   /* largest profile; 0: the default */
    bool no_children;       /* forked children count nothing and make no file */
    bool is_quiet;          /* errors that the program survives go into the profile only */
};

/* Opens the profile and makes the hooks below ready; the caller then gives those to the heap.
 * Negative errno where the profile cannot be made: then nothing is tracked. Call it once, before
 * threads allocate under watch. */
METE_HIDDEN int mete__tracker_start(const struct mete__tracker_options *options);
METE_HIDDEN bool mete__tracker_is_started(void);

/* What to give mete__watch_set(). */
METE_HIDDEN const struct mete__watch_hooks *mete__tracker_hooks(void);

/* In statistics mode, to be called now and then, for totals that a killed program leaves, too: what
 * to give mete__watch_set_tick(). Does nothing in the other modes. */
METE_HIDDEN void mete__tracker_tick(void);

/* Writes the last moment, the clock and the state, and cuts the file to what is in use. Blocks may
 * still come and go after it, and are still counted. */
METE_HIDDEN void mete__tracker_finish(enum mete_profile_state state);
/* As much of that as takes no system call: the file is neither cut to size nor, where it has no
 * name yet, saved. */
METE_HIDDEN void mete__tracker_mark_end(enum mete_profile_state state);

/* To be called before anything but the hooks writes the profile (a leak check, a snapshot): in a
 * forked child that has not allocated yet, moves on to the child's own file. */
METE_HIDDEN void mete__tracker_settle(void);

/* The profile's path from the root, or NULL where it is in memory only. */
METE_HIDDEN const char *mete__tracker_path(void);

#endif
