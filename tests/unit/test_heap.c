/* heap/heap.h: which block an address is in, and walks over blocks and regions. */
#include <string.h>

#include "heap/alloc.h"
#include "support/apart.h"
#include "support/hooks.h"

static const struct mete__caller nobody = {.pc = 0x1000};

static bool finds(const char *address, const void *block, size_t bytes) {
    struct mete__found found;
    return mete__heap_find(address, &found) && found.block == block && found.block_bytes == bytes;
}

/* Blocks of every class, the first of their spans and later ones. */
static void every_byte_of_a_block_leads_to_it(void) {
    for (unsigned c = 0; c < METE__CLASSES; c++) {
        size_t bytes = mete__size_class_bytes(c);
        for (size_t i = 0; i < 9; i++) {
            char *block = mete__alloc(bytes);
            CHECK(block != NULL);
            for (size_t at = 0; at < bytes; at += bytes / 64 + 1)
                CHECK(finds(block + at, block, bytes));
            CHECK(finds(block + bytes - 1, block, bytes));
            CHECK(!finds(block + bytes, block, bytes));
            CHECK(mete__alloc_usable(block, &nobody) == bytes);
        }
    }
}

static void every_byte_of_a_large_block_leads_to_it(void) {
    for (size_t size = 65537; size < (size_t)40 << 20; size *= 3) {
        char *block = mete__alloc(size);
        size_t bytes = mete__alloc_usable(block, &nobody);
        CHECK(bytes >= size && bytes - size < METE__SLICE_SIZE);
        CHECK(finds(block, block, bytes) && finds(block + bytes / 2, block, bytes));
        CHECK(finds(block + bytes - 1, block, bytes));
    }
}

static void what_is_no_block_is_not_found(void) {
    struct mete__found found = {.block = &found};
    static char data[100];
    char *block = mete__alloc(100000);

    mete__alloc_free(block);
    CHECK(!mete__heap_find(block, &found));
    CHECK(!mete__heap_find(data, &found) && !mete__heap_find(&found, &found));
    CHECK(!mete__heap_find(NULL, &found) && !mete__heap_find((void *)UINTPTR_MAX, &found));
    CHECK(found.block == &found);
    /* What was never carved is no block yet. */
    char *first = mete__alloc(8192);
    CHECK(finds(first, first, 8192) && !mete__heap_find(first + 7 * 8192, &found));
}

static void a_watched_block_is_found_with_what_was_asked_for(void) {
    struct mete__found found;
    hooks_watch_all();
    char *block = mete__alloc(1000);
    CHECK(mete__heap_find(block + 999, &found) && found.block == block && found.live);
    CHECK(found.requested == 1000 && found.record->size == 1000 && found.block_bytes >= 1001);
    CHECK(mete__heap_locate(block, &found) && found.requested == found.block_bytes);
    char *other = mete__alloc(1000); /* so that the span stays */
    mete__alloc_free(block);
    CHECK(mete__heap_find(block, &found) && found.block == block && !found.live);
    mete__alloc_free(other);
}

struct walk {
    size_t blocks, bytes, stop_at;
};

static bool count_block(void *context, void *block, struct mete__record *record) {
    struct walk *walk = context;
    CHECK(finds(block, block, mete__alloc_usable(block, &nobody)) && record->live);
    walk->blocks++;
    walk->bytes += (size_t)record->size;
    return walk->blocks != walk->stop_at;
}

static void the_walk_meets_live_watched_blocks_and_no_others(void) {
    struct walk walk = {.blocks = 0};
    char *blocks[200];

    (void)mete__alloc(50); /* not watched */
    hooks_watch_all();
    for (size_t i = 0; i < 200; i++) blocks[i] = mete__alloc(i * 700);
    for (size_t i = 0; i < 200; i += 2) mete__alloc_free(blocks[i]);
    CHECK(mete__heap_each_watched(count_block, &walk));
    CHECK(walk.blocks == 100 && walk.bytes == 100 * 100 * 700);
    walk = (struct walk){.stop_at = 10};
    CHECK(!mete__heap_each_watched(count_block, &walk) && walk.blocks == 10);
}

struct bounds {
    uintptr_t low, high;
    size_t regions;
};

static void look_at_region(void *context, uintptr_t start, size_t size) {
    struct bounds *bounds = context;
    if (start <= bounds->low && bounds->high <= start + size) bounds->regions++;
}

static void blocks_lie_within_the_bounds_and_those_in_a_region(void) {
    struct bounds bounds;
    mete__heap_bounds(&bounds.low, &bounds.high);
    CHECK(bounds.low == bounds.high); /* there is none yet */
    uintptr_t small = (uintptr_t)mete__alloc(10), large = (uintptr_t)mete__alloc(3000000);
    mete__heap_bounds(&bounds.low, &bounds.high);
    CHECK(bounds.low <= small && small < bounds.high);
    CHECK(bounds.low <= large && large + 3000000 <= bounds.high);
    bounds.regions = 0;
    mete__heap_each_region(look_at_region, &bounds);
    CHECK(bounds.regions == 1);
}

static void a_cache_keeps_what_its_watcher_put_there(void) {
    static int mark;
    struct mete__cache *cache = mete__cache_enter();
    void **slot = mete__cache_watcher_slot(cache);
    CHECK(*slot == NULL);
    *slot = &mark;
    mete__cache_leave(cache);
    CHECK(*mete__cache_watcher_slot(mete__cache_self) == &mark);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(every_byte_of_a_block_leads_to_it),
        FACT(every_byte_of_a_large_block_leads_to_it),
        FACT(what_is_no_block_is_not_found),
        FACT(a_watched_block_is_found_with_what_was_asked_for),
        FACT(the_walk_meets_live_watched_blocks_and_no_others),
        FACT(blocks_lie_within_the_bounds_and_those_in_a_region),
        FACT(a_cache_keeps_what_its_watcher_put_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
