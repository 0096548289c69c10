/*
 * analysis/blocks/block_walk.h - what is known while block_flow.h walks through a function:
 * registers, the words of the frame, and the clues found so far.
 *
 * A value is the block's address, or one somewhere in it, an address in the frame, a number or what
 * one is a multiple of, or a pointer to an object of a known type; what else there is, is unknown.
 * Where the walk does not know what a register or a word holds, the variable that DWARF says is
 * there may have a type.
 */
#ifndef METE_ANALYSIS_BLOCKS_BLOCK_WALK_H
#define METE_ANALYSIS_BLOCKS_BLOCK_WALK_H

#include "analysis/blocks/block_flow.h"

#define METE__BLOCK_WALK_SLOTS 24 /* words of the frame whose content is known */
#define METE__BLOCK_WALK_WORD  8  /* bytes */

enum mete__block_value_kind {
    METE__BLOCK_UNKNOWN = 0,
    METE__BLOCK_MULTIPLE, /* a number: some multiple of offset, which is above 1 */
    METE__BLOCK_ADDRESS,  /* the block's, plus offset */
    METE__BLOCK_INSIDE,   /* the block's, plus nobody knows how much */
    METE__BLOCK_FRAME,    /* the canonical frame address, plus offset */
    METE__BLOCK_CONSTANT, /* offset itself: mostly an address */
    METE__BLOCK_POINTER,  /* to an object of type `pointee`, plus offset */
};

struct mete__block_value {
    enum mete__block_value_kind kind;
    uint8_t
        stride;    /* it may be any multiple of so many bytes further on; 1: of any; 0: it is not */
    bool is_guess; /* what it points to is one of several things that a union may point to */
    int64_t
        origin; /* of a pointer: the word of the frame it was loaded from; 0: some other place */
    int64_t offset;
    Dwarf_Die pointee;
};

/* What is known at one instruction. */
struct mete__block_state {
    struct mete__block_value registers[METE__REGISTERS];
    struct mete__block_slot {
        int64_t at; /* from the canonical frame address */
        struct mete__block_value value;
    } slots[METE__BLOCK_WALK_SLOTS];
    size_t slot_count;
    /* The block's address as it was last stored to an object that a word of the frame points to. */
    struct mete__block_memory {
        int64_t origin; /* that word; 0: none is known */
        int64_t at;     /* bytes into the object */
        struct mete__block_value value;
    } memory;
    bool is_partial;   /* nobody knows where the walk came from: what is not known here may be known
                        * all the same */
    bool tested_block; /* the flags say whether the block's address is null */
};

struct mete__block_walk {
    const struct mete__block_flow_source *source;
    const struct mete__convention *convention;
    struct mete__block_flow *flow; /* what is found */
    struct mete__block_state state;
    struct mete__block_value first_argument; /* of the call that the walk follows */
};

/* Whether it is the block's address, or one in it. */
static inline bool mete__block_walk_is_block(const struct mete__block_value *value) {
    return value->kind == METE__BLOCK_ADDRESS || value->kind == METE__BLOCK_INSIDE;
}

/* As the machine adds. */
static inline int64_t mete__block_walk_sum(int64_t left, int64_t right) {
    return (int64_t)((uint64_t)left + (uint64_t)right);
}

/* A DIE's name, its own or its origin's; NULL: none. */
const char *mete__block_walk_name(Dwarf_Die *die);

/* Adds a clue, if the type is a pointer to something: that is its type. */
void mete__block_walk_clue(struct mete__block_walk *walk, Dwarf_Die *pointer_type,
                           struct mete__clue clue);

/* The same of an address somewhere in the block: a clue only where characters lie there, as text
 * behind a header whose size depends on it. */
void mete__block_walk_inside(struct mete__block_walk *walk, Dwarf_Die *pointer_type,
                             struct mete__clue clue);

/* Adds the variables that the block's address is the value of, before the instruction at an
 * address. */
void mete__block_walk_look(struct mete__block_walk *walk, uint64_t address);

/* Whether the variable of the frame that begins there is a pointer, as far as it is known: where
 * its address is taken, compilers say nothing of one before it is read. */
bool mete__block_walk_may_be_pointer(const struct mete__block_walk *walk, int64_t at,
                                     uint64_t address);

/* What a register holds before the instruction at an address. */
struct mete__block_value mete__block_walk_register(const struct mete__block_walk *walk,
                                                   int8_t number, uint64_t address);
void mete__block_walk_set(struct mete__block_walk *walk, int8_t number,
                          struct mete__block_value value);

/* The address that an instruction computes or accesses. */
struct mete__block_value mete__block_walk_address(const struct mete__block_walk *walk,
                                                  const struct mete__instruction *instruction,
                                                  uint64_t address);
struct mete__block_value mete__block_walk_load(struct mete__block_walk *walk,
                                               const struct mete__block_value *at,
                                               uint64_t address);
/* So many bytes there are loaded or stored. */
void mete__block_walk_touch(struct mete__block_walk *walk, const struct mete__block_value *at,
                            uint8_t bytes);
/* A block's address that is stored where something with a type lies is a clue. */
void mete__block_walk_store(struct mete__block_walk *walk, const struct mete__block_value *at,
                            struct mete__block_value value, uint64_t address);

#endif
