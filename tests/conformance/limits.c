/*
 * Memory runs out: NULL with ENOMEM, never an abort, and the program's own mmaps and thread
 * stacks still find room. Memory comes back: within seconds of being freed it is the system's.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "fact.h"
#include "family.h"

#define MIB ((size_t)1 << 20)

static const char *set_limit(__rlimit_resource_t resource, size_t bytes) {
    const struct rlimit limit = {bytes, bytes};
    return setrlimit(resource, &limit) == 0 ? NULL : "the limit can't be set";
}

static const char *space_of_512_MiB(void) {
    return set_limit(RLIMIT_AS, 512 * MIB);
}

static const char *space_of_64_MiB(void) {
    return set_limit(RLIMIT_AS, 64 * MIB);
}

static const char *space_of_8_GiB(void) {
    return set_limit(RLIMIT_AS, 8192 * MIB);
}

static const char *data_of_128_MiB(void) {
    return set_limit(RLIMIT_DATA, 128 * MIB);
}

/* A linked list of blocks of the given size, allocated until NULL; returns their sum. */
static void *exhaust(size_t size, size_t *total) {
    void *list = NULL;
    *total = 0;
    for (;;) {
        errno = 0;
        void **block = malloc(size);
        if (block == NULL) break;
        *block = list;
        list = block;
        *total += size;
    }
    CHECK_EQUAL(errno, ENOMEM);
    return list;
}

static void release(void *list) {
    while (list != NULL) {
        void *next = *(void **)list;
        free(list);
        list = next;
    }
}

/* Three fifths of what the limit leaves must be usable at least, again and again, at any size. */
static void exhaust_at_every_size(size_t limit, const char *counted) {
    static const size_t sizes[] = {16, 1000, 30000, 200000, 3000000};
    size_t free_space = limit - process_bytes(counted);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
            size_t total;
            void *list = exhaust(sizes[i], &total);
            fact_note("%zu MiB in blocks of %zu where %zu MiB were left", total / MIB, sizes[i],
                      free_space / MIB);
            /* A 16-byte block costs glibc 32. */
            if (sizes[i] == 16) total *= 2;
            release(list);
            CHECK(total > free_space / 5 * 3);
        }
    }
}

static void address_space_of_512_MiB_ends_in_ENOMEM(void) {
    exhaust_at_every_size(512 * MIB, "VmSize:");
}

static void address_space_of_64_MiB_ends_in_ENOMEM(void) {
    exhaust_at_every_size(64 * MIB, "VmSize:");
}

/* Blocks of a few slices and more: regions must not be of sizes that leave much of them unused. */
static void a_small_space_is_not_wasted_on_ends_of_regions(void) {
    static const struct {
        size_t size, percent;
    } cases[] = {{40000, 75}, {200000, 68}, {1000000, 70}};
    size_t free_space = 64 * MIB - process_bytes("VmSize:");
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        size_t total;
        release(exhaust(cases[i].size, &total));
        fact_note("%zu %% in blocks of %zu", total * 100 / free_space, cases[i].size);
        CHECK(total * 100 / free_space >= cases[i].percent);
    }
}

static void data_limit_of_128_MiB_ends_in_ENOMEM(void) {
    exhaust_at_every_size(128 * MIB, "VmData:");
}

static void every_call_fails_cleanly_when_memory_is_out(void) {
    size_t total;
    unsigned char *kept = malloc(1000);
    pattern_fill(kept, 1000, 1);
    void *large = exhaust(100000, &total), *small = exhaust(100, &total);
    void *out = &total;

    for (size_t size = 5 * MIB; size <= 600 * MIB; size *= 3) {
        errno = 0;
        CHECK(calloc(1, size) == NULL && errno == ENOMEM);
        errno = 0;
        CHECK(realloc(kept, size) == NULL && errno == ENOMEM);
        errno = 0;
        CHECK(memalign(4096, size) == NULL && errno == ENOMEM);
        CHECK_EQUAL(posix_memalign(&out, 4096, size), ENOMEM);
        CHECK(out == &total);
        pattern_verify(kept, 1000, 1);
    }
    release(small);
    release(large);
    void *again = malloc(100 * MIB);
    CHECK(again != NULL);
    free(again);
    free(kept);
}

