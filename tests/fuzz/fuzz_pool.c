/*
 * A pool under any operations, mistakes among them, against a list of what it has handed out.
 *
 * A shared one is used by several threads, which take turns as the input says: so the same input
 * does the same each time, and the list is right after each step.
 */
#include <errno.h>
#include <mete/pool.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/steps.h"
#include "os/checkers.h"

enum { SLOTS = 700, OPERATIONS_MAX = 1500, LARGEST = 300, MANY = 250, WORKERS = 3 };

struct slot {
    unsigned char *block; /* NULL: none */
    mete_pool_handle handle;
    unsigned char mark; /* each of its bytes */
};

static struct slot slots[SLOTS];
static size_t live, peak;
static unsigned marks; /* given out */
static mete_pool *pool;
static mete_pool_options options;
static mete_pool_error last_fault;
static size_t faults;      /* told since the last look */
static size_t constructed; /* and not destructed */
static bool construct_fails;
static void *stale; /* freed last */
static mete_pool_handle stale_handle;
static bool trimmed; /* since then */

static int construct(void *context, void *block) {
    expect(context == &options && block != NULL);
    if (construct_fails) return EPERM;
    constructed++;
    return 0;
}

static void destruct(void *context, void *block) {
    expect(context == &options && block != NULL);
    constructed--;
}

static void on_error(void *context, const mete_pool_error *error) {
    expect(context == &options && strcmp(error->pool, "fuzzed") == 0);
    last_fault = *error;
    faults++;
}

static struct slot *slot_of(const void *block) {
    for (size_t i = 0; i < SLOTS; i++)
        if (slots[i].block == block) return &slots[i];
    return NULL;
}

/* ---- threads that take turns ---- */

struct worker {
    pthread_t thread;
    sem_t turn, done;
    void (*job)(void); /* NULL: to end */
    bool runs;
};

static struct worker workers[WORKERS];

static void *work(void *argument) {
    struct worker *worker = argument;

    for (;;) {
        while (sem_wait(&worker->turn) != 0) continue;
        if (worker->job == NULL) return NULL;
        worker->job();
        expect(sem_post(&worker->done) == 0);
    }
}

static void start_worker(struct worker *worker) {
    if (worker->runs) return;
    expect(sem_init(&worker->turn, 0, 0) == 0 && sem_init(&worker->done, 0, 0) == 0);
    expect(pthread_create(&worker->thread, NULL, work, worker) == 0);
    worker->runs = true;
}

/* Its blocks at hand go back to the pool. */
static void end_worker(struct worker *worker) {
    if (!worker->runs) return;
    worker->job = NULL;
    expect(sem_post(&worker->turn) == 0);
    expect(pthread_join(worker->thread, NULL) == 0);
    worker->runs = false;
}

/* On the thread of this number, or on this one. */
static void run_on(unsigned number, void (*job)(void)) {
    if (!options.shared || number % (WORKERS + 1) == WORKERS) {
        job();
        return;
    }
    struct worker *worker = &workers[number % (WORKERS + 1)];
    start_worker(worker);
    worker->job = job;
    expect(sem_post(&worker->turn) == 0);
    while (sem_wait(&worker->done) != 0) continue;
}

/* ---- blocks come and go ---- */

/* What is handed out is nobody else's: no other block begins there, and their bytes stay. */
static void take(unsigned char *block) {
    struct slot *slot = slot_of(NULL);

    expect(slot_of(block) == NULL && (uintptr_t)block % options.block_align == 0);
    expect(mete_pool_contains(pool, block) &&
           mete_pool_contains(pool, block + options.block_size - 1));
    *slot = (struct slot){block, mete_pool_handle_of(pool, block), (unsigned char)++marks};
    expect((slot->handle != 0) == options.handles);
    expect(!options.handles || slot->handle != stale_handle);
    memset(block, slot->mark, options.block_size);
    live++;
    if (live > peak) peak = live;
    if (block == stale) stale = NULL;
}

/* Looks at the block for the last time. */
static void *give(struct slot *slot) {
    unsigned char *block = slot->block;

    expect(block[0] == slot->mark && memcmp(block, block + 1, options.block_size - 1) == 0);
    if (options.handles) expect(mete_pool_get(pool, slot->handle) == block);
    stale = block;
    stale_handle = slot->handle;
    trimmed = false;
    slot->block = NULL;
    live--;
    return block;
}

