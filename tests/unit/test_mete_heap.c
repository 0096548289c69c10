/* mete/heap.h: private heaps, alone, between threads, across fork, and misused. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mete/heap.h>
#include <mete/malloc.h>
#include <mete/stats.h>
#include <mete/track.h>

#include "heap/audit.h"
#include "heap/private.h"
#include "heap/slices.h"
#include "os/checkers.h"
#include "support/apart.h"

static mete_heap *heap_of(mete_heap_options options) {
    mete_heap *heap = mete_heap_create(&options);
    CHECK(heap != NULL);
    return heap;
}

static mete_heap_stats stats_of(const mete_heap *heap) {
    mete_heap_stats stats;

    CHECK(mete_heap_stats_read(heap, &stats) == 0);
    CHECK(stats.reserved_bytes == stats.live_bytes + stats.free_bytes + stats.metadata_bytes);
    CHECK(stats.allocations - stats.frees == stats.live_blocks);
    CHECK(stats.peak_bytes >= stats.live_bytes);
    return stats;
}

static void check_all(void) {
    struct mete__audit_fault fault;
    char buffer[400];
    struct mete__text text = mete__text_in(buffer, sizeof buffer);

    if (mete__audit_heap(&fault)) return;
    mete__audit_explain(&fault, &text);
    apart_broken(__FILE__, __LINE__, buffer);
}

/* The heap is whole, and so is the general one beside it. */
static void check_whole(const mete_heap *heap) {
    CHECK(mete_heap_verify(heap) == 0);
    check_all();
}

/* Sizes of every class and beyond. */
static size_t next_size(size_t size) {
    return size + size / 7 + 1;
}
enum { SIZE_MOST = 6 << 20 };

/* ---- blocks ---- */

static void blocks_of_all_sizes_are_aligned_and_keep_what_is_written(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 0});
    unsigned char *blocks[300];
    size_t count = 0;

    for (size_t size = 0; size < SIZE_MOST; size = next_size(size), count++) {
        blocks[count] = mete_heap_alloc(heap, size);
        CHECK(blocks[count] != NULL && (uintptr_t)blocks[count] % 16 == 0);
        CHECK(mete_heap_usable_size(heap, blocks[count]) >= size);
        memset(blocks[count], (int)count, size);
    }
    CHECK(stats_of(heap).live_blocks == count);
    check_whole(heap);
    size_t at = 0;
    for (size_t size = 0; size < SIZE_MOST; size = next_size(size), at++) {
        if (size > 0) CHECK(blocks[at][0] == (unsigned char)at);
        if (size > 0) CHECK(blocks[at][size - 1] == (unsigned char)at);
        mete_heap_free(heap, blocks[at]);
    }
    CHECK(stats_of(heap).live_blocks == 0 && stats_of(heap).live_bytes == 0);
    check_whole(heap);
    mete_heap_destroy(heap);
}

static void calloc_zeroes_what_was_used_before(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 0});

    for (int round = 0; round < 2; round++)
        for (size_t size = 1; size < SIZE_MOST; size *= 3) {
            unsigned char *block = mete_heap_calloc(heap, 1, size);
            CHECK(block[0] == 0 && block[size / 2] == 0 && block[size - 1] == 0);
            memset(block, 0xff, size);
            mete_heap_free(heap, block);
        }
    errno = 0;
    volatile size_t many = SIZE_MAX / 2;
    CHECK(mete_heap_calloc(heap, many, 3) == NULL && errno == ENOMEM);
    mete_heap_destroy(heap);
}

