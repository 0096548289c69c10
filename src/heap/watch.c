/* heap/watch.h: the one place that says what is watched, and who is told. */
#include "heap/watch.h"

#include "heap/cache.h"

struct mete__watch mete__watch;

void mete__watch_set_tick(void (*tick)(void)) {
    __atomic_store_n(&mete__watch.tick, tick, __ATOMIC_RELAXED);
}

void mete__watch_set(enum mete__watch_mode mode, uint64_t sample_bytes,
                     const struct mete__watch_hooks *hooks) {
    if (hooks != NULL) __atomic_store_n(&mete__watch.hooks, hooks, __ATOMIC_RELAXED);
    __atomic_store_n(&mete__watch.sample_bytes, sample_bytes, __ATOMIC_RELAXED);
    __atomic_store_n(&mete__watch.mode, mode, __ATOMIC_RELAXED);
    __atomic_add_fetch(&mete__watch.generation, 1, __ATOMIC_RELEASE);
}

void mete__watch_sample_blocks(uint64_t blocks) {
    __atomic_store_n(&mete__watch.sample_blocks, blocks, __ATOMIC_RELAXED);
}
