/*
 * analysis/blocks/type_choice.h - which of the clues to a block's type is best, and how good that
 * is.
 *
 * Each clue of each frame that got the block is a choice. They are compared by how well the blocks'
 * sizes bear them out, by who says it, and by how.
 */
#ifndef METE_ANALYSIS_BLOCKS_TYPE_CHOICE_H
#define METE_ANALYSIS_BLOCKS_TYPE_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/blocks/block_flow.h"
#include "analysis/blocks/site_types.h"
#include "analysis/blocks/type_fit.h"
#include "analysis/symbols/symbols.h"

/* Bytes: what is that small many sizes are a multiple of. */
#define METE__TYPE_CHOICE_SCALAR 8

struct mete__type_choice {
    const struct mete__clue *clue; /* NULL: none yet */
    enum mete__clue_kind kind;     /* its; of a constructor that makes only a part, an argument's */
    const struct mete__frame *frame;
    Dwarf_Die type; /* the clue's, or what that begins with */
    struct mete__type_fit_shape shape;
    enum mete__type_fit fit;
    int64_t header;
    bool is_start;    /* the blocks are smaller than what the clue says, which begins with this */
    bool is_vague;    /* found where memory for others is got: they may know better */
    bool is_passed;   /* what is returned to these others begins elsewhere in the block */
    bool passes_tail; /* the same, but that is the flexible array at its end */
    bool is_assumed;  /* nobody saw the pointer returned from further in */
    bool is_counted;  /* a caller up to here multiplies by the type's size, or names it */
    bool varies;      /* the blocks' sizes are apart by whole objects */
    bool is_direct;   /* it is malloc's own caller that has it: no wrapper has rounded the size */
    bool is_sized;    /* the call's size, or a factor of it, is the function's own */
    bool is_handed;   /* the function returns the block as a pointer to nothing in particular: it is
                       * for others, who may know better */
    bool is_grain;    /* what an allocator counts in that is asked for so many bytes */
    bool is_chunk;    /* malloc is always asked for so much, whatever this caller wants */
    bool is_indexed;  /* the same frame accesses the block as an array of such things */
    bool is_doubtful; /* of several things that are equally likely it is the one that fits always */
    bool is_disputed; /* the same frame takes the block for something else that fits as well */
    bool is_base;  /* a class that others as large are derived from, or that has virtual functions
                    * for them */
    bool is_first; /* others that are as large begin with a member of this type */
    bool is_head;  /* so do others that are as large as the blocks: those are no arrays of it */
    bool is_heir;  /* it is what begins with what the clue says and has the blocks' size */
};

/* Says how the blocks fit the choice's type. Of what is too large for them, but begins with
 * something smaller that is not, that is chosen: code that knows several kinds of objects takes
 * each for the largest. */
void mete__type_choice_fit(struct mete__type_choice *choice,
                           const struct mete__type_fit_blocks *blocks);

bool mete__type_choice_is_better(const struct mete__type_choice *a,
                                 const struct mete__type_choice *b);

/* Whether the two are different structs or unions, and equally likely: what a function makes on
 * different ways through it, say. */
bool mete__type_choice_contradicts(const struct mete__type_choice *a,
                                   const struct mete__type_choice *b);

/* Whether a union's pointers leave it open: characters, or what fits as well as those do. */
bool mete__type_choice_is_doubtful(const struct mete__type_choice *a,
                                   const struct mete__type_choice *b);

enum mete__site_type_confidence
mete__type_choice_confidence(const struct mete__type_choice *choice);
enum mete__site_type_form mete__type_choice_form(const struct mete__type_choice *choice);

#endif
