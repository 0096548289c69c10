/* tests/support/hooks.h */
#include "support/hooks.h"

struct hooks_seen hooks_seen;

static void note(const void *block, const struct mete__record *record,
                 const struct mete__caller *caller) {
    __atomic_store_n(&hooks_seen.block, block, __ATOMIC_RELAXED);
    __atomic_store_n(&hooks_seen.record, record, __ATOMIC_RELAXED);
    __atomic_store_n(&hooks_seen.caller_pc, caller != NULL ? caller->pc : 0, __ATOMIC_RELAXED);
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
    (void)block_bytes;
    hooks_seen.misuse = kind;
    hooks_seen.address = address;
    __atomic_add_fetch(&hooks_seen.misused, 1, __ATOMIC_RELAXED);
    note(block, record, caller);
    return true;
}

static bool trapped(enum mete__misuse kind, const void *address, const void *block,
                    size_t block_bytes, const struct mete__record *record, const void *context) {
    static const struct mete__caller unknown;
    (void)context;
    return misused(kind, address, block, block_bytes, record, &unknown);
}

static uint32_t stack_of(struct mete__cache *cache, const struct mete__caller *caller) {
    (void)cache;
    (void)caller;
    return 8;
}

static const struct mete__watch_hooks counting = {
    .allocated = allocated,
    .freed = freed,
    .failed = failed,
    .misused = misused,
    .trapped = trapped,
    .stack = stack_of,
};

void hooks_watch_all(void) {
    mete__watch_set(METE__WATCH_ALL, 0, &counting);
}

void hooks_watch_sampled(uint64_t sample_bytes) {
    mete__watch_set(METE__WATCH_SAMPLED, sample_bytes, &counting);
}

void hooks_watch_none(void) {
    mete__watch_set(METE__WATCH_NONE, 0, NULL);
}
