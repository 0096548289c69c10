/* aligned_alloc, memalign, posix_memalign, valloc, pvalloc: what they refuse and what they give. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "fact.h"
#include "family.h"

enum { MIB = 1 << 20 };

/* Through pointers, because clang 14 believes, and trips over, every alignment that it can see. */
static void *(*const volatile allocate_aligned)(size_t, size_t) = aligned_alloc;
static void *(*const volatile allocate_memalign)(size_t, size_t) = memalign;

static void posix_memalign_refuses_bad_alignments_and_leaves_its_output(void) {
    static const size_t bad[] = {0, 1, 2, 4, 7, 9, 24, 48, 1000, SIZE_MAX, SIZE_MAX - 7};
    int marker;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        void *out = &marker;
        errno = 77;
        CHECK_EQUAL(posix_memalign(&out, bad[i], 100), EINVAL);
        CHECK(out == &marker);
    }
    for (size_t align = sizeof(void *); align <= 4096; align *= 2) {
        void *out = NULL;
        CHECK_EQUAL(posix_memalign(&out, align, 100), 0);
        CHECK_EQUAL((uintptr_t)out % align, 0);
        free(out);
    }
}

static void aligned_alloc_refuses_what_is_no_power_of_two(void) {
    static const size_t bad[] = {0, 3, 24, 48, 1000, SIZE_MAX};
    /* The C library itself refuses them since 2.38. */
    if (!malloc_is_mete()) fact_skip("a fact about mete: older C libraries accept them");
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        errno = 0;
        CHECK(allocate_aligned(bad[i], 96) == NULL);
        CHECK_EQUAL(errno, EINVAL);
    }
}

/* C17 dropped the rule that the size be a multiple of the alignment. */
static void aligned_alloc_takes_any_size_and_small_alignments(void) {
    static const size_t sizes[] = {0, 1, 7, 100, 4097};
    for (size_t align = 1; align <= 65536; align *= 2) {
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            char *block = allocate_aligned(align, sizes[i]);
            CHECK(block != NULL);
            CHECK_EQUAL((uintptr_t)block % align, 0);
            memset(block, 1, sizes[i]);
            free(block);
        }
    }
}

/* As glibc: an alignment between powers of two means the next one, a small one is malloc's. */
static void memalign_rounds_odd_alignments_up(void) {
    for (size_t align = 0; align < 3000; align += 1 + align / 5) {
        size_t power = 16;
        while (power < align) power *= 2;
        char *block = allocate_memalign(align, 50);
        CHECK(block != NULL);
        CHECK_EQUAL((uintptr_t)block % power, 0);
        memset(block, 1, 50);
        free(block);
    }
    errno = 0;
    CHECK(allocate_memalign(SIZE_MAX / 2 + 2, 1) == NULL);
    CHECK_EQUAL(errno, EINVAL);
}

static void valloc_and_pvalloc_give_whole_pages(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t size = 0; size <= 5 * page; size += 1 + size / 3) {
        char *a = valloc(size), *b = pvalloc(size);
        size_t pages = size == 0 ? page : (size + page - 1) / page * page;
        CHECK(a != NULL && b != NULL);
        CHECK_EQUAL((uintptr_t)a % page, 0);
        CHECK_EQUAL((uintptr_t)b % page, 0);
        CHECK(malloc_usable_size(b) >= (size == 0 ? 0 : pages));
        memset(a, 1, size);
        memset(b, 1, size == 0 ? 0 : pages);
        free(a);
        free(b);
    }
}

static void every_alignment_up_to_64_MiB_holds_for_every_size(void) {
    static const size_t sizes[] = {1,    15,    16,    17,     64,  100,        1000,
                                   4096, 10000, 65536, 100000, MIB, 3 * MIB + 1};
    for (size_t align = 16; align <= 64 * MIB; align *= 2) {
        void *held[2][COUNT_OF(sizes)];
        for (unsigned copy = 0; copy < 2; copy++) {
            for (size_t i = 0; i < COUNT_OF(sizes); i++) {
                void *block = allocate_aligned(align, sizes[i]);
                CHECK(block != NULL);
                CHECK_EQUAL((uintptr_t)block % align, 0);
                CHECK(malloc_usable_size(block) >= sizes[i]);
                pattern_fill(block, sizes[i], (unsigned)i);
                held[copy][i] = block;
            }
        }
        for (unsigned copy = 0; copy < 2; copy++) {
            for (size_t i = 0; i < COUNT_OF(sizes); i++) {
                pattern_verify(held[copy][i], sizes[i], (unsigned)i);
                if (copy == 0) free(held[copy][i]);
                if (copy == 0) continue;
                void *moved = realloc(held[copy][i], 2 * sizes[i]);
                CHECK(moved != NULL);
                pattern_verify(moved, sizes[i], (unsigned)i);
                free(moved);
            }
        }
    }
}

