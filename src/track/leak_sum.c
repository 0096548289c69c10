/* track/leak_sum.h: open addressing, linear probing, never more than half full. */
#include "track/leak_sum.h"

#include <errno.h>

#include "os/memory.h"

enum { FIRST_CAPACITY = 1024 };

static struct mete_profile_leak *place_of(struct mete_profile_leak *table, size_t capacity,
                                          uint32_t stack, uint32_t kind) {
    /* Fibonacci hashing (Knuth, volume 3, 6.4): stacks are numbered in a row, which it spreads. */
    uint64_t key = (uint64_t)stack << 2 | (kind - 1);
    size_t at = (size_t)((key * 0x9e3779b97f4a7c15u) >> 32) & (capacity - 1);

    while (table[at].kind != 0 && (table[at].stack != stack || table[at].kind != kind))
        at = (at + 1) & (capacity - 1);
    return &table[at];
}

int mete__leak_sum_begin(struct mete__leak_sums *sums) {
    struct mete_profile_leak *table = mete__memory_map(FIRST_CAPACITY * sizeof *table);
    if (table == NULL) return -ENOMEM;
    *sums = (struct mete__leak_sums){.table = table, .capacity = FIRST_CAPACITY};
    return 0;
}

void mete__leak_sum_end(struct mete__leak_sums *sums) {
    if (sums->table != NULL)
        mete__memory_release(sums->table, sums->capacity * sizeof *sums->table);
    *sums = (struct mete__leak_sums){0};
}

static int grow(struct mete__leak_sums *sums) {
    size_t capacity = sums->capacity * 2;
    struct mete_profile_leak *table = mete__memory_map(capacity * sizeof *table);
    if (table == NULL) return -ENOMEM;

    for (size_t i = 0; i < sums->capacity; i++) {
        const struct mete_profile_leak *old = &sums->table[i];
        if (old->kind != 0) *place_of(table, capacity, old->stack, old->kind) = *old;
    }
    mete__memory_release(sums->table, sums->capacity * sizeof *sums->table);
    sums->table = table;
    sums->capacity = capacity;
    return 0;
}

int mete__leak_sum_add(struct mete__leak_sums *sums, uint32_t stack,
                       enum mete_profile_leak_kind kind, uint64_t bytes) {
    struct mete_profile_leak *place = place_of(sums->table, sums->capacity, stack, kind);

    if (place->kind == 0) {
        if (2 * (sums->count + 1) > sums->capacity) {
            if (grow(sums) != 0) return -ENOMEM;
            place = place_of(sums->table, sums->capacity, stack, kind);
        }
        *place = (struct mete_profile_leak){.stack = stack, .kind = kind};
        sums->count++;
    }
    place->bytes += bytes;
    place->blocks++;
    return 0;
}