/* Whether the pool has a reason not to hand out `count` blocks, of which errno or status tells. */
static bool may_refuse(int error, size_t count) {
    if (error == EPERM) return construct_fails;
    if (error != ENOBUFS) return false;
    return options.max_bytes != 0 || (options.max_blocks != 0 && live + count > options.max_blocks);
}

static mete_pool_stats figures(void) {
    mete_pool_stats stats;
    expect(mete_pool_stats_read(pool, &stats) == 0);
    return stats;
}

/* What was refused has not been. */
static void expect_only_failure(const mete_pool_stats *before) {
    mete_pool_stats after = figures();
    expect(after.live_blocks == before->live_blocks && after.peak_blocks == before->peak_blocks);
    expect(after.allocations == before->allocations && after.frees == before->frees);
    expect(after.failures == before->failures + 1);
}

static void allocate(bool zeroed) {
    unsigned char *block;
    mete_pool_handle handle = 0;

    if (live == SLOTS) return;
    mete_pool_stats before = figures();
    if (options.handles && !zeroed && marks % 2 == 0)
        block = mete_pool_alloc_handle(pool, &handle);
    else
        block = zeroed ? mete_pool_zalloc(pool) : mete_pool_alloc(pool);
    if (block == NULL) {
        expect(may_refuse(errno, 1));
        if (!options.shared) expect_only_failure(&before);
        return;
    }
    expect(handle == 0 || handle == mete_pool_handle_of(pool, block));
    expect(!construct_fails && (options.max_blocks == 0 || live < options.max_blocks));
    if (zeroed) expect(block[0] == 0 && memcmp(block, block + 1, options.block_size - 1) == 0);
    take(block);
}

static void allocate_many(size_t count) {
    void *blocks[MANY] = {NULL};

    if (live + count > SLOTS) return;
    mete_pool_stats before = figures();
    int status = mete_pool_alloc_many(pool, blocks, count);
    if (status != 0) {
        expect(may_refuse(-status, count));
        for (size_t i = 0; i < MANY; i++) expect(blocks[i] == NULL);
        expect_only_failure(&before);
        return;
    }
    for (size_t i = 0; i < count; i++) take(blocks[i]);
}

static void free_many(size_t first, size_t count) {
    void *blocks[MANY];
    size_t found = 0;

    for (size_t i = first; i < SLOTS && found < count; i++)
        if (slots[i].block != NULL) blocks[found++] = give(&slots[i]);
    mete_pool_free_many(pool, blocks, found);
}

/* What is reserved cannot fail. */
static void reserve(size_t count) {
    if (live + count > SLOTS) return;
    uint64_t slabs = figures().slabs;
    int status = mete_pool_reserve(pool, count);
    if (status != 0) {
        expect(may_refuse(-status, count) && figures().slabs == slabs);
        return;
    }
    if (construct_fails) return;
    for (size_t i = 0; i < count; i++) {
        unsigned char *block = mete_pool_alloc(pool);
        expect(block != NULL);
        take(block);
    }
}

static void forget_all(void) {
    memset(slots, 0, sizeof slots);
    live = 0;
    stale = NULL;
    stale_handle = 0;
}

/* Frees every second block that it is shown. */
static bool visit(void *context, void *block) {
    size_t *seen = context;
    struct slot *slot = slot_of(block);

    expect(slot != NULL);
    if (++*seen % 2 == 0) mete_pool_free(pool, give(slot));
    return true;
}

/* ---- mistakes ---- */

static void expect_fault(enum mete_pool_fault fault, const void *address, size_t offset) {
    expect(faults == 1 && last_fault.fault == fault && last_fault.address == address &&
           last_fault.offset == offset);
    faults = 0;
}

static void free_wrongly(struct slot *slot, size_t offset) {
    char local;

    mete_pool_free(pool, &local);
    expect_fault(METE_POOL_INVALID_FREE, &local, 0);
    if (slot->block != NULL && offset % options.block_size != 0) {
        offset %= options.block_size;
        mete_pool_free(pool, slot->block + offset);
        expect_fault(METE_POOL_INTERIOR_FREE, slot->block + offset, offset);
    }
    if (stale == NULL) return;
    expect(mete_pool_get(pool, stale_handle) == NULL && !mete_pool_contains(pool, stale));
    if (stale_handle != 0) {
        mete_pool_free_handle(pool, stale_handle);
        expect_fault(METE_POOL_DOUBLE_FREE, NULL, 0);
        expect(last_fault.handle == stale_handle);
    }
    mete_pool_free(pool, stale);
    /* Its slab may be gone. */
    bool is_foreign = trimmed && last_fault.fault == METE_POOL_INVALID_FREE;
    expect_fault(is_foreign ? METE_POOL_INVALID_FREE : METE_POOL_DOUBLE_FREE, stale, 0);
}

