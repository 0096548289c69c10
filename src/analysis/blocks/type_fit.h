/*
 * analysis/blocks/type_fit.h - whether blocks can be of a type, by their sizes.
 */
#ifndef METE_ANALYSIS_BLOCKS_TYPE_FIT_H
#define METE_ANALYSIS_BLOCKS_TYPE_FIT_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

#include "profile/sizes.h"

/* The worst first. */
enum mete__type_fit {
    METE__TYPE_FIT_NONE,     /* the blocks are too small, or the type has no size */
    METE__TYPE_FIT_BYTES,    /* a character type: anything fits */
    METE__TYPE_FIT_TAIL,     /* the blocks are larger, and no multiple */
    METE__TYPE_FIT_ARRAY,    /* n objects of the type, n > 1 in some block at least */
    METE__TYPE_FIT_FLEXIBLE, /* a struct with an array of any length at its end */
    METE__TYPE_FIT_ONE,
};

struct mete__type_fit_shape {
    uint64_t bytes;    /* of one object */
    uint64_t flexible; /* of one without its flexible array; 0: it has none */
    bool is_character;
    bool is_struct; /* or a class */
};

/* What sizes have to do with: false where the type has no size. */
bool mete__type_fit_shape_of(Dwarf_Die *type, struct mete__type_fit_shape *shape);

/* What a site's blocks are like. */
struct mete__type_fit_blocks {
    uint64_t allocations;
    uint64_t bytes;           /* of all together */
    struct mete__sizes sizes; /* where they are known; else the average must do */
};

/* The blocks hold such objects from byte `header` on. */
enum mete__type_fit mete__type_fit(const struct mete__type_fit_shape *shape,
                                   const struct mete__type_fit_blocks *blocks, uint64_t header);

/* What an access to the block says of the type. */
enum mete__type_access {
    METE__TYPE_ACCESS_FOREIGN, /* that is not how objects of the type are used */
    METE__TYPE_ACCESS_SILENT,
    METE__TYPE_ACCESS_OWN, /* an index counts such objects */
};

/* `bytes` at once, `offset` bytes into the first object, or any multiple of `stride` further on; 0:
 * just there. */
enum mete__type_access mete__type_fit_access(Dwarf_Die *type, int64_t offset, uint8_t stride,
                                             uint8_t bytes);

/* Whether the blocks are of different sizes, with whole objects' bytes between one and the next. */
bool mete__type_fit_varies(const struct mete__type_fit_shape *shape,
                           const struct mete__type_fit_blocks *blocks);

#endif
