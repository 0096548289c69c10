/* track/stack_trap.h */
#include "track/stack_trap.h"

#include <stdbool.h>

#include "profile/format.h"
#include "track/modules.h"
#include "track/stack.h"
#include "track/tree.h"
#include "track/unwind_exact.h"
#include "track/unwind_guess.h"

/* Frames as they are found, innermost first. Not on the stack, which may be a small one for
 * signals; in a thread that comes second the stack stays unknown. */
static uint64_t keys[METE__STACK_DEPTH_MAX];
static bool is_busy; /* atomic */

static uint64_t key_of(const struct mete__unwind_registers *registers, uint32_t flags) {
    struct mete__module module;
    uintptr_t inside = registers->pc - (registers->interrupted ? 0 : 1);
    uint32_t generation = mete__modules_find(inside, &module) ? module.generation : 0;
    if (registers->interrupted) flags |= METE_NODE_EXACT_PC;
    return mete__tree_key(registers->pc, generation, flags);
}

/* From code without a table, by its frame pointer. */
static bool guess(struct mete__unwind_registers *registers, struct mete__unwind_reach *reach) {
    struct mete__unwind_state state = {.pc = registers->pc,
                                       .sp = registers->values[METE__ARCH_SP],
                                       .fp = registers->values[METE__ARCH_FP]};
    uint32_t needed = 1u << METE__ARCH_SP | 1u << METE__ARCH_FP;
    if ((registers->known & needed) != needed || !mete__unwind_guess_step(&state, reach))
        return false;
    *registers = (struct mete__unwind_registers){.pc = state.pc, .known = needed};
    registers->values[METE__ARCH_SP] = state.sp;
    registers->values[METE__ARCH_FP] = state.fp;
    return true;
}

static struct mete__unwind_registers interrupted_registers(const void *context) {
    struct mete__unwind_registers registers = {.interrupted = true};
    uintptr_t sp = (uintptr_t)context - METE__ARCH_UCONTEXT;
    for (unsigned column = 0; column < METE__ARCH_REGISTERS; column++) {
        registers.values[column] = *(const uintptr_t *)mete__arch_interrupted(sp, column);
        registers.known |= 1u << column;
    }
    registers.pc = *(const uintptr_t *)mete__arch_interrupted(sp, METE__ARCH_PC_COLUMN);
    if (!METE__ARCH_RA_IS_REGISTER) registers.known &= ~(1u << METE__ARCH_RA);
    return registers;
}

static uint32_t unwind(const void *context) {
    struct mete__unwind_registers registers = interrupted_registers(context);
    struct mete__unwind_reach reach = {0, 0};
    enum mete__unwind_outcome outcome = METE__UNWIND_STEPPED;
    uint32_t count = 0, node = 0, flags = 0;

    while (registers.pc != 0 && count < METE__STACK_DEPTH_MAX) {
        uint64_t *key = &keys[count++];
        *key = key_of(&registers, 0);
        outcome = mete__unwind_exact_step(&registers, &reach);
        if (outcome == METE__UNWIND_NO_TABLE && guess(&registers, &reach))
            outcome = METE__UNWIND_STEPPED;
        if (outcome != METE__UNWIND_STEPPED) break;
    }
    if (outcome != METE__UNWIND_ENDED && registers.pc != 0) flags = METE_NODE_TRUNCATED;
    for (; count > 0; flags = 0) {
        node = mete__tree_child(node, keys[--count] | (uint64_t)flags << METE__TREE_FLAGS_SHIFT);
        if (node == 0) break;
    }
    return node;
}

uint32_t mete__stack_trap(const void *context) {
    if (__atomic_test_and_set(&is_busy, __ATOMIC_ACQUIRE)) return 0;
    uint32_t node = unwind(context);
    __atomic_clear(&is_busy, __ATOMIC_RELEASE);
    return node;
}
