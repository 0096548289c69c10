/*
 * analysis/layout/layout_facts.h - what follows from where a type's members lie: holes, padding,
 * lines.
 *
 * The words are pahole's. A hole is bytes between two members that belong to neither. A bit hole is
 * bits that no bit-field uses, up to the end of the storage of the bit-field before or up to the
 * bit-field after; where both kinds lie between two members, the bits come first. Tail padding is
 * the bytes after the last member (and its bit-field's storage). A union has no holes: its tail
 * padding is what its largest member leaves.
 *
 * Pure functions.
 */
#ifndef METE_ANALYSIS_LAYOUT_LAYOUT_FACTS_H
#define METE_ANALYSIS_LAYOUT_LAYOUT_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/types/type.h"

#define METE__LAYOUT_LINE 64 /* bytes of a cache line, where nobody says otherwise */

/* Between two members. */
struct mete__layout_gap {
    uint64_t bytes;
    uint64_t bits; /* before them */
};

struct mete__layout_facts {
    uint32_t holes, bit_holes;
    uint64_t hole_bytes, hole_bits;
    uint64_t tail_padding;      /* bytes */
    uint64_t tail_padding_bits; /* left in the storage of a bit-field that comes last */
    uint64_t lines;             /* cache lines the type covers when it begins at one */
    uint32_t straddling;        /* members that fit a line but lie in two */
};

/* `line` is a power of two. */
void mete__layout_facts_find(const struct mete__type *type, uint64_t line,
                             struct mete__layout_facts *facts);

/* The gap before each member: `gaps` has an entry for each. */
void mete__layout_facts_gaps(const struct mete__type *type, struct mete__layout_gap *gaps);

/* Bytes that hold nothing: holes, whole bytes of bit holes, and the tail. Those inside nested types
 * are not counted: they are theirs. */
uint64_t mete__layout_facts_wasted(const struct mete__layout_facts *facts);

/* Whether a member takes part: virtual bases and empty ones do not. */
bool mete__layout_facts_counts(const struct mete__member *member);

/* Whether a member fits a line but lies in two. */
bool mete__layout_facts_straddles(const struct mete__member *member, uint64_t line);

#endif