static void aligned_blocks_are_aligned(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 0});

    for (size_t align = 1; align <= (size_t)1 << 21; align *= 2)
        for (size_t size = 0; size < 200000; size = size * 5 + 7) {
            char *block = mete_heap_aligned_alloc(heap, align, size);
            CHECK(block != NULL && (uintptr_t)block % align == 0);
            if (size % 2 == 0) mete_heap_free(heap, block);
        }
    check_whole(heap);
    errno = 0;
    volatile size_t odd = 48;
    CHECK(mete_heap_aligned_alloc(heap, odd, 8) == NULL && errno == EINVAL);
    odd = 0;
    CHECK(mete_heap_aligned_alloc(heap, odd, 8) == NULL && errno == EINVAL);
    mete_heap_destroy(heap);
}

static void realloc_keeps_contents_at_every_step(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 0});
    unsigned char *block = NULL;
    size_t before = 0;

    for (size_t size = 1; size < SIZE_MOST; size = next_size(size)) {
        block = mete_heap_realloc(heap, block, size);
        CHECK(block != NULL);
        for (size_t i = 0; i < before; i += before / 50 + 1) CHECK(block[i] == (i * 7 & 255));
        for (size_t i = 0; i < size; i++) block[i] = (unsigned char)(i * 7);
        CHECK(stats_of(heap).live_blocks == 1);
        CHECK(mete_heap_contains(heap, block + size - 1));
        before = size;
    }
    check_whole(heap);
    for (size_t size = before; size > 0; size = size * 3 / 5) {
        block = mete_heap_realloc(heap, block, size);
        for (size_t i = 0; i < size; i += size / 50 + 1) CHECK(block[i] == (i * 7 & 255));
    }
    CHECK(mete_heap_realloc(heap, block, 0) == NULL);
    CHECK(stats_of(heap).live_blocks == 0);
    check_whole(heap);
    mete_heap_destroy(heap);
}

/* The plain functions keep a block in its heap. */
static void free_and_realloc_of_the_general_heap_know_whose_a_block_is(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 0});

    for (size_t size = 10; size < SIZE_MOST; size *= 7) {
        char *block = mete_heap_alloc(heap, size);
        CHECK(mete_usable_size(block) == mete_heap_usable_size(heap, block));
        block[size - 1] = 'x';
        block = mete_realloc(block, size * 2);
        CHECK(block[size - 1] == 'x' && mete_heap_contains(heap, block));
        CHECK(stats_of(heap).live_blocks == 1);
        mete_free(block);
        CHECK(stats_of(heap).live_blocks == 0);
    }
    check_whole(heap);
    mete_heap_destroy(heap);
}

static void impossible_sizes_are_refused(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 0});
    volatile size_t sizes[] = {SIZE_MAX, SIZE_MAX - 100, (size_t)PTRDIFF_MAX, (size_t)1 << 62};
    char *block = mete_heap_alloc(heap, 100);

    block[99] = 'x';
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        errno = 0;
        CHECK(mete_heap_alloc(heap, sizes[i]) == NULL && errno == ENOMEM);
        CHECK(mete_heap_calloc(heap, 1, sizes[i]) == NULL && errno == ENOMEM);
        CHECK(mete_heap_aligned_alloc(heap, 4096, sizes[i]) == NULL && errno == ENOMEM);
        CHECK(mete_heap_realloc(heap, block, sizes[i]) == NULL && errno == ENOMEM);
    }
    CHECK(block[99] == 'x' && stats_of(heap).failures == 16);
    check_whole(heap);
    mete_heap_destroy(heap);
    heap = heap_of((mete_heap_options){.max_bytes = 1 << 20});
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        errno = 0;
        CHECK(mete_heap_alloc(heap, sizes[i]) == NULL && errno == ENOBUFS);
    }
    mete_heap_destroy(heap);
}

static void freeing_keeps_errno(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 0});

    for (size_t size = 10; size < (size_t)200 << 20; size *= 9) {
        void *block = mete_heap_alloc(heap, size);
        errno = EXDEV;
        mete_heap_free(heap, block);
        CHECK(errno == EXDEV);
    }
    mete_heap_free(heap, NULL);
    mete_heap_destroy(heap);
    CHECK(errno == EXDEV);
    mete_heap_destroy(NULL);
    CHECK(errno == EXDEV);
}

