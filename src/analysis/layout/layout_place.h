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

/* Bits: where the storage of a bit-field may begin. On i386 that of a long long, which is aligned
 * to less than its size, may do so at every fourth byte. */
static inline uint64_t mete__layout_place_step(const struct mete__member *member) {
    uint64_t least = member->align == 0 ? member->size : member->align;

    return (least < member->size ? least : member->size) * 8;
}

/* Puts a member behind what is there: its offsets are changed to that. `line`: bytes. */
static inline void mete__layout_place_put(struct mete__layout_place *place,
                                          struct mete__member *member, uint64_t line) {
    if (member->bit_size != 0) {
        uint64_t storage = member->size * 8;
        uint64_t step = mete__layout_place_step(member);
        if (place->bits % step + member->bit_size > storage)
            place->bits = mete__layout_place_round(place->bits, step);
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
