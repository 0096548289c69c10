/*
 * analysis/blocks/type_uses.h - how much of the heap each type takes, by the sites of a profile.
 *
 * A profile counts blocks; objects follow from what a site's blocks are: one each, or as many as
 * fit where they are arrays. Sizes are a site's mean: exact where it always asks for the same size.
 * What the allocator adds is by the size classes of mete's heap (heap/size_class.h).
 */
#ifndef METE_ANALYSIS_BLOCKS_TYPE_USES_H
#define METE_ANALYSIS_BLOCKS_TYPE_USES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/blocks/site_types.h"
#include "base/compiler.h"
#include "profile/summary.h"

/* At one time. */
struct mete__type_amount {
    uint64_t blocks;
    uint64_t objects;
    uint64_t bytes;    /* that were asked for */
    uint64_t rounding; /* that the allocator adds to those */
};

/* The blocks of one site. */
struct mete__type_use_site {
    enum mete__site_type_form form;
    uint64_t block_bytes; /* mean */
    uint64_t header;      /* of these so many in front of the objects */
    uint64_t peak_blocks, live_blocks;
};

struct mete__type_use {
    const char *name;              /* "struct conn"; NULL: of all sites whose type is not known */
    uint64_t size;                 /* of one object, bytes */
    bool is_certain;               /* at all of its sites */
    uint64_t allocations;          /* blocks, ever */
    uint64_t allocated_bytes;      /* the same */
    struct mete__type_amount live; /* when the profile ends */
    struct mete__type_amount peak; /* at the program's peak */
    const struct mete__type_use_site *sites;
    size_t site_count;
};

struct mete__type_uses {
    struct mete__type_use *items; /* most bytes at the peak first */
    size_t count;
    struct mete__type_use_site *sites; /* of all, a use's side by side */
};

/* Finds the types of all sites. The texts live as long as `types`. -ENOMEM. */
METE_MUST_USE int mete__type_uses_make(struct mete__site_types *types,
                                       const struct mete__summary *summary,
                                       struct mete__type_uses **out);
void mete__type_uses_free(struct mete__type_uses *uses);

/* In the order that mete__type_uses_find needs; each has a name. */
void mete__type_uses_sort(const struct mete__type_use **uses, size_t count);
/* The place of the use of this name and size; NULL: there is none. */
const struct mete__type_use **mete__type_uses_find(const struct mete__type_use **sorted,
                                                   size_t count, const char *name, uint64_t size);

/* Bytes of the heap that a request for so many takes: of mete's, and of glibc 2.36's malloc on
 * 64-bit machines, whose chunks are multiples of 16 with 8 bytes of its own in each, and at least
 * 32 (malloc.c, request2size). */
uint64_t mete__type_uses_block(uint64_t bytes);
uint64_t mete__type_uses_glibc_block(uint64_t bytes);

struct mete__type_saving {
    uint64_t peak, live; /* bytes: at the peak, and when the profile ends */
};

/* How many bytes of a heap go if objects become smaller by so many: what is saved inside one of its
 * size classes is nothing. */
struct mete__type_saving mete__type_uses_saving(const struct mete__type_use *use,
                                                uint64_t smaller_by,
                                                uint64_t (*block_of)(uint64_t bytes));

#endif