/* ---- the heap as a whole ---- */

static size_t held_bytes(void) {
    mete_stats stats;
    CHECK(mete_stats_read(&stats) == 0);
    return (size_t)stats.held_bytes;
}

static void fill(mete_heap *heap, unsigned blocks) {
    for (unsigned i = 0; i < blocks; i++) {
        char *block = mete_heap_alloc(heap, i % 3000 + (i % 500 == 0 ? 100000 : 0));
        CHECK(block != NULL);
        block[0] = 'x';
    }
}

static void what_is_destroyed_gives_all_its_memory_back(void) {
    size_t held = 0;

    for (int round = 0; round < 20; round++) {
        mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 0});
        fill(heap, 20000);
        check_whole(heap);
        mete_heap_destroy(heap);
        if (round == 5) held = held_bytes();
        if (round > 5) CHECK(held_bytes() == held);
    }
}

static void reset_ends_blocks_and_keeps_the_heap(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 0});

    for (int round = 0; round < 3; round++) {
        fill(heap, 5000);
        mete_heap_reset(heap);
        mete_heap_stats stats = stats_of(heap);
        CHECK(stats.live_blocks == 0 && stats.spans == 0);
        CHECK(stats.reserved_bytes == stats.metadata_bytes);
        check_whole(heap);
    }
    mete_heap_destroy(heap);
}

static void the_limit_holds_exactly(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 2000000});
    void *block = mete_heap_alloc(heap, 1000000);

    CHECK(block != NULL);
    errno = 0;
    CHECK(mete_heap_realloc(heap, block, 3000000) == NULL && errno == ENOBUFS);
    errno = 0;
    CHECK(mete_heap_alloc(heap, 1500000) == NULL && errno == ENOBUFS);
    for (size_t size = 1; size != 0 && stats_of(heap).failures < 200; size = size % 70000 + 13) {
        (void)!mete_heap_alloc(heap, size);
        CHECK(stats_of(heap).reserved_bytes <= 2000000);
    }
    CHECK(stats_of(heap).reserved_bytes > 1500000);
    check_whole(heap);
    mete_heap_reset(heap);
    CHECK(mete_heap_alloc(heap, 1900000) != NULL);
    mete_heap_destroy(heap);
    errno = 0;
    CHECK(mete_heap_create(&(mete_heap_options){.max_bytes = 100}) == NULL && errno == ENOBUFS);
}

/* A large block grows up to the limit, whichever way its pages travel. */
static void realloc_stays_within_the_limit(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 4 << 20});
    char *block = mete_heap_alloc(heap, 70000);
    size_t size = 70000;

    for (;; size += 65536) {
        char *grown = mete_heap_realloc(heap, block, size);
        CHECK(stats_of(heap).reserved_bytes <= 4 << 20);
        if (grown == NULL) break;
        block = grown;
        block[size - 1] = 'x';
    }
    CHECK(errno == ENOBUFS && mete_heap_contains(heap, block));
    check_whole(heap);
    mete_heap_destroy(heap);
}

static bool count_blocks(void *context, void *block, size_t size) {
    size_t *count = context;
    CHECK(block != NULL && size > 0);
    return ++*count < 1000000;
}

struct freeing {
    mete_heap *heap;
    size_t seen;
};

static bool free_each(void *context, void *block, size_t size) {
    struct freeing *freeing = context;
    (void)size;
    if (freeing->seen++ % 3 != 2) mete_heap_free(freeing->heap, block);
    return true;
}

static bool stop_at_once(void *context, void *block, size_t size) {
    (void)context, (void)block, (void)size;
    return false;
}

