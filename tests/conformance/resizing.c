/* realloc and reallocarray: contents kept, failures harmless, large blocks moved for nothing. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fact.h"
#include "family.h"

#define MIB ((size_t)1 << 20)

static void realloc_of_null_is_malloc(void) {
    char *block = realloc(NULL, 100), *array = reallocarray(NULL, 10, 10);
    CHECK(block != NULL && array != NULL);
    CHECK(malloc_usable_size(block) >= 100 && malloc_usable_size(array) >= 100);
    memset(block, 1, 100);
    memset(array, 1, 100);
    free(block);
    free(array);
    block = realloc(NULL, 0);
    CHECK(block != NULL);
    free(block);
}

/* As glibc: the block is freed and the answer NULL, which the memory of a million shows. */
static void realloc_to_zero_frees_and_returns_null(void) {
    size_t before = process_bytes("VmRSS:");
    for (unsigned i = 0; i < 1000000; i++) {
        char *block = malloc(400);
        block[0] = 1;
        CHECK(realloc(block, 0) == NULL);
        if (i % 100 != 0) continue;
        block = malloc(5 * MIB);
        block[0] = 1;
        CHECK((i % 200 == 0 ? reallocarray(block, 0, 8) : reallocarray(block, 8, 0)) == NULL);
    }
    CHECK(process_bytes("VmRSS:") < before + 16 * MIB);
}

/* Steps of an eighth, and one byte either side of them, meet every boundary of any heap. */
static void contents_survive_growing_and_shrinking_over_every_size(void) {
    static size_t sizes[2000];
    unsigned count = 0;
    for (size_t size = 1; size < 3 * MIB; size += size / 8 + 1) {
        if (size > 2) sizes[count++] = size - 1;
        sizes[count++] = size;
        sizes[count++] = size + 1;
    }
    for (unsigned stride = 1; stride <= count / 2; stride = stride * 3 + 1) {
        unsigned char *block = malloc(sizes[0]);
        pattern_fill(block, sizes[0], stride);
        size_t held = sizes[0];
        for (unsigned i = stride; i < count; i += stride) {
            block = realloc(block, sizes[i]);
            CHECK(block != NULL && malloc_usable_size(block) >= sizes[i]);
            pattern_verify(block, held < sizes[i] ? held : sizes[i], stride);
            held = sizes[i];
            pattern_fill(block, held, stride);
        }
        for (unsigned i = count; i-- > stride;) {
            if (sizes[i] > held || i % stride != 0) continue;
            block = realloc(block, sizes[i]);
            CHECK(block != NULL);
            held = sizes[i];
            pattern_verify(block, held, stride);
        }
        free(block);
    }
}

static void contents_survive_among_other_blocks(void) {
    enum { COUNT = 500 };
    static unsigned char *blocks[COUNT];
    static size_t sizes[COUNT];
    uint64_t random = 11;

    for (unsigned step = 0; step < 60000; step++) {
        unsigned i = (unsigned)(random_next(&random) % COUNT);
        size_t size = random_size(&random, step % 100 == 0 ? 2 * MIB : 20000);
        size_t kept = size < sizes[i] ? size : sizes[i];
        blocks[i] = realloc(blocks[i], size);
        CHECK(blocks[i] != NULL);
        CHECK_EQUAL((uintptr_t)blocks[i] % 16, 0);
        pattern_verify(blocks[i], kept, i);
        sizes[i] = size;
        pattern_fill(blocks[i], size, i);
    }
}

static void a_failed_realloc_leaves_the_block(void) {
    static const size_t sizes[] = {1, 100, 5000, 100000, 8 * MIB};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        unsigned char *block = malloc(sizes[i]);
        pattern_fill(block, sizes[i], 9);
        CHECK_ENOMEM(realloc(block, (size_t)PTRDIFF_MAX - 4096));
        CHECK(realloc(block, (size_t)1 << 47) == NULL);
        CHECK_EQUAL(errno, ENOMEM);
        CHECK(malloc_usable_size(block) >= sizes[i]);
        pattern_verify(block, sizes[i], 9);
        free(block);
    }
}

static void realloc_within_the_usable_size_does_not_move(void) {
    /* glibc moves its mapped blocks even so. */
    size_t limit = malloc_is_mete() ? 20 * MIB : 100000;
    for (size_t size = 1; size < limit; size += size / 5 + 1) {
        char *block = malloc(size);
        CHECK(realloc(block, malloc_usable_size(block)) == block);
        CHECK(realloc(block, size) == block);
        free(block);
    }
}

