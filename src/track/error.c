/* track/error.h */
#include "track/error.h"

#include "os/process.h"
#include "profile/writer.h"
#include "track/modules.h"
#include "track/stack.h"
#include "track/tree.h"

/* The program is about to die: a memo of its own disturbs nobody's, and need not be given back. */
static uint32_t stack_of(const struct mete__caller *caller) {
    struct mete__stack_memo *memo = mete__stack_memo_create();
    return memo == NULL ? 0 : mete__stack_capture(memo, caller);
}

/* All that is known of an earlier free is the address it was called from: a stack of one frame. */
static uint32_t stack_of_one(uintptr_t pc) {
    struct mete__module module;
    uint32_t generation = mete__modules_find(pc, &module) ? module.generation : 0;
    return pc == 0 ? 0 : mete__tree_child(0, mete__tree_key(pc, generation, METE_NODE_TRUNCATED));
}

void mete__error_note(const struct mete__error *error) {
    const struct mete__record *record = error->record;
    struct mete_profile_error entry = {
        .kind = error->kind,
        .stack = stack_of(error->caller),
        .address = error->address,
        .block_bytes = error->block_bytes,
        .offset = error->block != 0 ? (int64_t)(error->address - error->block) : 0,
        .thread = mete__process_thread_id(),
    };
    if (record != NULL) {
        entry.allocated_at = record->stack;
        if (record->live)
            entry.block_bytes = record->size;
        else
            entry.freed_at = stack_of_one((uintptr_t)record->freed_by);
    }
    if (mete__writer_append(METE_SECTION_ERRORS, &entry) < 0)
        __atomic_add_fetch(&mete__writer_header()->dropped_errors, 1, __ATOMIC_RELAXED);
}
