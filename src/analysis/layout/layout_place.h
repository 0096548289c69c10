/*
 * analysis/layout/layout_place.h - where the System V ABI puts a member behind those before it.
 *
 * Pure functions.
 */
#ifndef METE_ANALYSIS_LAYOUT_LAYOUT_PLACE_H
#define METE_ANALYSIS_LAYOUT_LAYOUT_PLACE_H

#include <stdint.h>

#include "analysis/layout/layout_facts.h"
#include "analysis/types/type.h"

/* Where a layout ends so far, and how good it is. Zero-initialised it is empty. */
struct mete__layout_place {
    uint64_t bits;       /* from the start to the end of what was placed */
    uint32_t straddling; /* members that fit a cache line but lie in two */
};

static inline uint64_t mete__layout_place_round(uint64_t number, uint64_t to) {
    return (number + to - 1) / to * to;
}

/* Puts a member behind what is there: its offsets are changed to that. `line`: bytes. */
static inline void mete__layout_place_put(struct mete__layout_place *place,
                                          struct mete__member *member, uint64_t line) {
    if (member->bit_size != 0) {
        uint64_t storage = member->size * 8;
        if (place->bits % storage + member->bit_size > storage)
            place->bits = mete__layout_place_round(place->bits, storage);
        member->offset = place->bits / storage * member->size;
        member->bit_offset = (uint16_t)(place->bits - member->offset * 8);
        place->bits += member->bit_size;
        return;
    }
    member->offset =
        mete__layout_place_round(mete__layout_place_round(place->bits, 8) / 8, member->align);
    place->bits = (member->offset + member->size) * 8;
    place->straddling += mete__layout_facts_straddles(member, line);
}

/* The size of a type of such an alignment that ends there. */
static inline uint64_t mete__layout_place_size(struct mete__layout_place place, uint32_t align) {
    return mete__layout_place_round(mete__layout_place_round(place.bits, 8) / 8, align);
}

#endif
