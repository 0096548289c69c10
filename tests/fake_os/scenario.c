/* tests/fake_os/scenario.h */
#include "fake_os/scenario.h"

#include <errno.h>
#include <pthread.h>

#include <mete/heap.h>

#include "heap/alloc.h"
#include "heap/blocks.h"
#include "heap/slices.h"
#include "support/apart.h"
#include "support/hooks.h"
#include "support/whole.h"

enum { BLOCKS = 40 };

static const struct mete__caller nobody = {.pc = 0x1000};
static const size_t sizes[] = {0, 1, 16, 100, 1000, 1024, 1025, 4096, 8192, 9000, 30000, 65536};

static struct {
    char *block;
    size_t size;
} held[BLOCKS];
static size_t refused;

/* Where to go on after `at` in a block: of a large one only the ends are written and looked at. */
static size_t next_byte(size_t at, size_t size) {
    const size_t end = 6000;
    return at + 1 < end || at + end >= size ? at + 1 : size - end;
}

/* A block that has just been asked for becomes number `i`. */
static void hold(size_t i, char *block, size_t size) {
    CHECK(whole());
    if (block == NULL) {
        CHECK(errno == ENOMEM);
        refused++;
    } else {
        for (size_t at = 0; at < size; at = next_byte(at, size)) block[at] = (char)(i + 1);
    }
    held[i].block = block;
    held[i].size = block == NULL ? 0 : size;
    errno = 0;
}

/* `bytes` of them are left. */
static void check_held(size_t i, size_t bytes) {
    for (size_t at = 0; at < bytes; at = next_byte(at, held[i].size))
        CHECK(held[i].block[at] == (char)(i + 1));
}

static void check_zero(const char *block, size_t size) {
    for (size_t at = 0; block != NULL && at < size; at = next_byte(at, size)) CHECK(block[at] == 0);
}

static void drop(size_t i) {
    if (held[i].block != NULL) check_held(i, held[i].size);
    errno = 5;
    mete__alloc_free(held[i].block);
    CHECK(errno == 5);
    CHECK(whole());
    held[i].block = NULL;
    held[i].size = 0;
}

static void resize(size_t i, size_t size) {
    errno = 0;
    char *block = mete__alloc_resize(held[i].block, size);
    if (block == NULL && held[i].block != NULL) {
        CHECK(errno == ENOMEM && whole());
        check_held(i, held[i].size); /* it is still there */
        refused++;
        return;
    }
    size_t kept = held[i].size < size ? held[i].size : size;
    held[i].block = block;
    if (block != NULL) check_held(i, kept);
    hold(i, block, size);
}

static void blocks_of_every_size(void) {
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t size = sizes[i % METE_COUNT_OF(sizes)];
        hold(i, mete__alloc(size), size);
    }
    for (size_t i = 0; i < BLOCKS; i += 2) drop(i);
    for (size_t i = 0; i < BLOCKS; i += 2) {
        size_t size = sizes[(i / 2) % METE_COUNT_OF(sizes)];
        char *block = mete__alloc_zeroed_for(size, &nobody);
        check_zero(block, size);
        hold(i, block, size);
    }
    for (size_t i = 0; i < BLOCKS; i++) drop(i);
}

static void large_blocks(void) {
    for (size_t i = 0; i < 6; i++) {
        size_t size = (i + 1) * 150000;
        char *block = i % 2 == 0 ? mete__alloc(size) : mete__alloc_zeroed_for(size, &nobody);
        if (i % 2 == 1) check_zero(block, size);
        hold(i, block, size);
    }
    for (size_t i = 0; i < 6; i++) resize(i, (i + 2) * 200000); /* some move, some do not */
    for (size_t i = 0; i < 6; i++) resize(i, (i + 1) * 70000);
    for (size_t i = 0; i < 6; i++) resize(i, 300);
    for (size_t i = 0; i < 6; i++) drop(i);
    hold(0, mete__alloc((size_t)12 << 20), (size_t)12 << 20); /* purged at once when it goes */
    drop(0);
    hold(0, mete__alloc_zeroed_for((size_t)12 << 20, &nobody), (size_t)12 << 20);
    drop(0);
}

static void aligned_blocks(void) {
    for (size_t i = 0; i < 18; i++)
        hold(i, mete__alloc_aligned_for(100 * i, (size_t)16 << i, &nobody), 100 * i);
    for (size_t i = 0; i < 18; i++) drop(i);
}

static void *in_thread(void *unused) {
    for (size_t i = 0; i < 8; i++) drop(i); /* another thread's blocks */
    for (size_t i = 8; i < 16; i++) hold(i, mete__alloc(i * 500), i * 500);
    return unused;
}

static void threads(void) {
    pthread_t thread;
    for (size_t i = 0; i < 8; i++) hold(i, mete__alloc(i * 1000), i * 1000);
    CHECK(pthread_create(&thread, NULL, in_thread, NULL) == 0);
    pthread_join(thread, NULL);
    for (size_t i = 8; i < 16; i++) drop(i); /* of a thread that has ended */
}

static void in_child(void *unused) {
    (void)unused;
    for (size_t i = 0; i < 4; i++) drop(i);
    large_blocks();
}

static void forks(void) {
    for (size_t i = 0; i < 4; i++) hold(i, mete__alloc(i * 10000), i * 10000);
    apart_in_child(in_child, NULL);
    for (size_t i = 0; i < 4; i++) drop(i);
}

/* Ends with blocks in it. */
static void private_heap(void) {
    static mete_heap_options options = {.name = "scenario"};
    mete_heap *heap = mete_heap_create(&options);

    CHECK(heap != NULL || errno == ENOMEM);
    if (heap == NULL) refused++;
    for (size_t i = 0; heap != NULL && i < BLOCKS; i++) {
        size_t size = sizes[i % METE_COUNT_OF(sizes)] * (i % 5 == 4 ? 10 : 1);
        errno = 0;
        char *block = i % 3 == 0 ? mete_heap_calloc(heap, 1, size) : mete_heap_alloc(heap, size);
        if (i % 3 == 0) check_zero(block, size);
        hold(i, block, size);
        errno = 0;
        block = mete_heap_realloc(heap, held[i].block, size * 3 + 1);
        if (block == NULL) CHECK(errno == ENOMEM);
        if (block == NULL) refused++;
        if (block != NULL) held[i].block = block;
        if (held[i].size != 0) check_held(i, size);
        CHECK(mete_heap_verify(heap) == 0 && whole());
        if (i % 2 == 0) mete_heap_free(heap, held[i].block);
        held[i].block = NULL;
        held[i].size = 0;
    }
    mete_heap_destroy(heap);
    CHECK(whole());
    errno = 0;
}

static void trim(void) {
    struct mete__cache *cache = mete__cache_enter();
    if (cache != NULL) {
        mete__blocks_trim(cache);
        mete__cache_leave(cache);
    }
    mete__slices_purge();
    CHECK(whole());
}

static void watch_samples(void) {
    hooks_watch_sampled(20000);
}

size_t scenario_run(void) {
    refused = 0;
    void (*const modes[])(void) = {hooks_watch_none, hooks_watch_all, watch_samples};
    for (size_t mode = 0; mode < METE_COUNT_OF(modes); mode++) {
        modes[mode]();
        blocks_of_every_size();
        large_blocks();
        aligned_blocks();
        threads();
        forks();
        private_heap();
        trim();
    }
    hooks_watch_none();
    CHECK(hooks_seen.allocated == hooks_seen.freed);
    CHECK(hooks_seen.allocated_bytes == hooks_seen.freed_bytes);
    CHECK(whole_deeply());
    return refused;
}
