/*
 * track/timeline.h - how the program's memory went over time.
 *
 * Moments are taken when somebody counts and the next one is due, so they cost no timer and no
 * thread, and a program that does nothing adds none. At first they are METE__TIMELINE_FIRST_STEP
 * apart; each time the section is full every second one goes and the distance doubles. One thread
 * at a time writes; another that comes meanwhile leaves it.
 */
#ifndef METE_TRACK_TIMELINE_H
#define METE_TRACK_TIMELINE_H

#include <stdint.h>

#include "base/compiler.h"

#define METE__TIMELINE_FIRST_STEP 4000000 /* ns: one step of the coarse clock at 250 Hz */

/* Empties it and takes the first moment; for a process that begins. */
METE_HIDDEN void mete__timeline_start(void);
/* Looks at the clock, and takes a moment if one is due. */
METE_HIDDEN void mete__timeline_tick(void);
/* Takes the last moment, due or not. */
METE_HIDDEN void mete__timeline_finish(void);

#endif