static void foreach_visits_live_blocks_and_lets_them_go(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 0});
    struct freeing freeing = {.heap = heap};
    size_t count = 0;

    fill(heap, 9000);
    CHECK(mete_heap_foreach(heap, count_blocks, &count) && count == 9000);
    CHECK(mete_heap_foreach(heap, free_each, &freeing) && freeing.seen == 9000);
    CHECK(stats_of(heap).live_blocks == 3000);
    count = 0;
    CHECK(mete_heap_foreach(heap, count_blocks, &count) && count == 3000);
    CHECK(!mete_heap_foreach(heap, stop_at_once, NULL));
    check_whole(heap);
    mete_heap_destroy(heap);
}

static void contains_tells_live_blocks_from_all_else(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 0}), *other = mete_heap_create(NULL);
    char *block = mete_heap_alloc(heap, 100), *large = mete_heap_alloc(heap, 300000);
    char *stranger = mete_heap_alloc(other, 100), *general = mete_malloc(100);

    CHECK(mete_heap_contains(heap, block) && mete_heap_contains(heap, block + 99));
    CHECK(mete_heap_contains(heap, large) && mete_heap_contains(heap, large + 299999));
    CHECK(!mete_heap_contains(heap, stranger) && !mete_heap_contains(heap, general));
    CHECK(!mete_heap_contains(heap, &heap) && !mete_heap_contains(heap, NULL));
    CHECK(!mete_heap_contains(heap, block + 3000)); /* not handed out yet */
    mete_heap_free(heap, block);
    mete_heap_free(heap, large);
    CHECK(!mete_heap_contains(heap, block) && !mete_heap_contains(heap, large));
    mete_free(general);
    mete_heap_destroy(other);
    mete_heap_destroy(heap);
}

static void statistics_count_what_passed(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 0});
    mete_heap_stats stats, untouched = {.spans = 77};
    void *blocks[10];

    for (int i = 0; i < 10; i++) blocks[i] = mete_heap_alloc(heap, 64);
    for (int i = 0; i < 4; i++) mete_heap_free(heap, blocks[i]);
    stats = stats_of(heap);
    CHECK(stats.allocations == 10 && stats.frees == 4 && stats.live_blocks == 6);
    CHECK(stats.live_bytes == 6 * 64 && stats.peak_bytes == 640 && stats.spans == 1);
    CHECK(mete_heap_stats_read(NULL, &untouched) == -EINVAL && untouched.spans == 77);
    CHECK(mete_heap_stats_read(heap, NULL) == -EINVAL);
    mete_heap_destroy(heap);
}

/* Private blocks are in figures of their own, not in the general heap's. */
static void statistics_of_the_general_heap_leave_private_blocks_out(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 0});
    mete_stats before, after;

    CHECK(mete_stats_read(&before) == 0);
    fill(heap, 1000);
    CHECK(mete_stats_read(&after) == 0);
    CHECK(after.live_blocks == before.live_blocks && after.live_bytes == before.live_bytes);
    CHECK(after.allocations == before.allocations && after.held_bytes > before.held_bytes);
    mete_heap_destroy(heap);
}

static bool is_ours(void *context, const mete_holder_stats *stats) {
    uint64_t *blocks = context;
    if (strcmp(stats->kind, "heap") != 0 || strcmp(stats->name, "requests") != 0) return true;
    *blocks = stats->live_blocks;
    return true;
}

static void the_registry_has_it_until_it_ends(void) {
    mete_heap *heap = heap_of((mete_heap_options){.name = "requests"});
    uint64_t blocks = 0;

    fill(heap, 33);
    CHECK(mete_stats_each(is_ours, &blocks) == 0 && blocks == 33);
    mete_heap_destroy(heap);
    blocks = 77;
    CHECK(mete_stats_each(is_ours, &blocks) == 0 && blocks == 77);
}