static void *touch_stack_and_heap(void *argument) {
    char frame[65536];
    memset(frame, 1, sizeof frame);
    void *block = malloc(10000);
    CHECK(block != NULL);
    memset(block, frame[5], 10000);
    free(block);
    return argument;
}

/* A heap that takes all of the address space it may starves everything else. */
static void a_limited_space_leaves_room_for_maps_and_stacks(void) {
    void *held[100];
    pthread_t threads[8];

    for (unsigned i = 0; i < 100; i++) {
        held[i] = malloc(MIB / 2);
        CHECK(held[i] != NULL);
        memset(held[i], 1, MIB / 2);
    }
    void *map = mmap(NULL, 160 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(map != MAP_FAILED);
    for (unsigned i = 0; i < 8; i++) {
        CHECK_EQUAL(pthread_create(&threads[i], NULL, touch_stack_and_heap, NULL), 0);
    }
    for (unsigned i = 0; i < 8; i++) pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < 100; i++) free(held[i]);
}

/* The heap's own reservation is made small, so that a program may map most of its limit itself. */
static void an_idle_heap_leaves_nearly_all_of_a_limited_space(void) {
    free(malloc(100));
    size_t left = 512 * MIB - process_bytes("VmSize:");
    fact_note("%zu MiB of 512 taken at start", 512 - left / MIB);
    CHECK(left > 400 * MIB);
}

static void space_of_8_GiB_serves_7(void) {
    size_t total;
    void *list = exhaust(MIB, &total);
    fact_note("%zu MiB in blocks of 1 MiB", total / MIB);
    CHECK(total > 6500 * MIB);
    release(list);
}

/* A limit that arrives late, when the heap has made itself at home. */
static void a_limit_set_later_ends_in_ENOMEM(void) {
    size_t total;
    void *block = malloc(10 * MIB);
    memset(block, 1, 10 * MIB);
    CHECK(set_limit(RLIMIT_AS, process_bytes("VmSize:") + 64 * MIB) == NULL);
    CHECK(set_limit(RLIMIT_DATA, process_bytes("VmData:") + 64 * MIB) == NULL);
    void *list = exhaust(10000, &total);
    fact_note("%zu MiB after the limit", total / MIB);
    CHECK(total < 100 * MIB);
    release(list);
    free(block);
    CHECK(malloc(5000) != NULL);
}

/* ---- overcommit_memory=2: every writable page is charged, reserved ones must not be ---- */

static const char *const overcommit_path = "/proc/sys/vm/overcommit_memory";
static bool overcommit_changed;

static bool write_overcommit(const char *value) {
    int fd = open(overcommit_path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);
    if (fd >= 0) close(fd);
    return written;
}

static size_t meminfo_bytes(const char *field) {
    char text[4096];
    int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    if (length <= 0) return 0;
    text[length] = '\0';
    const char *found = strstr(text, field);
    return found == NULL ? 0 : strtoul(found + strlen(field), NULL, 10) * 1024;
}

/* It is a setting of the whole machine. The parent's restore runs however the fact ends. */
static const char *strict_overcommit(void) {
    if (getenv("CI") == NULL && getenv("METE_TEST_OVERCOMMIT") == NULL) {
        return "changes the whole machine: set METE_TEST_OVERCOMMIT=1 (or CI) to allow it";
    }
    if (meminfo_bytes("Committed_AS:") + 2048 * MIB > meminfo_bytes("CommitLimit:")) {
        return "too little commit space left on this machine";
    }
    return write_overcommit("2") ? NULL : "vm.overcommit_memory can't be set";
}

static void remember_overcommit(void) {
    char value = '\0';
    int fd = open(overcommit_path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) overcommit_changed = read(fd, &value, 1) == 1 && value == '0';
    if (fd >= 0) close(fd);
}

static void restore_overcommit(void) {
    if (overcommit_changed) write_overcommit("0");
}

static size_t committed_before;

static bool charge_is_back(void) {
    return meminfo_bytes("Committed_AS:") < committed_before + 64 * MIB;
}

