/*
 * analysis/blocks/variable_places.h - where a function keeps its variables, address by address.
 *
 * DWARF says it per variable; whoever walks through the function asks per address. So everything is
 * read once into a table: of location lists each entry, of variables that never move an entry for
 * each range of the scope they are in. Inlined calls' variables are among them. What is neither a
 * register nor memory (constants, entry values) is left out.
 *
 * Addresses are DWARF's own. The DWARF is not trusted: everything is bounded.
 */
#ifndef METE_ANALYSIS_BLOCKS_VARIABLE_PLACES_H
#define METE_ANALYSIS_BLOCKS_VARIABLE_PLACES_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mete__variable_place_kind {
    METE__VARIABLE_IN_REGISTER, /* it is the register's value */
    METE__VARIABLE_IS_SUM,      /* its value is the register's plus the offset: it is nowhere */
    METE__VARIABLE_IN_MEMORY,   /* at the register's value plus the offset */
    METE__VARIABLE_IN_FRAME,    /* at the frame's canonical address plus the offset */
    METE__VARIABLE_AT_ADDRESS,  /* at the address `offset` */
};

struct mete__variable {
    Dwarf_Die type;
    const char *name;  /* as long as the DWARF; NULL: none */
    bool is_parameter; /* of the function, or of an inlined call */
    uint32_t inlined;  /* number of the inlined call that it belongs to; 0: the function */
};

struct mete__variable_place {
    uint64_t low, high; /* [low, high) */
    int64_t offset;
    uint64_t part;     /* so many bytes into the variable: it may be in pieces */
    uint32_t variable; /* index */
    int16_t number;    /* of the register */
    enum mete__variable_place_kind kind;
    bool is_for_scope; /* said of all of the scope that the variable is in */
};

/* A call as the compiler describes it. */
struct mete__variable_call {
    uint64_t return_address;
    Dwarf_Die site;
    Dwarf_Die callee; /* a declaration or a definition; addr NULL: unknown */
};

struct mete__variable_places {
    struct mete__variable *variables;
    size_t variable_count, variable_capacity;
    struct mete__variable_place *places;
    size_t place_count, place_capacity;
    struct mete__variable_call *calls;
    size_t call_count, call_capacity;
    Dwarf_Die *inlined; /* number 1 is the first */
    size_t inlined_count, inlined_capacity;
};

/* Reads those of `function`, a DW_TAG_subprogram with code. -ENOMEM; then they are incomplete, but
 * good. To be freed in any case. */
int mete__variable_places_read(struct mete__variable_places *places, Dwarf_Die *function);
void mete__variable_places_free(struct mete__variable_places *places);

/* The call that returns to the address, if it is described. */
bool mete__variable_places_call(const struct mete__variable_places *places, uint64_t return_address,
                                Dwarf_Die *site);
/* The callee of the call that returns to the address, as far as it is described. */
bool mete__variable_places_callee(const struct mete__variable_places *places,
                                  uint64_t return_address, Dwarf_Die *callee);

#endif
