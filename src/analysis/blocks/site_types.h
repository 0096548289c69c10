/*
 * analysis/blocks/site_types.h - which C type the blocks of an allocation site are.
 *
 * malloc's caller asks for bytes; the type shows in what it does with the pointer it gets
 * (block_flow.h). So the innermost function of the program's own is looked at first, and its
 * callers after it for as long as each returns the pointer: what a wrapper leaves open its caller
 * says, and what a factory says in general its caller may say more exactly. Size is a veto: a type
 * is certain only where it fits what was asked for,
 *
 *     as one object                48 bytes are a struct conn
 *     as an array of them          960 bytes are 20 of them
 *     as a struct with a flexible array at its end
 *
 * in all of the site's allocations together, for that is what a profile has. "likely" are types
 * that are smaller than the blocks without being any of these (a header and whatever follows), and
 * blocks that are held as bytes. Not thread-safe.
 */
#ifndef METE_ANALYSIS_BLOCKS_SITE_TYPES_H
#define METE_ANALYSIS_BLOCKS_SITE_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/symbols/symbols.h"
#include "base/compiler.h"
#include "profile/reader.h"
#include "profile/summary.h"

enum mete__site_type_confidence {
    METE__SITE_TYPE_UNKNOWN = 0,
    METE__SITE_TYPE_LIKELY,
    METE__SITE_TYPE_CERTAIN,
};

enum mete__site_type_form {
    METE__SITE_TYPE_BYTES, /* held as char * or the like: what is in there is not said */
    METE__SITE_TYPE_TAIL,  /* the type, and then something of another */
    METE__SITE_TYPE_ARRAY,
    METE__SITE_TYPE_FLEXIBLE, /* its last member is an array of any length */
    METE__SITE_TYPE_ONE,
};

struct mete__site_type {
    const char *name;     /* "struct conn"; NULL where unknown */
    const char *evidence; /* "variable c in conn_new"; NULL where there is none */
    uint64_t bytes;       /* sizeof(type) */
    uint64_t header;      /* bytes of the block in front of it */
    enum mete__site_type_confidence confidence;
    enum mete__site_type_form form;
};

struct mete__site_types;

/* All must outlive the types. Wrappers should have been marked in the symbols. -ENOMEM. */
METE_MUST_USE int mete__site_types_open(const struct mete__profile *profile,
                                        struct mete__symbols *symbols,
                                        struct mete__site_types **out);
void mete__site_types_close(struct mete__site_types *types);

/* Finds the type of one site; the names of its inner frames are looked up where they are needed.
 * -ENOMEM. */
METE_MUST_USE int mete__site_types_find(struct mete__site_types *types,
                                        const struct mete__summary_site *site,
                                        struct mete__site_type *out);

/* "certain", "likely", "unknown" */
const char *mete__site_types_confidence_name(enum mete__site_type_confidence confidence);
/* "one", "array", "flexible", "tail", "bytes" */
const char *mete__site_types_form_name(enum mete__site_type_form form);

#endif
