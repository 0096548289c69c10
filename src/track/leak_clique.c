/* track/leak_clique.h */
#include "track/leak_clique.h"

#include <errno.h>

#include "heap/heap.h"
#include "os/memory.h"

enum { DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS };

struct lost {
    uint64_t birth; /* shard and its count of allocations: exact within a thread, any order between
                       them */
    void *block;
    struct mete__record *record;
};

struct list {
    struct lost *blocks;
    struct lost *spare; /* as long; for sorting */
    size_t count;
    size_t capacity;
    uint64_t differing; /* bits in which the births differ from the first one */
};

static bool add_lost(void *context, void *block, struct mete__record *record) {
    struct list *list = context;

    if (record->mark != METE__LEAK_LOST) return true;
    if (list->count == list->capacity) return false; /* born since they were counted: not a leak */
    uint64_t birth = (uint64_t)record->shard << 32 | record->sequence;
    list->blocks[list->count++] = (struct lost){birth, block, record};
    list->differing |= birth ^ list->blocks[0].birth;
    return true;
}

/* One pass of a radix sort: stable, by the digit at `shift`, from blocks to spare, which change
 * places. */
static void sort_by_digit(struct list *list, unsigned shift) {
    size_t starts[DIGITS] = {0};
    size_t sum = 0;

    for (size_t i = 0; i < list->count; i++)
        starts[list->blocks[i].birth >> shift & (DIGITS - 1)]++;
    for (size_t i = 0; i < DIGITS; i++) {
        size_t count = starts[i];
        starts[i] = sum;
        sum += count;
    }
    for (size_t i = 0; i < list->count; i++)
        list->spare[starts[list->blocks[i].birth >> shift & (DIGITS - 1)]++] = list->blocks[i];
    struct lost *sorted = list->spare;
    list->spare = list->blocks;
    list->blocks = sorted;
}

static void sort(struct list *list) {
    for (unsigned shift = 0; shift < 64; shift += DIGIT_BITS)
        if ((list->differing >> shift & (DIGITS - 1)) != 0) sort_by_digit(list, shift);
}

int mete__leak_clique_divide(struct mete__leak_scan *scan) {
    struct list list = {.capacity = (size_t)scan->lost};
    int status = 0;

    if (list.capacity == 0) return 0;
    size_t bytes = list.capacity * sizeof *list.blocks;
    list.blocks = mete__memory_map(2 * bytes);
    if (list.blocks == NULL) return -ENOMEM;
    struct lost *memory = list.blocks;
    list.spare = list.blocks + list.capacity;
    status = mete__leak_scan_reserve(scan, list.capacity);
    if (status == 0) {
        mete__heap_each_watched(add_lost, &list);
        sort(&list);
        for (size_t i = 0; i < list.count; i++)
            if (list.blocks[i].record->mark == METE__LEAK_LOST)
                mete__leak_scan_gather(scan, list.blocks[i].block, list.blocks[i].record);
    }
    mete__memory_release(memory, 2 * bytes);
    return status;
}