static void where_names_heap_block_and_state(void) {
    mete_heap *heap = heap_of((mete_heap_options){.name = "requests"});
    char *block = mete_heap_alloc(heap, 64), line[200];
    mete_where_info info;

    CHECK(mete_where(block + 8, &info) == 0 && info.kind == METE_WHERE_PRIVATE);
    CHECK(info.start == block && info.offset == 8 && strcmp(info.name, "requests") == 0);
    CHECK((info.flags & METE_WHERE_LIVE) != 0 && info.size == 64);
    CHECK(mete_where_describe(&info, line, sizeof line) > 0);
    CHECK(strcmp(line, "8 bytes into a live block of 64 bytes of the heap 'requests'") == 0);
    mete_heap_free(heap, block);
    CHECK(mete_where(block, &info) == 0 && info.kind == METE_WHERE_PRIVATE);
    CHECK((info.flags & METE_WHERE_FREE) != 0 && info.start == block);
    mete_heap_destroy(heap);
    CHECK(mete_where(block, &info) == 0 && info.kind != METE_WHERE_PRIVATE);
}

static void the_allocator_does_what_layouts_ask(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 0});
    const mete_allocator *allocator = mete_heap_allocator(heap);
    mete_layout layout = {100, 8}, page = {5000, 4096}, bad = {8, 3}, huge = {SIZE_MAX, 8};

    CHECK((mete_allocator_capabilities(allocator) & METE_ALLOCATOR_THREAD_SAFE) != 0);
    char *block = mete_allocator_alloc(allocator, layout);
    CHECK(mete_heap_contains(heap, block));
    CHECK(mete_allocator_usable(allocator, block, layout) >= 100);
    CHECK(mete_allocator_resize(allocator, block, layout, 101) == 0 || mete__checkers_listen);
    CHECK(mete_allocator_resize(allocator, block, layout, 10000) == -ENOMEM);
    block[99] = 'x';
    block = mete_allocator_remap(allocator, block, layout, 10000);
    CHECK(block != NULL && block[99] == 'x');
    mete_allocator_free(allocator, block, (mete_layout){10000, 8});
    void *aligned = mete_allocator_alloc(allocator, page);
    CHECK((uintptr_t)aligned % 4096 == 0);
    errno = 0;
    CHECK(mete_allocator_alloc(allocator, bad) == NULL && errno == EINVAL);
    errno = 0;
    CHECK(mete_allocator_alloc(allocator, huge) == NULL && errno == EINVAL);
    mete_allocator_free(allocator, aligned, page);
    CHECK(stats_of(heap).live_blocks == 0);
    mete_heap_destroy(heap);
    heap = heap_of((mete_heap_options){.is_one_thread = true});
    allocator = mete_heap_allocator(heap);
    CHECK((mete_allocator_capabilities(allocator) & METE_ALLOCATOR_THREAD_SAFE) == 0);
    mete_heap_destroy(heap);
}

static void verify_finds_a_damaged_heap(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 0});
    char *block = mete_heap_alloc(heap, 64);
    char *memory;
    struct mete__span *span = mete__slices_find(block, &memory);

    fill(heap, 100);
    CHECK(mete_heap_verify(heap) == 0);
    span->used++;
    CHECK(mete_heap_verify(heap) == -EUCLEAN);
    span->used--;
    CHECK(mete_heap_verify(heap) == 0);
    span->marks->open ^= 1u << 3;
    CHECK(mete_heap_verify(heap) == -EUCLEAN);
    span->marks->open ^= 1u << 3;
    CHECK(mete_heap_verify(heap) == 0);
    mete_heap_destroy(heap);
}

/* ---- threads and forks ---- */

enum { THREADS = 4, STEPS = 20000, SLOTS = 200 };

static mete_heap *shared;
static void *slots[SLOTS]; /* atomic */

/* Any thread frees what any other has allocated. */
static void *hammer(void *seed) {
    unsigned random = (unsigned)(uintptr_t)seed;

    for (int i = 0; i < STEPS; i++) {
        random = random * 1664525u + 1013904223u;
        size_t size = (random >> 8) % (random % 64 == 0 ? 200000 : 700);
        char *block = mete_heap_alloc(shared, size + 1);
        if (block == NULL) abort();
        block[0] = block[size] = 'x';
        block = __atomic_exchange_n(&slots[random >> 16 & 127], block, __ATOMIC_ACQ_REL);
        if (i % 2 == 0)
            mete_heap_free(shared, block);
        else
            mete_free(block);
    }
    return NULL;
}