static void strict_overcommit_charges_only_what_is_used(void) {
    committed_before = meminfo_bytes("Committed_AS:");
    void *warm = malloc(1000);
    size_t idle = meminfo_bytes("Committed_AS:");
    fact_note("an idle heap is charged about %zd KiB", (ssize_t)(idle - committed_before) / 1024);
    CHECK(idle < committed_before + 128 * MIB);
    CHECK(malloc((size_t)1 << 45) == NULL && errno == ENOMEM);
    void *blocks[200];
    for (unsigned i = 0; i < 200; i++) {
        blocks[i] = malloc(MIB);
        CHECK(blocks[i] != NULL);
        memset(blocks[i], 1, MIB);
    }
    for (unsigned i = 0; i < 200; i++) free(blocks[i]);
    CHECK(becomes_true(charge_is_back, 5, true));
    free(warm);
}

/* ---- max_map_count: 65530 mappings, and whoever splits them runs out ---- */

static size_t count_maps(void) {
    char text[16384];
    size_t lines = 0;
    ssize_t got;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fd < 0) fact_skip("/proc/self/maps can't be read");
    while ((got = read(fd, text, sizeof text)) > 0) {
        for (ssize_t i = 0; i < got; i++) lines += text[i] == '\n';
    }
    close(fd);
    return lines;
}

static void random_lifetimes_do_not_shatter_the_map(void) {
    enum { COUNT = 3000 };
    static void *blocks[COUNT];
    uint64_t random = 5;
    for (unsigned step = 0; step < 60000; step++) {
        unsigned i = (unsigned)(random_next(&random) % COUNT);
        free(blocks[i]);
        size_t size = 4096 + random_size(&random, 300000);
        blocks[i] = malloc(size);
        CHECK(blocks[i] != NULL);
        *(char *)blocks[i] = 1;
    }
    fact_note("%zu mappings", count_maps());
    CHECK(count_maps() < 4000);
}

