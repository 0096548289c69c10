/*
 * track/level.h - how many bytes are live in the whole program, and the most that ever were.
 *
 * With one shard the peak is exact: the shard counts its headroom, the bytes it may add before the
 * level is higher than ever, so that allocations only subtract. Headroom below 0 is a peak in the
 * making, which is settled when the level falls again; until then whoever reads the profile finds
 * more bytes live than at the peak, and knows it. With several shards each keeps
 * up to METE_PEAK_STEP_BYTES of change to itself and then tells it; the peak is the highest level
 * ever told, within shards x that step of the truth. Headroom then counts down to the next telling.
 *
 * Peaks are numbered, so that sites can say what they held at the newest one without being visited
 * then: a site notes what it held before it first changes after a peak (format.h: peak_epoch). A
 * peak that follows another with no such note in between takes the same number.
 */
#ifndef METE_TRACK_LEVEL_H
#define METE_TRACK_LEVEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "profile/format.h"

/* A shard's part in it, written by its owner. While it is alone, the live bytes are peak -
 * headroom. When there are several, METE_PEAK_STEP_BYTES - headroom is what it has not told yet. */
struct mete__level_share {
    int64_t headroom; /* atomic: bytes up to the peak, or until something is to be told */
    int64_t floor;    /* headroom below this makes mete__level_pass due ... */
    int64_t ceiling;  /* ... and so does headroom above this */
    int64_t peak;     /* atomic: the highest level while alone, as settled last */
    bool several;     /* follows the rules for several shards */
};

struct mete__level {
    int64_t told;    /* atomic: bytes, the sum of what shards told */
    int64_t peak;    /* atomic: bytes */
    uint32_t epoch;  /* atomic: number of the newest peak */
    uint32_t noted;  /* atomic: the newest epoch that a site has a note of */
    uint32_t shards; /* atomic: how many have joined */
    uint64_t
        clock; /* atomic: ns, CLOCK_MONOTONIC, as of the newest tick: when a peak is said to be */
    const struct mete__level_share *alone; /* atomic: the first shard's, while that tells nothing */
};
extern METE_HIDDEN struct mete__level mete__level;

/* A new shard takes part, before it counts anything. True where it is not the first. */
METE_HIDDEN bool mete__level_join(struct mete__level_share *share);
/* To be called by the first shard's owner once there are others: from now on it tells, too. */
METE_HIDDEN void mete__level_accept(struct mete__level_share *share);

/* Due where headroom is below floor or above ceiling, and where it is below 0 and about to grow.
 * True where the level is a new peak. */
METE_HIDDEN bool mete__level_pass(struct mete__level_share *share);

/* The live bytes, as far as they are told. */
METE_HIDDEN int64_t mete__level_live(void);
/* Writes the newest peak with its number and time into the profile's header. */
METE_HIDDEN void mete__level_publish(void);
/* The same of a peak in the making, where there is one. */
METE_HIDDEN void mete__level_publish_making(void);

/* Some site has noted what it held at the peak of that number. */
METE_INLINE void mete__level_note(uint32_t epoch) {
    if (__atomic_load_n(&mete__level.noted, __ATOMIC_RELAXED) != epoch)
        __atomic_store_n(&mete__level.noted, epoch, __ATOMIC_RELAXED);
}

#endif
