/*
 * analysis/debug_types/dwarf_type.h - what a type DIE means: its name as C writes it, its size and
 * alignment.
 *
 * A cache remembers what it was asked about a unit's DIEs, since types refer to each other; it is
 * told to forget between units. The DWARF is not trusted: depth and length of texts are bounded,
 * cycles that C cannot have end in "void". Not thread-safe.
 *
 * Sizes and alignments are bytes. Natural alignments are those of the machine's usual ABI: DWARF
 * says only what was declared on purpose.
 */
#ifndef METE_ANALYSIS_DWARF_TYPE_H
#define METE_ANALYSIS_DWARF_TYPE_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/dwarf/dwarf_member.h"
#include "analysis/names.h"

struct mete__dwarf_type_cache;

struct mete__dwarf_type {
    const char *text;    /* without a name: "struct conn *", "char[16]", "int (*)(void)" */
    uint32_t name_at;    /* where in `text` a declaration has its name */
    bool has_size;       /* false: void, a function, an incomplete type, an array without length */
    bool declares_align; /* alignment was declared on purpose, here or in an element */
    bool packed;         /* an aggregate whose members lie where alignment would not put them */
    bool is_array;
    uint64_t size;     /* 0 where it has none */
    uint32_t align;    /* at least 1 */
    Dwarf_Die bare;    /* without typedefs and qualifiers, declarations resolved where the unit
                        * names a signature; addr NULL: void */
    Dwarf_Die element; /* of an array what it holds, bare; else as `bare` */
    Dwarf_Die target;  /* of a pointer or reference what it points to, bare, through further
                        * pointers; addr NULL: void or no pointer */
    /* The typedefs that they have where they have no name of their own; as long as the DWARF. NULL:
     * none on the way. */
    const char *element_alias, *target_alias;
    const void *made;   /* the caller's: what it makes of the type; NULL at first */
    bool is_being_made; /* the caller's; false at first */
};

/* Names of types inside namespaces and classes: the text to put before a DIE's own name ("ns::"),
 * or NULL. */
typedef const char *mete__dwarf_type_scope(void *context, Dwarf_Die *die);

/* NULL where memory ran out. `names` must outlive the cache. */
struct mete__dwarf_type_cache *mete__dwarf_type_open(struct mete__names *names);
void mete__dwarf_type_close(struct mete__dwarf_type_cache *cache);

/* Forgets all DIEs: what was returned is invalid, but for the texts. `language` (DW_LANG_) and
 * `machine` (EM_) are those of the unit that follows; scope may be NULL. */
void mete__dwarf_type_forget(struct mete__dwarf_type_cache *cache, int language, int machine,
                             mete__dwarf_type_scope *scope, void *context);

/* The type that a DIE is. NULL: memory ran out. */
struct mete__dwarf_type *mete__dwarf_type_of(struct mete__dwarf_type_cache *cache, Dwarf_Die *type);
/* The type that a member has; void where it has none. NULL: memory ran out. */
const struct mete__dwarf_type *mete__dwarf_type_of_member(struct mete__dwarf_type_cache *cache,
                                                          struct mete__dwarf_member *member);

/* "struct conn", "ns::conn", a typedef's name. Without a name: "struct {...}". */
const char *mete__dwarf_type_name(struct mete__dwarf_type_cache *cache, Dwarf_Die *type);

#endif