static double seconds_of_cpu(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Growing by copying would hold old and new at once, and touch each byte again. */
static void a_large_block_grows_without_being_held_twice(void) {
    size_t size = 128 * MIB;
    char *block = malloc(size);
    memset(block, 1, size);
    double before = seconds_of_cpu();
    for (unsigned step = 0; step < 100; step++) {
        size += MIB;
        block = realloc(block, size);
        CHECK(block != NULL && block[0] == 1 && block[128 * MIB - 1] == 1);
        memset(block + size - MIB, 1, MIB);
    }
    double took = seconds_of_cpu() - before;
    fact_note("100 steps of 1 MiB took %.3f s, peak %zu MiB for %zu", took,
              process_bytes("VmHWM:") / MIB, size / MIB);
    CHECK(process_bytes("VmHWM:") < size + 32 * MIB);
    for (size_t i = 0; i < size; i += 4096) CHECK(block[i] == 1);
    free(block);
}

/* The string that is appended to for ever: realloc by a little, each time. */
static void growing_by_small_steps_is_not_quadratic(void) {
    double before = seconds_of_cpu();
    char *block = NULL;
    for (size_t size = 64; size < 16 * MIB; size += 64) {
        block = realloc(block, size);
        CHECK(block != NULL);
        block[size - 1] = 1;
    }
    double took = seconds_of_cpu() - before;
    fact_note("260 000 steps of 64 bytes took %.2f s", took);
    CHECK(took < 10);
    free(block);
}

static char *shrunk;
static size_t resident_before;

static bool shrunk_memory_is_back(void) {
    return process_bytes("VmRSS:") < resident_before + 16 * MIB;
}

static void shrinking_a_large_block_returns_its_tail(void) {
    resident_before = process_bytes("VmRSS:");
    shrunk = malloc(200 * MIB);
    pattern_fill(shrunk, 8192, 1);
    memset(shrunk + 8192, 1, 200 * MIB - 8192);
    shrunk = realloc(shrunk, 8192);
    CHECK(becomes_true(shrunk_memory_is_back, 3, true));
    pattern_verify(shrunk, 8192, 1);
    free(shrunk);
}

static void blocks_of_2_GiB_and_more_work(void) {
    static const size_t sizes[] = {2048 * MIB - 1, 2048 * MIB, 2048 * MIB + 2, 4096 * MIB + 100,
                                   10240 * MIB};
    size_t before = process_bytes("VmRSS:");
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        volatile char *block = calloc(sizes[i], 1);
        if (block == NULL) {
            CHECK_EQUAL(errno, ENOMEM);
            fact_skip("the kernel refuses so large a mapping");
        }
        CHECK(malloc_usable_size((void *)block) >= sizes[i]);
        for (size_t at = 0; at < sizes[i]; at += 256 * MIB) {
            CHECK_EQUAL(block[at], 0);
            block[at] = (char)(at / (256 * MIB) + 1);
        }
        CHECK_EQUAL(block[sizes[i] - 1], 0);
        block[sizes[i] - 1] = 77;
        block = realloc((void *)block, sizes[i] + 1024 * MIB);
        CHECK(block != NULL);
        for (size_t at = 0; at < sizes[i]; at += 256 * MIB) {
            CHECK_EQUAL(block[at], at / (256 * MIB) + 1);
        }
        CHECK_EQUAL(block[sizes[i] - 1], 77);
        block = realloc((void *)block, 1024 * MIB);
        CHECK_EQUAL(block[768 * MIB], 4);
        free((void *)block);
    }
    /* Only the pages touched count. */
    fact_note("%zu MiB at the peak", process_bytes("VmHWM:") / MIB);
    CHECK(process_bytes("VmHWM:") < before + 64 * MIB);
}

/* Two threads move large blocks while others map and unmap: nobody's pages may be lost. */
static void *mapping_thread(void *argument) {
    bool moves = (uintptr_t)argument % 2 == 0;
    for (unsigned round = 0; round < 60; round++) {
        size_t size = 2 * MIB;
        char *block = malloc(size);
        unsigned seed = (unsigned)(uintptr_t)argument;
        pattern_fill(block, 4096, seed);
        for (unsigned step = 0; step < 12; step++) {
            memset(block + size - 8, (int)step + 1, 8);
            if (moves) {
                char *grown = realloc(block, size + size / 3);
                CHECK(grown != NULL && grown[size - 1] == (char)(step + 1));
                block = grown;
                size += size / 3;
                continue;
            }
            char *other = malloc(size);
            CHECK(other != NULL);
            memset(other, 5, 4096);
            memcpy(other, block, 4096);
            free(block);
            block = other;
        }
        pattern_verify(block, 4096, seed);
        free(block);
    }
    return NULL;
}

static void large_reallocs_are_safe_beside_other_threads(void) {
    pthread_t threads[4];
    for (uintptr_t i = 0; i < 4; i++) {
        CHECK_EQUAL(pthread_create(&threads[i], NULL, mapping_thread, (void *)i), 0);
    }
    for (unsigned i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}

int main(int argc, char **argv) {
    static const fact facts[] = {
        FACT(realloc_of_null_is_malloc),
        FACT(realloc_to_zero_frees_and_returns_null),
        FACT(contents_survive_growing_and_shrinking_over_every_size),
        FACT(contents_survive_among_other_blocks),
        FACT(a_failed_realloc_leaves_the_block),
        FACT(realloc_within_the_usable_size_does_not_move),
        FACT(a_large_block_grows_without_being_held_twice),
        FACT(growing_by_small_steps_is_not_quadratic),
        FACT(shrinking_a_large_block_returns_its_tail),
        FACT(blocks_of_2_GiB_and_more_work),
        FACT(large_reallocs_are_safe_beside_other_threads),
    };
    return fact_main(facts, COUNT_OF(facts), argc, argv);
}
