/* tests/support/model.h */
#include "support/model.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap/alloc.h"
#include "heap/blocks.h"
#include "heap/heap.h"
#include "heap/slices.h"
#include "support/hooks.h"
#include "support/whole.h"

enum { SLOTS = 192, THREADS = 3, OPERATIONS_MAX = 2000, DEPTH_MAX = 2 };

static const struct mete__caller nobody = {.pc = 0x1000};

/* A block as the model knows it; NULL: none. */
struct slot {
    unsigned char *block;
    size_t size;
    uint32_t seed; /* of its contents */
};

static struct slot slots[SLOTS];
static struct mete__cache *caches[THREADS] = {&mete__cache_empty, &mete__cache_empty,
                                              &mete__cache_empty};
static unsigned current; /* which of the pretended threads runs */
static uint32_t next_seed;

/* What is left of the program. */
struct program {
    const uint8_t *at;
    size_t left;
    size_t operations;
    unsigned depth; /* of real threads */
};

#define OWES(condition)                               \
    do {                                              \
        if (!(condition)) owed(#condition, __LINE__); \
    } while (0)

static _Noreturn void owed(const char *condition, int line) {
    fprintf(stderr, "%s:%d: the heap owes: %s\n", __FILE__, line, condition);
    abort();
}

static uint32_t argument(struct program *program, unsigned bytes) {
    uint32_t value = 0;
    for (; bytes > 0 && program->left > 0; bytes--, program->left--)
        value = value << 8 | *program->at++;
    return value;
}

/* Mostly small, sometimes at an edge, seldom large. */
static size_t size_from(struct program *program) {
    uint32_t choice = argument(program, 1);
    uint32_t value = argument(program, 2);

    if (choice < 120) return value % 1100;
    if (choice < 170) return value % 9000;
    if (choice < 210) return value + value % 3;
    if (choice < 240) return mete__size_class_bytes(value % METE__CLASSES) + value % 3 - 1;
    if (choice < 252) return (size_t)value * 16;
    return (size_t)value * 128;
}

/* ---- contents ---- */

/* A fuzzer that followed each comparison of a loop over bytes would do little else. */
#if defined(__clang__)
#define UNFOLLOWED __attribute__((no_sanitize("coverage")))
#else
#define UNFOLLOWED
#endif

/* Every byte of small blocks; of large ones the ends, and a byte here and there. */
UNFOLLOWED static size_t step_after(size_t at, size_t size) {
    if (at < 4096 || at + 64 >= size) return 1;
    return size < 65536 ? 509 : 16381;
}

UNFOLLOWED static unsigned char byte_at(uint32_t seed, size_t at) {
    return (unsigned char)((seed + at) * 2654435761u >> 24);
}

UNFOLLOWED static void fill(const struct slot *slot, size_t from) {
    for (size_t at = from; at < slot->size; at += step_after(at, slot->size))
        slot->block[at] = byte_at(slot->seed, at);
}

UNFOLLOWED static void check_contents(const struct slot *slot, size_t to) {
    for (size_t at = 0; at < to; at += step_after(at, slot->size))
        OWES(slot->block[at] == byte_at(slot->seed, at));
}

/* One comparison, and so no loop to follow. */
static void check_zero(const unsigned char *block, size_t size) {
    OWES(size == 0 || (block[0] == 0 && memcmp(block, block + 1, size - 1) == 0));
}

/* ---- blocks ---- */

static void adopt(struct slot *slot, void *block, size_t size, size_t align) {
    struct mete__found found;

    OWES(block != NULL);
    OWES((uintptr_t)block % (align > 16 ? align : 16) == 0);
    OWES(mete__alloc_usable(block, &nobody) >= size);
    OWES(mete__heap_find(block, &found) && found.block == block && found.live);
    OWES(found.block_bytes >= size);
    OWES(found.record == NULL || found.requested == size);
    *slot = (struct slot){.block = block, .size = size, .seed = next_seed++ * 7919};
    fill(slot, 0);
}

static void release(struct slot *slot) {
    if (slot->block == NULL) return;
    check_contents(slot, slot->size);
    errno = 17;
    mete__alloc_free(slot->block);
    OWES(errno == 17);
    slot->block = NULL;
}

static struct slot *slot_from(struct program *program) {
    return &slots[argument(program, 1) % SLOTS];
}

static void op_malloc(struct program *program) {
    struct slot *slot = slot_from(program);
    size_t size = size_from(program);
    release(slot);
    adopt(slot, mete__alloc(size), size, 16);
}

/* Many of one size, so that spans fill up. */
static void op_fill(struct program *program) {
    size_t first = argument(program, 1), count = argument(program, 1) % 80;
    uint32_t choice = argument(program, 1);
    size_t size = choice < 200 ? mete__size_class_bytes(40 + choice % 40) : choice;
    for (size_t i = first; i < first + count; i++) {
        release(&slots[i % SLOTS]);
        adopt(&slots[i % SLOTS], mete__alloc(size), size, 16);
    }
}

/* Every stride-th of a row. */
static void op_thin_out(struct program *program) {
    size_t first = argument(program, 1), count = argument(program, 1) % 80;
    size_t stride = 1 + argument(program, 1) % 4;
    for (size_t i = first; i < first + count; i += stride) release(&slots[i % SLOTS]);
}

static void op_calloc(struct program *program) {
    struct slot *slot = slot_from(program);
    size_t size = size_from(program);
    release(slot);
    unsigned char *block = mete__alloc_zeroed_for(size, &nobody);
    OWES(block != NULL);
    check_zero(block, size);
    adopt(slot, block, size, 16);
}

static void op_memalign(struct program *program) {
    struct slot *slot = slot_from(program);
    size_t size = size_from(program);
    size_t align = (size_t)1 << argument(program, 1) % 22;
    release(slot);
    adopt(slot, mete__alloc_aligned_for(size, align, &nobody), size, align);
}

static void resize(struct slot *slot, size_t size) {
    struct slot before = *slot;

    if (before.block != NULL && size == 0) {
        check_contents(slot, slot->size);
        OWES(mete__alloc_resize(before.block, 0) == NULL);
        slot->block = NULL;
        return;
    }
    unsigned char *block = mete__alloc_resize(before.block, size);
    OWES(block != NULL);
    if (before.block == NULL) {
        adopt(slot, block, size, 16);
        return;
    }
    slot->block = block;
    check_contents(slot, before.size < size ? before.size : size);
    adopt(slot, block, size, 16);
}

static void op_realloc(struct program *program) {
    struct slot *slot = slot_from(program);
    resize(slot, size_from(program));
}

/* As a few arrays that grow for long, and are cut at last. */
static void op_grow(struct program *program) {
    struct slot *slot = &slots[argument(program, 1) % 4 * (SLOTS / 4)];
    size_t size = slot->block == NULL ? 300000 : slot->size + slot->size / 2 + 1;
    resize(slot, size < (size_t)2 << 20 ? size : size / 4);
}

static void op_free(struct program *program) {
    release(slot_from(program));
}

static void op_free_many(struct program *program) {
    size_t stride = 1 + argument(program, 1) % 8;
    for (size_t i = argument(program, 1) % stride; i < SLOTS; i += stride) release(&slots[i]);
}

static void op_impossible(struct program *program) {
    size_t size = (size_t)PTRDIFF_MAX - argument(program, 2) + 1000;
    struct slot *slot = slot_from(program);

    errno = 0;
    OWES(mete__alloc(size) == NULL && errno == ENOMEM);
    errno = 0;
    OWES(mete__alloc_aligned_for(size, 4096, &nobody) == NULL && errno == ENOMEM);
    if (slot->block == NULL) return;
    errno = 0;
    OWES(mete__alloc_resize(slot->block, size) == NULL && errno == ENOMEM);
    check_contents(slot, slot->size);
}

/* ---- looking ---- */

static void op_find(struct program *program) {
    const struct slot *slot = slot_from(program);
    struct mete__found found;
    uint32_t where = argument(program, 3);

    if (slot->block == NULL) {
        (void)mete__heap_find((char *)mete__region_home.base + (size_t)where * 4096, &found);
        return;
    }
    size_t offset = slot->size == 0 ? 0 : where % slot->size;
    OWES(mete__heap_find(slot->block + offset, &found));
    OWES(found.block == slot->block && found.live);
}

struct watched_sum {
    unsigned long blocks;
    size_t bytes;
};

static bool add_watched(void *context, void *block, struct mete__record *record) {
    struct watched_sum *sum = context;
    struct mete__found found;
    OWES(mete__heap_find(block, &found) && found.record == record);
    sum->blocks++;
    sum->bytes += (size_t)record->size;
    return true;
}

static void op_audit(struct program *program) {
    struct watched_sum sum = {0, 0};
    if (argument(program, 1) % 8 == 1 ? !whole_deeply() : !whole()) abort();
    mete__heap_each_watched(add_watched, &sum);
    OWES(sum.blocks == hooks_seen.allocated - hooks_seen.freed);
    OWES(sum.bytes == hooks_seen.allocated_bytes - hooks_seen.freed_bytes);
}

/* ---- settings and threads ---- */

static void op_trim(struct program *program) {
    struct mete__cache *cache = mete__cache_enter();
    OWES(cache != NULL);
    mete__blocks_trim(cache);
    mete__cache_leave(cache);
    if (argument(program, 1) % 2 == 0) mete__slices_purge();
}

static void op_watch(struct program *program) {
    uint32_t choice = argument(program, 1);
    if (choice < 80)
        hooks_watch_none();
    else if (choice < 160)
        hooks_watch_all();
    else
        hooks_watch_sampled((uint64_t)64 << choice % 16);
}

static void op_switch(struct program *program) {
    caches[current] = mete__cache_self;
    current = argument(program, 1) % THREADS;
    mete__cache_self = caches[current];
}

static void operate(struct program *program);

static void *live_for_a_while(void *context) {
    struct program *program = context;
    for (uint32_t count = argument(program, 1) % 64; count > 0 && program->left > 0; count--)
        operate(program);
    return NULL;
}

/* The pretended threads belong to the real one that pretends: another may not touch them. */
static void op_thread(struct program *program) {
    pthread_t thread;
    if (program->depth == DEPTH_MAX) return;
    program->depth++;
    OWES(pthread_create(&thread, NULL, live_for_a_while, program) == 0);
    pthread_join(thread, NULL);
    program->depth--;
}

static void operate(struct program *program) {
    static void (*const operations[])(struct program *) = {
        op_malloc, op_malloc, op_malloc,     op_grow,     op_calloc,  op_calloc,
        op_free,   op_free,   op_free,       op_free,     op_realloc, op_realloc,
        op_find,   op_grow,   op_impossible, op_memalign,
    };
    static void (*const rare[])(struct program *) = {
        op_watch, op_thread, op_trim, op_audit, op_free_many, op_fill, op_thin_out, op_fill,
    };
    uint32_t choice = argument(program, 1);

    if (program->operations++ >= OPERATIONS_MAX)
        program->left = 0;
    else if (choice >= 232)
        rare[choice % 8](program);
    else if (choice >= 222 && program->depth == 0)
        op_switch(program);
    else
        operations[choice % 16](program);
}

void model_run(const uint8_t *bytes, size_t size) {
    struct program program = {.at = bytes, .left = size};

    while (program.left > 0) operate(&program);
    for (size_t i = 0; i < SLOTS; i++) release(&slots[i]);
    hooks_watch_none();
    for (unsigned thread = 0; thread < THREADS; thread++) {
        op_switch(&(struct program){.at = (const uint8_t[]){(uint8_t)thread}, .left = 1});
        op_trim(&(struct program){.left = 0}); /* takes in what the others have freed */
    }
    op_audit(&program);
    OWES(hooks_seen.allocated == hooks_seen.freed);
}