static void without_mappings_left_allocation_works_or_is_ENOMEM(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = 150000;
    char *area = mmap(NULL, pages * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    static void *held[20000];
    unsigned got = 0;

    CHECK(area != MAP_FAILED);
    for (unsigned i = 0; i < 5000; i++) held[i] = malloc(3000);
    /* Every other page readable: each change splits a mapping. */
    size_t i = 0;
    while (i < pages && mprotect(area + i * page, page, PROT_READ) == 0) i += 2;
    if (i >= pages) fact_skip("this machine has no limit on mappings worth the name");
    for (unsigned j = 0; j < 20000; j++) {
        free(held[j]);
        errno = 0;
        held[j] = malloc(100 + 37 * (size_t)j);
        if (held[j] == NULL) CHECK_EQUAL(errno, ENOMEM);
        if (held[j] != NULL) memset(held[j], 1, 100);
        got += held[j] != NULL;
    }
    fact_note("%u of 20000 allocations served with no mapping to spare", got);
    for (unsigned j = 0; j < 20000; j++) free(held[j]);
    munmap(area, pages * page);
    CHECK(malloc(50 * MIB) != NULL);
}

/* ---- memory comes back ---- */

static size_t resident_at_start;

static bool resident_is_low(void) {
    return process_bytes("VmRSS:") < resident_at_start + 24 * MIB;
}

enum { RETURNED = 256 }; /* MiB allocated and freed by each of the next facts */

static void **hold(size_t size) {
    size_t count = RETURNED * MIB / size;
    void **blocks = malloc(count * sizeof *blocks);
    for (size_t i = 0; i < count; i++) {
        blocks[i] = malloc(size);
        memset(blocks[i], 1, size);
    }
    return blocks;
}

static void free_all(void **blocks, size_t size) {
    for (size_t i = 0; i < RETURNED * MIB / size; i++) free(blocks[i]);
    free(blocks);
}

static void freed_small_blocks_are_returned_within_seconds(void) {
    resident_at_start = process_bytes("VmRSS:");
    free_all(hold(200), 200);
    CHECK(becomes_true(resident_is_low, 5, true));
    free_all(hold(9000), 9000);
    CHECK(becomes_true(resident_is_low, 5, true));
}

static void freed_large_blocks_are_returned_within_seconds(void) {
    resident_at_start = process_bytes("VmRSS:");
    free_all(hold(150000), 150000);
    CHECK(becomes_true(resident_is_low, 5, true));
    free_all(hold(8 * MIB), 8 * MIB);
    CHECK(becomes_true(resident_is_low, 5, true));
}

/* Nobody calls the heap again after the last free: there is no later call to do the work. */
static void memory_is_returned_though_the_program_is_idle(void) {
    if (!malloc_is_mete()) fact_skip("a fact about mete: glibc keeps it");
    resident_at_start = process_bytes("VmRSS:");
    void **small = hold(1000), **large = hold(2 * MIB);
    free_all(small, 1000);
    free_all(large, 2 * MIB);
    CHECK(becomes_true(resident_is_low, 10, false));
}

static pthread_barrier_t handed_over;
static atomic_bool done;

/* Keeps calling the heap, as a thread that serves requests does. */
static void *hold_for_another(void *argument) {
    *(void ***)argument = hold(500);
    pthread_barrier_wait(&handed_over);
    while (!atomic_load(&done)) {
        const struct timespec pause = {.tv_nsec = 1000000};
        free(malloc(500));
        free(malloc(50000));
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static void blocks_freed_by_another_thread_are_returned(void) {
    pthread_t thread;
    void **blocks = NULL;
    resident_at_start = process_bytes("VmRSS:");
    pthread_barrier_init(&handed_over, NULL, 2);
    CHECK_EQUAL(pthread_create(&thread, NULL, hold_for_another, &blocks), 0);
    pthread_barrier_wait(&handed_over);
    free_all(blocks, 500);
    CHECK(becomes_true(resident_is_low, 5, true));
    atomic_store(&done, true);
    pthread_join(thread, NULL);
}

static void *hold_and_end(void *argument) {
    *(void ***)argument = hold(500);
    return NULL;
}

static void the_memory_of_ended_threads_is_returned(void) {
    resident_at_start = process_bytes("VmRSS:");
    for (unsigned round = 0; round < 4; round++) {
        pthread_t thread;
        void **blocks = NULL;
        CHECK_EQUAL(pthread_create(&thread, NULL, hold_and_end, &blocks), 0);
        pthread_join(thread, NULL);
        free_all(blocks, 500);
    }
    CHECK(becomes_true(resident_is_low, 5, true));
    CHECK(process_bytes("VmHWM:") < resident_at_start + (RETURNED + RETURNED / 2) * MIB);
}

static void an_idle_program_stays_small(void) {
    static void *blocks[100];
    for (unsigned i = 0; i < 100; i++) {
        blocks[i] = malloc(1000);
        memset(blocks[i], 1, 1000);
    }
    size_t resident = process_bytes("VmRSS:");
    fact_note("resident with 100 KB in use: %zu KiB", resident / 1024);
    CHECK(resident < 8 * MIB);
}

int main(int argc, char **argv) {
    static const fact facts[] = {
        FACT_PREPARED(address_space_of_512_MiB_ends_in_ENOMEM, space_of_512_MiB),
        FACT_PREPARED(address_space_of_64_MiB_ends_in_ENOMEM, space_of_64_MiB),
        FACT_PREPARED(a_small_space_is_not_wasted_on_ends_of_regions, space_of_64_MiB),
        FACT_PREPARED(data_limit_of_128_MiB_ends_in_ENOMEM, data_of_128_MiB),
        FACT_PREPARED(every_call_fails_cleanly_when_memory_is_out, space_of_512_MiB),
        FACT_PREPARED(a_limited_space_leaves_room_for_maps_and_stacks, space_of_512_MiB),
        FACT_PREPARED(an_idle_heap_leaves_nearly_all_of_a_limited_space, space_of_512_MiB),
        FACT_PREPARED(space_of_8_GiB_serves_7, space_of_8_GiB),
        FACT(a_limit_set_later_ends_in_ENOMEM),
        FACT_WITH(strict_overcommit_charges_only_what_is_used, strict_overcommit,
                  restore_overcommit, NULL),
        FACT(random_lifetimes_do_not_shatter_the_map),
        FACT(without_mappings_left_allocation_works_or_is_ENOMEM),
        FACT(freed_small_blocks_are_returned_within_seconds),
        FACT(freed_large_blocks_are_returned_within_seconds),
        FACT(memory_is_returned_though_the_program_is_idle),
        FACT(blocks_freed_by_another_thread_are_returned),
        FACT(the_memory_of_ended_threads_is_returned),
        FACT(an_idle_program_stays_small),
    };
    remember_overcommit();
    return fact_main(facts, COUNT_OF(facts), argc, argv);
}