/* Address space, not memory: nothing but the block itself may become resident. */
static void huge_alignments_work_or_are_ENOMEM(void) {
    size_t before = process_bytes("VmRSS:");
    for (size_t align = 128 * (size_t)MIB; align != 0; align *= 2) {
        errno = 0;
        char *block = allocate_aligned(align, 5000);
        if (align <= (size_t)4096 * MIB) CHECK(block != NULL);
        if (block == NULL) {
            CHECK_EQUAL(errno, ENOMEM);
            continue;
        }
        CHECK_EQUAL((uintptr_t)block % align, 0);
        pattern_fill(block, 5000, 5);
        pattern_verify(block, 5000, 5);
        free(block);
    }
    CHECK(process_bytes("VmRSS:") < before + 8 * MIB);
    pattern_fill(malloc(5000), 5000, 1);
}

static void aligned_blocks_do_not_waste_memory(void) {
    enum { COUNT = 20000 };
    static void *blocks[COUNT];
    size_t before = process_bytes("VmRSS:");

    /* 20 MB of blocks; a heap that pads each by its alignment would take twice that. */
    for (unsigned i = 0; i < COUNT; i++) {
        blocks[i] = allocate_memalign(64, 1000);
        memset(blocks[i], 1, 1000);
    }
    size_t grown = process_bytes("VmRSS:") - before;
    fact_note("%zu bytes for each 64-aligned block of 1000", grown / COUNT);
    CHECK(grown < (size_t)COUNT * 1400);
    for (unsigned i = 0; i < COUNT; i++) free(blocks[i]);
}

static void *stress_one_thread(void *argument) {
    enum { HELD = 300, STEPS = 40000 };
    static __thread void *blocks[HELD];
    static __thread size_t sizes[HELD];
    uint64_t random = (uint64_t)(uintptr_t)argument;

    for (unsigned step = 0; step < STEPS; step++) {
        unsigned i = (unsigned)(random_next(&random) % HELD);
        if (blocks[i] != NULL) pattern_verify(blocks[i], sizes[i], i);
        free(blocks[i]);
        size_t align = (size_t)1 << (random_next(&random) % 17);
        sizes[i] = random_size(&random, 9000);
        blocks[i] = allocate_memalign(align, sizes[i]);
        CHECK(blocks[i] != NULL);
        CHECK_EQUAL((uintptr_t)blocks[i] % align, 0);
        pattern_fill(blocks[i], sizes[i], i);
    }
    for (unsigned i = 0; i < HELD; i++) free(blocks[i]);
    return NULL;
}

static void memalign_holds_under_threads(void) {
    pthread_t threads[4];
    for (uintptr_t i = 0; i < 4; i++) {
        CHECK_EQUAL(pthread_create(&threads[i], NULL, stress_one_thread, (void *)(i + 1)), 0);
    }
    for (unsigned i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}

int main(int argc, char **argv) {
    static const fact facts[] = {
        FACT(posix_memalign_refuses_bad_alignments_and_leaves_its_output),
        FACT(aligned_alloc_refuses_what_is_no_power_of_two),
        FACT(aligned_alloc_takes_any_size_and_small_alignments),
        FACT(memalign_rounds_odd_alignments_up),
        FACT(valloc_and_pvalloc_give_whole_pages),
        FACT(every_alignment_up_to_64_MiB_holds_for_every_size),
        FACT(huge_alignments_work_or_are_ENOMEM),
        FACT(aligned_blocks_do_not_waste_memory),
        FACT(memalign_holds_under_threads),
    };
    return fact_main(facts, COUNT_OF(facts), argc, argv);
}
