/*
 * analysis/debug_types/dwarf_type_state.h - what the files dwarf_type*.c share: the cache and its
 * entries.
 */
#ifndef METE_ANALYSIS_DWARF_TYPE_STATE_H
#define METE_ANALYSIS_DWARF_TYPE_STATE_H

#include "analysis/debug_types/dwarf_type.h"
#include "analysis/types/type_text.h"

#define METE__DWARF_TYPE_DEPTH_MAX 512 /* declarators in declarators, aggregates in aggregates */

enum mete__dwarf_type_measured {
    METE__DWARF_TYPE_UNMEASURED,
    METE__DWARF_TYPE_MEASURING,
    METE__DWARF_TYPE_MEASURED,
};

struct mete__dwarf_type_entry {
    struct mete__dwarf_type type; /* first: what callers have is a pointer to it */
    Dwarf_Die die;
    enum mete__dwarf_type_measured measured; /* whether size and align are in place */
};

struct mete__dwarf_type_chunk;

struct mete__dwarf_type_cache {
    struct mete__names *names;
    struct mete__dwarf_type_chunk *chunks; /* of entries; the first is the one being filled */
    size_t chunk_used;                     /* entries of it */
    struct mete__dwarf_type_entry **slots; /* by DIE; open addressing, at most half in use */
    size_t slot_count, entry_count;
    struct mete__dwarf_type_entry nothing; /* "void" */
    int depth;
    int machine;
    bool has_keywords; /* C: "struct conn"; C++ and others: "conn" */
    mete__dwarf_type_scope *scope;
    void *scope_context;
    char text[METE__TYPE_TEXT_MAX]; /* where names are put together */
};

/* The entry of a DIE; a new one has no text. NULL: memory ran out. */
struct mete__dwarf_type_entry *mete__dwarf_type_entry(struct mete__dwarf_type_cache *cache,
                                                      const Dwarf_Die *die);

/* The entry of a DIE, and of the type it has, with its text. NULL: memory ran out. */
struct mete__dwarf_type_entry *mete__dwarf_type_text_of(struct mete__dwarf_type_cache *cache,
                                                        Dwarf_Die *die);
struct mete__dwarf_type_entry *mete__dwarf_type_text_had(struct mete__dwarf_type_cache *cache,
                                                         Dwarf_Die *die);

/* The same with size and alignment too. */
struct mete__dwarf_type_entry *mete__dwarf_type_size_of(struct mete__dwarf_type_cache *cache,
                                                        Dwarf_Die *die);
struct mete__dwarf_type_entry *mete__dwarf_type_size_had(struct mete__dwarf_type_cache *cache,
                                                         Dwarf_Die *die);
struct mete__dwarf_type_entry *mete__dwarf_type_size_of_member(struct mete__dwarf_type_cache *cache,
                                                               struct mete__dwarf_member *member);

/* What mete__dwarf_type_name says. */
const char *mete__dwarf_type_text_name(struct mete__dwarf_type_cache *cache, Dwarf_Die *type);

#endif
