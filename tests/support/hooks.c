/* tests/support/hooks.h */
#include "support/hooks.h"

struct hooks_seen hooks_seen;

static void note(const void *block, const struct mete__record *record,
                 const struct mete__caller *caller) {
    __atomic_store_n(&hooks_seen.block, block, __ATOMIC_RELAXED);
    __atomic_store_n(&hooks_seen.record, record, __ATOMIC_RELAXED);
    __atomic_store_n(&hooks_seen.caller_pc, caller->pc, __ATOMIC_RELAXED);
}

static void allocated(struct mete__cache *cache, struct mete__record *record, void *block,
                      const struct mete__caller *caller) {
    (void)cache;
    record->stack = 7;
    record->sequence = 0;
    record->shard = 0;
    __atomic_add_fetch(&hooks_seen.allocated, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&hooks_seen.allocated_bytes, (size_t)record->size, __ATOMIC_RELAXED);
    note(block, record, caller);
}

static void freed(struct mete__cache *cache, struct mete__record *record, void *block,
                  const struct mete__caller *caller) {
    (void)cache;
    __atomic_add_fetch(&hooks_seen.freed, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&hooks_seen.freed_bytes, (size_t)record->size, __ATOMIC_RELAXED);
    note(block, record, caller);
}

static void failed(struct mete__cache *cache, size_t size, const struct mete__caller *caller) {
    (void)cache;
    (void)size;
    (void)caller;
    __atomic_add_fetch(&hooks_seen.failed, 1, __ATOMIC_RELAXED);
}

static bool misused(enum mete__misuse kind, const void *address, const void *block,
                    size_t block_bytes, const struct mete__record *record,
                    const struct mete__caller *caller) {
    hooks_seen.misuse = kind;
    (void)address;
    (void)block_bytes;
    __atomic_add_fetch(&hooks_seen.misused, 1, __ATOMIC_RELAXED);
    note(block, record, caller);
    return true;
}

static const struct mete__watch_hooks counting = {allocated, freed, failed, misused};

void hooks_watch_all(void) {
    mete__watch_set(METE__WATCH_ALL, 0, &counting);
}

void hooks_watch_sampled(uint64_t sample_bytes) {
    mete__watch_set(METE__WATCH_SAMPLED, sample_bytes, &counting);
}

void hooks_watch_none(void) {
    mete__watch_set(METE__WATCH_NONE, 0, NULL);
}
