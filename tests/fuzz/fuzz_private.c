/*
 * A private heap under any operations, against a list of what it has handed out. A second heap
 * beside it never changes, and the general one serves frees of both.
 */
#include <errno.h>
#include <mete/heap.h>
#include <mete/malloc.h>
#include <stdlib.h>
#include <string.h>

#include "heap/audit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SLOTS = 600, OPERATIONS_MAX = 2000, LARGE = 400000 };

static struct slot {
    unsigned char *block; /* NULL: none */
    size_t size;
    unsigned char mark; /* its first and last 64 bytes */
} slots[SLOTS];
static size_t live;
static unsigned marks; /* given out */
static mete_heap *heap;
static mete_heap_options options;

static const uint8_t *input;
static size_t left;

static void expect(bool truth) {
    if (!truth) abort();
}

static unsigned argument(void) {
    if (left == 0) return 0;
    left--;
    return *input++;
}

/* Small ones mostly; and some of each other kind. */
static size_t any_size(void) {
    unsigned kind = argument(), low = argument();
    if (kind < 200) return kind % 8 * 40 + low % 64;
    if (kind < 235) return low * 30;
    if (kind < 250) return low * 300;
    return kind < 254 ? low * (LARGE / 255) : SIZE_MAX - low;
}

static size_t edge(const struct slot *slot) {
    return slot->size < 64 ? slot->size : 64;
}

static void fill(struct slot *slot) {
    slot->mark = (unsigned char)++marks;
    memset(slot->block, slot->mark, edge(slot));
    memset(slot->block + slot->size - edge(slot), slot->mark, edge(slot));
}

static void check(const struct slot *slot, size_t kept) {
    for (size_t i = 0; i < edge(slot) && i < kept; i++) expect(slot->block[i] == slot->mark);
}

static void hold(struct slot *slot, unsigned char *block, size_t size) {
    if (block == NULL) {
        expect(errno == ENOMEM || (options.max_bytes != 0 && errno == ENOBUFS));
        return;
    }
    expect((uintptr_t)block % 16 == 0 && mete_heap_usable_size(heap, block) >= size);
    *slot = (struct slot){.block = block, .size = size};
    fill(slot);
    live++;
}

static void allocate(struct slot *slot) {
    size_t size = any_size();
    unsigned how = argument();

    if (slot->block != NULL) return;
    if (how % 4 == 0) {
        unsigned char *block = mete_heap_calloc(heap, 1, size);
        for (size_t i = 0; block != NULL && i < size; i += 1 + size / 64) expect(block[i] == 0);
        hold(slot, block, size);
    } else if (how % 4 == 1) {
        size_t align = (size_t)1 << how / 4 % 18;
        unsigned char *block = mete_heap_aligned_alloc(heap, align, size);
        expect((uintptr_t)block % align == 0);
        hold(slot, block, size);
    } else {
        hold(slot, mete_heap_alloc(heap, size), size);
    }
}

static void release(struct slot *slot) {
    if (slot->block == NULL) return;
    check(slot, slot->size);
    expect(mete_heap_contains(heap, slot->block));
    if (argument() % 3 == 0)
        mete_free(slot->block);
    else
        mete_heap_free(heap, slot->block);
    slot->block = NULL;
    live--;
}

static void resize(struct slot *slot) {
    size_t size = any_size(), kept = slot->size < size ? slot->size : size;

    if (slot->block == NULL || size == 0) return;
    void *block = argument() % 3 == 0 ? mete_realloc(slot->block, size)
                                      : mete_heap_realloc(heap, slot->block, size);
    if (block == NULL) {
        check(slot, slot->size);
        return;
    }
    slot->block = block;
    check(slot, kept);
    slot->size = size;
    fill(slot);
}

static void forget_all(void) {
    memset(slots, 0, sizeof slots);
    live = 0;
}

static bool is_held(void *context, void *block, size_t size) {
    size_t *seen = context;
    (void)size;
    for (size_t i = 0; i < SLOTS; i++)
        if (slots[i].block == block) {
            ++*seen;
            return true;
        }
    return false;
}

static void look(void) {
    mete_heap_stats stats;
    size_t seen = 0;

    expect(mete_heap_verify(heap) == 0 && mete_heap_stats_read(heap, &stats) == 0);
    expect(stats.live_blocks == live && stats.allocations - stats.frees == live);
    expect(stats.reserved_bytes == stats.live_bytes + stats.free_bytes + stats.metadata_bytes);
    expect(options.max_bytes == 0 || stats.reserved_bytes <= options.max_bytes);
    expect(mete_heap_foreach(heap, is_held, &seen) && seen == live);
}

static void operate(void) {
    unsigned operation = argument(), number = argument() << 8 | argument();
    struct slot *slot = &slots[number % SLOTS];

    switch (operation % 16) {
    case 0:
        if (number % 64 != 0) break;
        mete_heap_reset(heap);
        forget_all();
        break;
    case 1:
        if (number % 16 == 0) look();
        break;
    case 2:
    case 3:
    case 4: resize(slot); break;
    case 5:
    case 6:
    case 7:
    case 8:
    case 9: release(slot); break;
    default: allocate(slot); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct mete__audit_fault fault;

    input = data;
    left = size;
    unsigned kind = argument();
    options = (mete_heap_options){.max_bytes = kind % 3 == 0 ? 400000 + kind * 10000 : 0,
                                  .is_one_thread = kind % 2 == 0};
    mete_heap *other = mete_heap_create(NULL);
    unsigned char *kept = mete_heap_calloc(other, 1, 100);
    heap = mete_heap_create(&options);
    for (int i = 0; i < OPERATIONS_MAX && left > 0; i++) operate();
    look();
    mete_heap_destroy(heap);
    forget_all();
    for (int i = 0; i < 100; i++) expect(kept[i] == 0);
    mete_heap_free(other, kept);
    expect(mete_heap_verify(other) == 0);
    mete_heap_destroy(other);
    expect(mete__audit_heap(&fault));
    return 0;
}