static void threads_share_a_heap(void) {
    pthread_t threads[THREADS];
    size_t live = 0;

    shared = heap_of((mete_heap_options){.max_bytes = 0});
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, hammer, (void *)(i + 1)) == 0);
    mete_heap_stats stats;
    for (int i = 0; i < 100; i++) CHECK(mete_heap_stats_read(shared, &stats) == 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < SLOTS; i++) live += slots[i] != NULL;
    CHECK(stats_of(shared).live_blocks == live);
    CHECK(stats_of(shared).allocations == THREADS * STEPS);
    check_whole(shared);
    mete_heap_destroy(shared);
}

static void use_in_child(void *context) {
    (void)context;
    CHECK(mete_heap_verify(shared) == 0);
    for (size_t size = 1; size < 200000; size = size * 2 + 1) {
        void *block = mete_heap_alloc(shared, size);
        CHECK(block != NULL);
        mete_heap_free(shared, block);
    }
    mete_heap_free(shared, slots[3]);
    CHECK(mete_heap_verify(shared) == 0);
    mete_heap_destroy(shared);
    check_all();
}

static void *hammer_on(void *stop) {
    while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED)) {
        char *blocks[50];
        for (size_t i = 0; i < 50; i++) blocks[i] = mete_heap_alloc(shared, i * i * 40 + 1);
        for (int i = 0; i < 50; i++) mete_heap_free(shared, blocks[i]);
    }
    return NULL;
}

static int wait_for(pid_t child) {
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    return status;
}

/* No handler of fork runs. */
static void a_child_of_the_bare_system_call_has_its_own_heap(void) {
    mete_heap *heap = mete_heap_create(NULL);
    char *block = mete_heap_alloc(heap, 100);

    memcpy(block, "kept", 5);
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0) {
        bool is_whole = strcmp(block, "kept") == 0;
        mete_heap_free(heap, block);
        for (size_t i = 1; i < 3000; i++) is_whole &= mete_heap_alloc(heap, i * 7) != NULL;
        is_whole &= mete_heap_verify(heap) == 0;
        mete_heap_destroy(heap);
        _exit(is_whole ? 0 : 1);
    }
    CHECK(wait_for(child) == 0 && strcmp(block, "kept") == 0 && mete_heap_verify(heap) == 0);
    mete_heap_free(heap, block);
    mete_heap_destroy(heap);
}

/* Apart, so that the child's frame is not one that the parent goes on with. */
static METE_NOINLINE pid_t use_in_vfork(mete_heap *heap, void *volatile *block, void *old) {
    pid_t child = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork): what is tested */
    if (child == 0) {
        *block = mete_heap_alloc(heap, 5000); /* NOLINT(clang-analyzer-unix.Vfork): likewise */
        mete_heap_free(heap, old);
        _exit(0);
    }
    return child;
}

static void a_child_of_vfork_uses_its_parents_heap(void) {
    mete_heap *heap = mete_heap_create(NULL);
    void *volatile block = NULL;

    if (APART_UNDER_TSAN) apart_skip("its vfork is fork");
    CHECK(wait_for(use_in_vfork(heap, &block, mete_heap_alloc(heap, 10))) == 0);
    CHECK(mete_heap_contains(heap, block) && mete_heap_verify(heap) == 0);
    mete_heap_free(heap, block);
    CHECK(stats_of(heap).live_blocks == 0);
    mete_heap_destroy(heap);
}

