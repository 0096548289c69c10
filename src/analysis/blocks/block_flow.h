/*
 * analysis/blocks/block_flow.h - what becomes of the pointer that a call has returned.
 *
 * The function's machine code is walked from the return address on, along all paths but those where
 * the pointer is null. Of registers and of the words of the frame the walk knows which hold the
 * block's address, and what type of object others point to, as far as variables, members and
 * globals that they were loaded from say so. Wherever the block's address then meets something that
 * has a type in the DWARF, that is a clue to the block's own:
 *
 *     a variable lives where the address is       struct conn *c = malloc(…)
 *     it is stored to a member, or a global       list->head = malloc(…)
 *     it is passed on to a function               conn_init(malloc(…))
 *     it is returned                              struct conn *conn_new(void) { return malloc(…); }
 *     an object of C++ is made there              new connection(…)
 *
 * A union's pointers say several things; which of them it is, the function's own accesses to the
 * block may tell: how many bytes at once, and how far apart.
 *
 * The idea is the one of a compiler's own type-based analyses, on the compiler's product. Code and
 * DWARF are not trusted: steps and paths are bounded. Addresses are DWARF's. Not thread-safe.
 */
#ifndef METE_ANALYSIS_BLOCKS_BLOCK_FLOW_H
#define METE_ANALYSIS_BLOCKS_BLOCK_FLOW_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/blocks/instruction.h"
#include "analysis/blocks/variable_places.h"

/* In order of weight, the least first. */
enum mete__clue_kind {
    METE__CLUE_ARGUMENT, /* a function that it is passed to takes such a pointer */
    METE__CLUE_RETURNED, /* the function returns such a pointer, and returns this one */
    METE__CLUE_GLOBAL,
    METE__CLUE_MEMBER,
    METE__CLUE_VARIABLE,
    METE__CLUE_CONSTRUCTED, /* a constructor of C++ makes such an object there */
    METE__CLUE_ALLOCATED, /* the call is one of an allocator of such objects, as containers have */
    METE__CLUE_CALL,      /* the compiler says what the call allocates (call_site.h) */
};

struct mete__clue {
    enum mete__clue_kind kind;
    Dwarf_Die type;     /* of what is pointed to */
    int64_t offset;     /* where in the block that is: behind a header of so many bytes */
    const char *name;   /* the variable's, the member's, the function's; NULL: unknown */
    const char *holder; /* of a member the struct's name, or NULL */
    bool is_one_of;     /* one of several types that a union's pointers may point to */
    bool is_callee;     /* of METE__CLUE_RETURNED: the function that is called returns it */
};

#define METE__CLUES_MAX 16

/* What the call was given in an argument register, where the code before it says so. */
struct mete__argument {
    enum {
        METE__ARGUMENT_UNKNOWN,
        METE__ARGUMENT_CONSTANT, /* `number` */
        METE__ARGUMENT_MULTIPLE, /* some multiple of it */
    } kind;
    uint64_t number;
};

#define METE__ARGUMENTS_MAX   8
#define METE__NUMBERS_UNKNOWN UINT8_MAX

/* Bytes of the block that the function itself loads or stores. */
struct mete__block_access {
    int64_t offset;
    uint8_t stride; /* there, or any multiple of so many bytes further on; 0: just there */
    uint8_t bytes;  /* at once */
};

#define METE__ACCESSES_MAX 8

struct mete__block_flow {
    struct mete__clue clues[METE__CLUES_MAX]; /* as they were found */
    size_t clue_count;
    struct mete__block_access accesses[METE__ACCESSES_MAX];
    size_t access_count;
    struct mete__argument arguments[METE__ARGUMENTS_MAX];
    bool is_indirect; /* the callee is where a pointer leads */
    bool is_stored; /* the callee does not return it, but puts it where its first argument leads, as
                     * posix_memalign does */
    bool has_callee; /* else it may be known: */
    Dwarf_Die callee;
    uint8_t callee_numbers;   /* its parameters that are integers, or METE__NUMBERS_UNKNOWN */
    uint8_t callee_registers; /* in which its parameters come, at most; the same */
    bool returned;            /* the function returns it to its caller … */
    int64_t returned_offset;  /* … or rather the address so many bytes into the block */
    bool returned_typed;      /* as a pointer to something */
    bool returned_inside;     /* it returns one that is nobody knows how far inside */
};

struct mete__block_flow_source {
    struct mete__instruction_decoder *decoder;
    const uint8_t *code; /* of the addresses [code_low, code_high) */
    uint64_t code_low, code_high;
    bool is_allocator;                          /* the callee is malloc, or one of its kin */
    Dwarf_Die *function;                        /* NULL: none is known, nor are its bounds */
    const struct mete__variable_places *places; /* NULL: none are known */
    /* Each false where there is no such thing. The canonical frame address at an instruction: a
     * register plus an offset. */
    bool (*frame)(void *context, uint64_t address, int8_t *number, int64_t *offset);
    /* The type and the name of the global variable at an address, and how many bytes into it that
     * is. */
    bool (*global)(void *context, uint64_t address, Dwarf_Die *type, const char **name,
                   uint64_t *offset);
    /* The function that begins at an address. */
    bool (*callee)(void *context, uint64_t address, Dwarf_Die *function);
    /* The definition of a type that is only declared. */
    bool (*complete)(void *context, Dwarf_Die *type);
    void *context;
};

/* Follows the result of the call that returns to `address`; `before` is the address of an
 * instruction before that, from where on the code is read to know what registers hold at the call,
 * or `address` itself. -ENOMEM: then nothing is known. */
int mete__block_flow_follow(const struct mete__block_flow_source *source, uint64_t before,
                            uint64_t address, struct mete__block_flow *flow);

#endif
