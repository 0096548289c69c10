/*
 * analysis/debug_types/dwarf_unit.h - which structs, unions and classes a compilation unit has, and
 * where.
 *
 * One walk over the unit finds them in namespaces, functions and each other, with the typedef that
 * names an anonymous one, and remembers the scopes that C++ names are qualified by.
 */
#ifndef METE_ANALYSIS_DWARF_UNIT_H
#define METE_ANALYSIS_DWARF_UNIT_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>

#include "analysis/address_ranges.h"
#include "analysis/names.h"
#include "analysis/types/type_synonyms.h"

/* An aggregate: a definition, or a declaration with a signature. */
struct mete__dwarf_found {
    Dwarf_Die die;
    const char *alias; /* the typedef's name, where it has no other */
    size_t number;     /* of a shared one: of several typedefs the first counts */
};

/* Zero-initialised it is empty. */
struct mete__dwarf_unit {
    struct mete__dwarf_found *found; /* in order of DIE addresses */
    size_t count, capacity;
    struct mete__address_ranges scopes; /* of DIE addresses; the index is one of scope_texts */
    const char **scope_texts;           /* "ns::" */
    size_t scope_count, scope_capacity;
    Dwarf_CU *cu; /* the unit */
    struct mete__names *names;
    void *others;    /* tsearch tree: the scopes of other units whose types this file's refer to */
    int other_depth; /* of units that are being read for their scopes */
    struct mete__type_synonyms *synonyms; /* where typedefs of C go; NULL: nobody asks */
    /* The aggregates that units share and typedefs name, in order of DIE addresses: dwz puts what
     * many units have into units of its own. Of the file, and kept from unit to unit. */
    struct mete__dwarf_found *shared;
    size_t shared_count, shared_capacity;
};

/* Notes the aggregates that typedefs of this unit name and that others refer to: those of other
 * units, and all of a partial unit. To be called for all units of a file that dwz has been at,
 * before the first is read, and then once with no root. -ENOMEM. */
int mete__dwarf_unit_share(struct mete__dwarf_unit *unit, Dwarf_Die *root);

/* Walks the unit whose root is `root`; what was found before is forgotten. `has_scopes`: names of
 * the language are qualified. 0, -ENOMEM, or -EBADMSG where the unit is damaged: what was found
 * before the damage is there. */
int mete__dwarf_unit_read(struct mete__dwarf_unit *unit, Dwarf_Die *root, bool has_scopes,
                          struct mete__names *names);
void mete__dwarf_unit_free(struct mete__dwarf_unit *unit);

/* NULL where the unit has no aggregate at this DIE, and it is not shared. */
struct mete__dwarf_found *mete__dwarf_unit_find(const struct mete__dwarf_unit *unit,
                                                const void *die_address);

/* The text before the name of the DIE: a mete__dwarf_type_scope whose context is the unit. The DIE
 * may be another unit's, which is walked when it is first asked for. */
const char *mete__dwarf_unit_scope(void *context, Dwarf_Die *die);

/* To be called when DIEs of other units have become invalid. */
void mete__dwarf_unit_forget_others(struct mete__dwarf_unit *unit);

#endif