static void a_child_of_fork_has_a_whole_heap(void) {
    pthread_t threads[2];
    bool stop = false;

    if (APART_UNDER_TSAN) apart_skip("it does not fork beside threads");
    shared = heap_of((mete_heap_options){.max_bytes = 0});
    slots[3] = mete_heap_alloc(shared, 500);
    for (int i = 0; i < 2; i++) CHECK(pthread_create(&threads[i], NULL, hammer_on, &stop) == 0);
    for (int i = 0; i < 60; i++) apart_in_child(use_in_child, NULL);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    check_whole(shared);
    mete_heap_destroy(shared);
}

/* A handler that interrupts a call of the heap is refused, not deadlocked. */
static void a_call_within_a_call_is_refused(void) {
    shared = heap_of((mete_heap_options){.max_bytes = 0});
    void *block = mete_heap_alloc(shared, 100);

    enum mete__private_entry entry = mete__private_enter(shared);
    CHECK(entry != METE__PRIVATE_REFUSED);
    errno = 0;
    CHECK(mete_heap_alloc(shared, 8) == NULL && errno == ENOMEM);
    mete_heap_free(shared, block);
    mete_free(block);
    CHECK(mete_heap_contains(shared, block));
    mete__private_leave(shared, entry);
    mete_heap_free(shared, block);
    CHECK(stats_of(shared).live_blocks == 0);
    mete_heap_destroy(shared);
}

/* ---- misuse ---- */

static void a_double_free_is_named(void) {
    mete_heap *heap = heap_of((mete_heap_options){.name = "a"});
    char *block = mete_heap_alloc(heap, 100);

    mete_heap_free(heap, block);
    fill(heap, 10); /* of other sizes */
    apart_expect("mete: double-free of %p, a block of up to 112 bytes of the heap 'a'\n",
                 (void *)block);
    mete_heap_free(heap, block);
}

static void a_double_free_by_mete_free_is_named(void) {
    mete_heap *heap = heap_of((mete_heap_options){.name = "a"});
    char *block = mete_heap_alloc(heap, 64);

    mete_free(block);
    apart_expect("mete: double-free of %p, a block of up to 64 bytes of the heap 'a'\n",
                 (void *)block);
    mete_free(block);
}

static void a_realloc_of_what_is_free_is_named(void) {
    mete_heap *heap = heap_of((mete_heap_options){.name = "a"});
    char *block = mete_heap_alloc(heap, 64);

    mete_heap_free(heap, block);
    apart_expect("mete: double-free of %p, a block of up to 64 bytes of the heap 'a'\n",
                 (void *)block);
    (void)!mete_heap_realloc(heap, block, 100);
}

static void an_interior_free_is_named(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 0});
    char *block = mete_heap_alloc(heap, 64);

    apart_expect("mete: interior-free of %p, 16 bytes into the block at %p, "
                 "a block of up to 64 bytes of the heap 'heap'\n",
                 (void *)(block + 16), (void *)block);
    mete_heap_free(heap, block + 16);
}

static void an_interior_free_of_a_large_block_is_named(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 0});
    char *block = mete_heap_alloc(heap, 200000);

    apart_expect("mete: interior-free of %p, 65536 bytes into the block at %p, "
                 "a block of up to 262144 bytes of the heap 'heap'\n",
                 (void *)(block + 65536), (void *)block);
    mete_heap_free(heap, block + 65536);
}

static void a_block_of_another_heap_is_named(void) {
    mete_heap *a = heap_of((mete_heap_options){.name = "a"});
    mete_heap *b = heap_of((mete_heap_options){.name = "b"});
    char *block = mete_heap_alloc(b, 64);

    apart_expect("mete: invalid-free of %p, a block of up to 64 bytes of the heap 'b', "
                 "given to the heap 'a'\n",
                 (void *)block);
    mete_heap_free(a, block);
}

static void a_block_of_the_general_heap_is_named(void) {
    mete_heap *heap = heap_of((mete_heap_options){.name = "a"});
    char *block = mete_malloc(64);

    apart_expect("mete: invalid-free of %p, a block of up to 64 bytes, given to the heap 'a'\n",
                 (void *)block);
    mete_heap_free(heap, block);
}

