/*
 * analysis/blocks/instruction_machine.h - what instruction.c needs of each machine.
 */
#ifndef METE_ANALYSIS_BLOCKS_INSTRUCTION_MACHINE_H
#define METE_ANALYSIS_BLOCKS_INSTRUCTION_MACHINE_H

#include <capstone/capstone.h>

#include "analysis/blocks/instruction.h"

struct mete__machine {
    struct mete__convention convention;
    /* The DWARF number of one of capstone's registers; METE__NO_REGISTER: it holds no pointers. */
    int8_t (*number)(unsigned capstone_register);
    /* Fills what is special about the instruction; `out` is one of kind OTHER. */
    void (*translate)(const cs_insn *decoded, struct mete__instruction *out);
};

extern const struct mete__machine mete__instruction_x86;
extern const struct mete__machine mete__instruction_arm64;

#endif
