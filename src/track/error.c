/* track/error.h */
#include "track/error.h"

#include <assert.h>

#include "os/process.h"
#include "profile/writer.h"
#include "track/modules.h"
#include "track/stack.h"
#include "track/stack_trap.h"
#include "track/tree.h"

/* Of errors that the program survives, different ones that are kept: who has more than that has no
 * use for the rest, and each is compared with all before it. */
enum { SURVIVED_MAX = 1000 };

/* A memo for stacks of errors, which disturbs no thread's own; atomic, NULL while somebody has it.
 */
static struct mete__stack_memo *spare_memo;

static uint32_t stack_of_call(const struct mete__caller *caller) {
    struct mete__stack_memo *memo = __atomic_exchange_n(&spare_memo, NULL, __ATOMIC_ACQUIRE);

    if (memo == NULL) memo = mete__stack_memo_create();
    if (memo == NULL) return 0;
    uint32_t stack = mete__stack_capture(memo, caller);
    __atomic_store_n(&spare_memo, memo, __ATOMIC_RELEASE);
    return stack;
}

static uint32_t stack_of(const struct mete__error *error) {
    if (error->context != NULL) return mete__stack_trap(error->context);
    return error->caller != NULL ? stack_of_call(error->caller) : 0;
}

/* Of a block that is free, all that is known of it is the address it was called from: a stack of
 * one frame. */
static uint32_t stack_of_one(uintptr_t pc) {
    struct mete__module module;
    uint32_t generation = mete__modules_find(pc, &module) ? module.generation : 0;
    return pc == 0 ? 0 : mete__tree_child(0, mete__tree_key(pc, generation, METE_NODE_TRUNCATED));
}

/* The first error of the same kind from the same stacks, or NULL. A record that another thread is
 * just about to publish may be missed: then the same is told twice. */
static struct mete_profile_error *find_same(const struct mete_profile_error *entry) {
    uint64_t count = mete__writer_count(METE_SECTION_ERRORS);

    for (uint64_t i = 0; i < count; i++) {
        struct mete_profile_error *other = mete__writer_record(METE_SECTION_ERRORS, i);
        if (other->kind == entry->kind && other->stack == entry->stack &&
            other->allocated_at == entry->allocated_at && other->freed_at == entry->freed_at)
            return other;
    }
    return NULL;
}

/* What makes a live block's free a mismatch. The families have the same numbers in the profile. */
static void fill_mismatch(struct mete_profile_error *entry, const struct mete__error *error) {
    static_assert((int)METE__FAMILY_NEW_ARRAY == (int)METE_FAMILY_NEW_ARRAY, "the same numbers");
    entry->allocated_by = error->record->family;
    entry->freed_by = (uint8_t)error->caller->family;
    entry->said_bytes = error->caller->said_size;
}

bool mete__error_note(const struct mete__error *error) {
    const struct mete__record *record = error->record;
    struct mete_profile_error entry = {
        .kind = error->kind,
        .stack = stack_of(error),
        .address = error->address,
        .block_bytes = error->block_bytes,
        .offset = error->block != 0 ? (int64_t)(error->address - error->block) : 0,
        .thread = mete__process_thread_id(),
    };
    if (record != NULL) {
        entry.allocated_at = record->stack;
        entry.block_bytes = mete__record_size(record, error->block_bytes);
        if (record->held && !record->live)
            entry.freed_at = record->freed_at;
        else if (!record->live)
            entry.freed_at = stack_of_one((uintptr_t)record->freed_by);
    }
    if (error->kind == METE_ERROR_MISMATCHED_FREE && record != NULL) fill_mismatch(&entry, error);
    struct mete_profile_error *same = find_same(&entry);
    if (same != NULL) {
        __atomic_add_fetch(&same->repeats, 1, __ATOMIC_RELAXED);
        return false;
    }
    bool is_survived = error->kind >= METE_ERROR_MISMATCHED_FREE && error->context == NULL;
    if ((!is_survived || mete__writer_count(METE_SECTION_ERRORS) < SURVIVED_MAX) &&
        mete__writer_append(METE_SECTION_ERRORS, &entry) >= 0)
        return true;
    __atomic_add_fetch(&mete__writer_header()->dropped_errors, 1, __ATOMIC_RELAXED);
    return false;
}
