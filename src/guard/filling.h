/*
 * guard/filling.h - memory that holds one byte over and over, and whether it still does.
 */
#ifndef METE_GUARD_FILLING_H
#define METE_GUARD_FILLING_H

#include <stdint.h>

#include "base/compiler.h"

/* Eight of either of the last two are no address on any machine mete knows: who follows one stops
 * at once. */
enum mete__filling {
    METE__FILLING_ZERO = 0,
    METE__FILLING_ZONE = 0xa5,  /* around a block */
    METE__FILLING_FREED = 0xdf, /* in one that is freed and held */
};

/* Nothing happens where to <= from. */
METE_HIDDEN void mete__filling_write(char *from, char *to, enum mete__filling filling);

/* The first byte of [from, to) that is another; NULL where none is. */
METE_HIDDEN char *mete__filling_wrong(char *from, char *to, enum mete__filling filling);

#endif
