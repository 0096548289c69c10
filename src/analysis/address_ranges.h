/*
 * analysis/address_ranges.h - which of many address ranges holds an address.
 *
 * Ranges may nest and overlap: of those that hold an address the one that begins last is found, of
 * equal beginnings the tightest, of equal ranges the one with the highest index. So where ranges
 * nest, and inner ones have higher indices, it is the innermost.
 */
#ifndef METE_ANALYSIS_ADDRESS_RANGES_H
#define METE_ANALYSIS_ADDRESS_RANGES_H

#include <stddef.h>
#include <stdint.h>

struct mete__address_range {
    uint64_t low, high; /* [low, high) */
    uint64_t reach;     /* the highest `high` of all ranges up to this one in order */
    uint32_t index;     /* the caller's: what the range belongs to */
};

/* Zero-initialised it is empty. */
struct mete__address_ranges {
    struct mete__address_range *items; /* in order once complete */
    size_t count;
    size_t capacity;
};

/* -ENOMEM. Empty ranges are left out. */
int mete__address_ranges_add(struct mete__address_ranges *ranges, uint64_t low, uint64_t high,
                             uint32_t index);
/* To be called when all are added, before the first look-up. */
void mete__address_ranges_complete(struct mete__address_ranges *ranges);
/* The index of the range that holds `address`, or -1. */
int64_t mete__address_ranges_find(const struct mete__address_ranges *ranges, uint64_t address);
void mete__address_ranges_free(struct mete__address_ranges *ranges);

#endif