static void what_cannot_be_resized_keeps_its_contents(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 0});
    const size_t bytes = (size_t)8 << 20;
    volatile size_t most = SIZE_MAX; /* the compiler warns of such a size that it knows */
    char *block = mete_heap_alloc(heap, bytes), *behind = mete_heap_alloc(heap, bytes);

    CHECK(block != NULL && behind != NULL);
    block = mete_heap_realloc(heap, block, 2 * bytes); /* its pages are moved, behind the other */
    CHECK(block != NULL);
    block[100] = 7;
    CHECK(mete_heap_realloc(heap, block, most) == NULL && errno == ENOMEM);
    CHECK(mete_heap_realloc(heap, block, most - 10) == NULL && errno == ENOMEM);
    CHECK(block[100] == 7);
    CHECK(mete_heap_verify(heap) == 0);
    mete_heap_destroy(heap);
}

static void what_is_left_behind_the_last_block_is_none(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 0});
    char *block = mete_heap_alloc(heap, 48);
    char *behind = block + (size_t)65536 / 48 * 48; /* 16 bytes of the span are left there */

    apart_expect("mete: invalid-free of %p, which is no block of this heap\n", (void *)behind);
    mete_heap_free(heap, behind);
}

static void a_foreign_address_is_named(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 0});
    static char data[64];

    apart_expect("mete: invalid-free of %p, which is no block of this heap\n", (void *)data);
    mete_heap_free(heap, data);
}

static void a_block_that_ended_with_its_heap_is_named(void) {
    mete_heap *heap = heap_of((mete_heap_options){.max_bytes = 0});
    char *block = mete_heap_alloc(heap, 64);

    mete_heap_destroy(heap);
    apart_expect("mete: double-free of %p, a block of up to 64 bytes\n", (void *)block);
    mete_free(block);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(what_cannot_be_resized_keeps_its_contents),
        FACT(blocks_of_all_sizes_are_aligned_and_keep_what_is_written),
        FACT(calloc_zeroes_what_was_used_before),
        FACT(aligned_blocks_are_aligned),
        FACT(realloc_keeps_contents_at_every_step),
        FACT(free_and_realloc_of_the_general_heap_know_whose_a_block_is),
        FACT(impossible_sizes_are_refused),
        FACT(freeing_keeps_errno),
        FACT(what_is_destroyed_gives_all_its_memory_back),
        FACT(reset_ends_blocks_and_keeps_the_heap),
        FACT(the_limit_holds_exactly),
        FACT(realloc_stays_within_the_limit),
        FACT(foreach_visits_live_blocks_and_lets_them_go),
        FACT(contains_tells_live_blocks_from_all_else),
        FACT(statistics_count_what_passed),
        FACT(statistics_of_the_general_heap_leave_private_blocks_out),
        FACT(the_registry_has_it_until_it_ends),
        FACT(where_names_heap_block_and_state),
        FACT(the_allocator_does_what_layouts_ask),
        FACT(verify_finds_a_damaged_heap),
        FACT(threads_share_a_heap),
        FACT(a_child_of_fork_has_a_whole_heap),
        FACT(a_child_of_the_bare_system_call_has_its_own_heap),
        FACT(a_child_of_vfork_uses_its_parents_heap),
        FACT(a_call_within_a_call_is_refused),
        DEATH(a_double_free_is_named),
        DEATH(a_double_free_by_mete_free_is_named),
        DEATH(a_realloc_of_what_is_free_is_named),
        DEATH(an_interior_free_is_named),
        DEATH(an_interior_free_of_a_large_block_is_named),
        DEATH(a_block_of_another_heap_is_named),
        DEATH(a_block_of_the_general_heap_is_named),
        DEATH(what_is_left_behind_the_last_block_is_none),
        DEATH(a_foreign_address_is_named),
        DEATH(a_block_that_ended_with_its_heap_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