/* ---- the whole ---- */

static void look(void) {
    mete_pool_stats stats;

    expect(mete_pool_verify(pool) == 0 && mete_pool_stats_read(pool, &stats) == 0);
    expect(stats.live_blocks == live && stats.allocations - stats.frees == live);
    expect(stats.reserved_bytes == stats.live_bytes + stats.free_bytes + stats.metadata_bytes);
    expect(stats.peak_blocks >= live && stats.retired_blocks == 0);
    expect(options.max_bytes == 0 || stats.reserved_bytes <= options.max_bytes);
    expect(options.max_blocks == 0 || stats.peak_blocks <= options.max_blocks);
    expect(options.shared || stats.peak_blocks == peak);
    expect(options.construct == NULL || constructed == live);
}

/* A write that nobody but the pool's next look can see; then it is as if it had not been. */
static void write_to_stale(unsigned offset) {
    if (stale == NULL || trimmed || options.does_not_fill || mete__checkers_listen) return;
    unsigned char *at = (unsigned char *)stale + offset % options.block_size, was = *at;
    *at ^= 0x10;
    expect(mete_pool_verify(pool) == -EILSEQ);
    expect_fault(METE_POOL_WRITE_AFTER_FREE, at, offset % options.block_size);
    *at = was;
}

static void deallocate(struct slot *slot, bool by_handle) {
    if (slot->block == NULL) return;
    mete_pool_handle handle = slot->handle;
    void *block = give(slot);
    if (by_handle && options.handles)
        mete_pool_free_handle(pool, handle);
    else
        mete_pool_free(pool, block);
}

static unsigned operation, number;

static void operate(void) {
    struct slot *slot = &slots[(number * 3u + operation / 16) % SLOTS];
    size_t seen = 0;

    switch (operation % 16) {
    default: allocate(operation % 16 == 0); break;
    case 4:
    case 5:
    case 6: deallocate(slot, operation % 2 == 0); break;
    case 7: allocate_many(number % MANY); break;
    case 8: free_many(number * 3 % SLOTS, operation / 16 * 16u); break;
    case 9: free_wrongly(slot, operation / 16 + 1); break;
    case 10: reserve(number % MANY); break;
    case 11: trimmed = mete_pool_trim(pool) != 0 || trimmed; break;
    case 12:
        if (number % 8 != 0) break;
        mete_pool_reset(pool);
        forget_all();
        break;
    case 13: {
        size_t before = live;
        expect(mete_pool_foreach(pool, visit, &seen) && seen == before);
        break;
    }
    case 14:
        if (operation / 16 % 2 == 0)
            construct_fails = options.construct != NULL && number % 4 == 0;
        else
            write_to_stale(number);
        break;
    case 15: look(); break;
    }
    expect(faults == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    begin(data, size);
    unsigned flags = argument();
    options = (mete_pool_options){.block_size = 1 + argument() * LARGEST / 255,
                                  .block_align = (size_t)1 << argument() % 7,
                                  .max_blocks = flags & 1 ? 1 + argument() : 0,
                                  .max_bytes = flags & 2 ? 16384 + 256 * argument() : 0,
                                  .slab_bytes = flags & 4 ? 0 : 4096,
                                  .shared = flags & 8,
                                  .handles = flags & 16,
                                  .does_not_fill = flags & 64,
                                  .construct = flags & 32 ? construct : NULL,
                                  .destruct = flags & 32 ? destruct : NULL,
                                  .on_error = on_error,
                                  .context = &options,
                                  .name = "fuzzed"};
    pool = mete_pool_create(&options);
    expect(pool != NULL);
    forget_all();
    construct_fails = false;
    constructed = 0;
    peak = 0;
    for (size_t i = 0; i < OPERATIONS_MAX && left > 0; i++) {
        operation = argument();
        number = argument();
        unsigned thread = options.shared ? argument() : 0;
        if (thread >= 250) end_worker(&workers[thread % WORKERS]);
        run_on(thread, operate);
    }
    look();
    mete_pool_destroy(pool);
    expect(constructed == 0 && faults == 0);
    return 0;
}
