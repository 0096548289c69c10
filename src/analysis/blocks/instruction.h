/*
 * analysis/blocks/instruction.h - machine instructions, as far as they move pointers about.
 *
 * Whoever follows a pointer through a function need not know a machine's hundreds of instructions,
 * only a dozen effects. Everything else is "writes these registers". Registers have their DWARF
 * numbers. Capstone decodes; what it is given is not trusted. A decoder is not thread-safe.
 */
#ifndef METE_ANALYSIS_BLOCKS_INSTRUCTION_H
#define METE_ANALYSIS_BLOCKS_INSTRUCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* By their DWARF numbers. x86-64: 0 to 15, the lower halves of the vector registers 17 to 32, and
 * behind them their upper halves; aarch64: 0 to 31. */
#define METE__REGISTERS   49
#define METE__NO_REGISTER (-1)

enum mete__instruction_kind {
    METE__INSTRUCTION_OTHER,          /* only `written` matters */
    METE__INSTRUCTION_COPY,           /* to = from */
    METE__INSTRUCTION_NUMBER,         /* to = from, cut to half a register or extended from one */
    METE__INSTRUCTION_SELECT,         /* to = from, or it stays */
    METE__INSTRUCTION_SCALE,          /* to = from, or something, times offset */
    METE__INSTRUCTION_MULTIPLY,       /* to = to times from */
    METE__INSTRUCTION_ADDRESS,        /* to = base + index + offset */
    METE__INSTRUCTION_LOAD,           /* to = the word at base + index + offset */
    METE__INSTRUCTION_STORE,          /* the word there = from; no register: something unknown */
    METE__INSTRUCTION_PUSH,           /* from */
    METE__INSTRUCTION_POP,            /* to */
    METE__INSTRUCTION_LEAVE,          /* stack pointer = frame pointer, then pop that: `to` */
    METE__INSTRUCTION_TEST,           /* compares `from`, or else the word in memory, with zero */
    METE__INSTRUCTION_BRANCH_ZERO,    /* to `destination` where `from`, or what was tested, is 0 */
    METE__INSTRUCTION_BRANCH_NONZERO, /* the same where it is not 0 */
    METE__INSTRUCTION_BRANCH,         /* to `destination`, or not */
    METE__INSTRUCTION_JUMP,           /* to `destination`; 0: unknown */
    METE__INSTRUCTION_CALL,           /* of `destination`; 0: unknown */
    METE__INSTRUCTION_RETURN,
    METE__INSTRUCTION_STOP, /* does not go on */
};

struct mete__instruction {
    enum mete__instruction_kind kind;
    uint8_t bytes; /* its length */
    int8_t to, from, base, index;
    int8_t second; /* of a pair: loaded from or stored to the next word */
    uint8_t scale; /* that the index is multiplied by: where it is not 1 that is no pointer */
    bool absolute; /* no base: offset is an address in the file */
    bool tests;    /* sets the flags, which then say nothing of the last TEST any more */
    uint8_t
        access; /* bytes of memory at base + index + offset that it loads or stores; 0: unknown */
    int64_t offset;
    int64_t step; /* that the base moves on by, once it was used: of loads and stores */
    uint64_t destination;
    uint64_t written; /* registers that change, a bit each, but for `to` and `second` */
};

/* What a machine's calls do, by the usual convention. */
struct mete__convention {
    int8_t stack, frame; /* pointers */
    int8_t result;
    int8_t arguments[8];
    uint8_t argument_count;
    uint64_t preserved; /* registers that calls leave alone */
};

struct mete__instruction_decoder;

/* A decoder for `machine` (ELF's e_machine). -ENOTSUP, -ENOMEM; -ENOENT: capstone, which is loaded
 * with the first decoder, is not installed. */
int mete__instruction_decoder_open(unsigned machine, struct mete__instruction_decoder **out);

/* The file of capstone where it was wanted and is not there; else NULL. */
const char *mete__instruction_missing(void);
void mete__instruction_decoder_close(struct mete__instruction_decoder *decoder);
const struct mete__convention *
mete__instruction_decoder_convention(const struct mete__instruction_decoder *decoder);

/* Decodes what `code` begins with, which lies at `address`. False: that is no instruction. */
bool mete__instruction_decode(struct mete__instruction_decoder *decoder, const uint8_t *code,
                              size_t size, uint64_t address, struct mete__instruction *out);

#endif
