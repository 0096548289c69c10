/* The malloc family's contract: the C standard, POSIX, C23 and, where those are silent, glibc. */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fact.h"
#include "family.h"

enum { MIB = 1 << 20 };

static const size_t too_large[] = {(size_t)PTRDIFF_MAX + 1, SIZE_MAX - 4096, SIZE_MAX - 15,
                                   SIZE_MAX - 1, SIZE_MAX};

/* Every name must come from the one object that malloc comes from: a block is else freed by a
 * heap that does not know it. */
static void every_name_comes_from_the_same_library(void) {
    static const char *const names[] = {"malloc",
                                        "free",
                                        "calloc",
                                        "realloc",
                                        "reallocarray",
                                        "aligned_alloc",
                                        "memalign",
                                        "posix_memalign",
                                        "valloc",
                                        "pvalloc",
                                        "malloc_usable_size",
                                        "malloc_trim",
                                        "mallopt",
                                        "mallinfo",
                                        "mallinfo2",
                                        "malloc_info",
                                        "malloc_stats",
                                        "__libc_malloc",
                                        "__libc_calloc",
                                        "__libc_realloc",
                                        "__libc_memalign",
                                        "__libc_valloc",
                                        "__libc_pvalloc",
                                        "__libc_free",
                                        "__libc_mallinfo",
                                        "__libc_mallopt"};
    static const char *const only_mete[] = {"cfree", "free_sized", "free_aligned_sized"};
    Dl_info of_malloc, of_name;
    void *address = dlsym(RTLD_DEFAULT, "malloc");

    CHECK(address != NULL && dladdr(address, &of_malloc) != 0);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        address = dlsym(RTLD_DEFAULT, names[i]);
        if (address == NULL || dladdr(address, &of_name) == 0) {
            fact_fail(__FILE__, __LINE__, "%s is not defined", names[i]);
        }
        if (of_name.dli_fbase != of_malloc.dli_fbase) {
            fact_fail(__FILE__, __LINE__, "%s comes from %s", names[i], of_name.dli_fname);
        }
    }
    if (!malloc_is_mete()) return;
    for (size_t i = 0; i < COUNT_OF(only_mete); i++) {
        address = dlsym(RTLD_DEFAULT, only_mete[i]);
        if (address == NULL) fact_fail(__FILE__, __LINE__, "%s is not defined", only_mete[i]);
    }
}

static void blocks_of_size_zero_are_distinct_and_freeable(void) {
    void *a = malloc(0), *b = malloc(0), *c = calloc(0, 8), *d = calloc(8, 0), *e = NULL;

    CHECK(a != NULL && b != NULL && c != NULL && d != NULL);
    CHECK(a != b && b != c && c != d);
    CHECK_EQUAL(posix_memalign(&e, 64, 0), 0);
    CHECK(e != d);
    free(a);
    free(b);
    free(c);
    free(d);
    free(e);
}

static void free_of_null_does_nothing(void) {
    errno = 42;
    free((void *)NULL);
    CHECK_EQUAL(errno, 42);
}

static void every_block_is_16_byte_aligned(void) {
    for (size_t size = 0; size < 70000; size++) {
        char *block = malloc(size);
        char *zeroed = calloc(1, size);
        if ((uintptr_t)block % 16 != 0 || (uintptr_t)zeroed % 16 != 0) {
            fact_fail(__FILE__, __LINE__, "malloc(%zu) is %p, calloc %p", size, (void *)block,
                      (void *)zeroed);
        }
        zeroed = realloc(zeroed, size + size / 2 + 1);
        CHECK_EQUAL((uintptr_t)zeroed % 16, 0);
        free(block);
        free(zeroed);
    }
    for (size_t size = 65536; size <= 64 * MIB; size *= 2) {
        for (size_t near = size - 17; near <= size + 17; near++) {
            void *block = malloc(near);
            CHECK(block != NULL);
            CHECK_EQUAL((uintptr_t)block % 16, 0);
            free(block);
        }
    }
}

static void blocks_keep_what_is_written_and_never_overlap(void) {
    enum { COUNT = 4000 };
    static unsigned char *blocks[COUNT];
    static size_t sizes[COUNT];
    uint64_t random = 1;

    for (unsigned round = 0; round < 8; round++) {
        for (unsigned i = 0; i < COUNT; i++) {
            if (blocks[i] != NULL && random_next(&random) % 2 == 0) continue;
            if (blocks[i] != NULL) pattern_verify(blocks[i], sizes[i], i);
            free(blocks[i]);
            sizes[i] = random_size(&random, 100000);
            blocks[i] = malloc(sizes[i]);
            CHECK(blocks[i] != NULL);
            pattern_fill(blocks[i], sizes[i], i);
        }
    }
    for (unsigned i = 0; i < COUNT; i++) {
        pattern_verify(blocks[i], sizes[i], i);
        free(blocks[i]);
    }
}

static void usable_size_is_enough_and_writable_to_its_end(void) {
    CHECK_EQUAL(malloc_usable_size(NULL), 0);
    for (size_t size = 1; size <= 40 * MIB; size += 1 + size / 9) {
        void *blocks[4] = {malloc(size), calloc(size, 1), memalign(256, size),
                           realloc(malloc(16), size)};
        size_t usable[4];
        for (unsigned i = 0; i < 4; i++) {
            CHECK(blocks[i] != NULL);
            usable[i] = malloc_usable_size(blocks[i]);
            CHECK(usable[i] >= size);
            /* The ends are enough where filling all of it would only cost time. */
            if (usable[i] <= 65536) pattern_fill(blocks[i], usable[i], i);
            if (usable[i] > 65536) memset((char *)blocks[i] + usable[i] - 64, (int)i, 64);
        }
        for (unsigned i = 0; i < 4; i++) {
            if (usable[i] <= 65536) pattern_verify(blocks[i], usable[i], i);
            CHECK_EQUAL(malloc_usable_size(blocks[i]), usable[i]);
            free(blocks[i]);
        }
    }
}

/* The reuse is what a heap gets wrong: fresh pages are zero by themselves. */
static void calloc_is_zero_after_reuse(void) {
    static const size_t sizes[] = {1,      8,      16,      24,      100,     256,
                                   1000,   4096,   5000,    16384,   40000,   65536,
                                   100000, 262144, 1000000, 4 * MIB, 33 * MIB};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        unsigned count = sizes[i] > MIB ? 2 : 64;
        void *blocks[64];
        for (unsigned round = 0; round < 4; round++) {
            for (unsigned j = 0; j < count; j++) {
                blocks[j] = round % 2 == 0 ? malloc(sizes[i]) : calloc(1, sizes[i]);
                CHECK(blocks[j] != NULL);
                if (round % 2 == 1) zero_verify(blocks[j], sizes[i]);
                memset(blocks[j], 0xff, malloc_usable_size(blocks[j]));
            }
            for (unsigned j = 0; j < count; j++) free(blocks[j]);
        }
        void *aligned = memalign(4096, sizes[i]);
        memset(aligned, 0xff, sizes[i]);
        free(aligned);
        void *zeroed = calloc(sizes[i], 1);
        zero_verify(zeroed, sizes[i]);
        free(zeroed);
    }
}

static void calloc_and_reallocarray_refuse_products_that_overflow(void) {
    static const size_t factors[][2] = {{SIZE_MAX, 2},           {2, SIZE_MAX},
                                        {SIZE_MAX / 2 + 1, 2},   {(size_t)1 << 32, (size_t)1 << 32},
                                        {SIZE_MAX / 16 + 2, 16}, {SIZE_MAX, SIZE_MAX}};
    unsigned char *kept = malloc(100);

    pattern_fill(kept, 100, 7);
    for (size_t i = 0; i < COUNT_OF(factors); i++) {
        CHECK_ENOMEM(calloc(factors[i][0], factors[i][1]));
        CHECK_ENOMEM(reallocarray(kept, factors[i][0], factors[i][1]));
        pattern_verify(kept, 100, 7);
    }
    free(kept);
}

static void sizes_above_PTRDIFF_MAX_are_ENOMEM_everywhere(void) {
    void *kept = malloc(100), *out = kept;

    pattern_fill(kept, 100, 3);
    for (size_t i = 0; i < COUNT_OF(too_large); i++) {
        size_t size = too_large[i];
        CHECK_ENOMEM(malloc(size));
        CHECK_ENOMEM(calloc(1, size));
        CHECK_ENOMEM(calloc(size, 1));
        CHECK_ENOMEM(realloc(kept, size));
        CHECK_ENOMEM(realloc(NULL, size));
        CHECK_ENOMEM(memalign(64, size));
        CHECK_ENOMEM(aligned_alloc(4096, size));
        CHECK_ENOMEM(valloc(size));
        CHECK_ENOMEM(pvalloc(size));
        errno = 0;
        CHECK_EQUAL(posix_memalign(&out, 64, size), ENOMEM);
        CHECK_EQUAL(errno, ENOMEM); /* POSIX leaves it open; programs rely on what glibc does */
        CHECK(out == kept);
    }
    pattern_verify(kept, 100, 3);
    free(kept);
}

static void sizes_no_machine_has_are_ENOMEM(void) {
    for (size_t size = (size_t)1 << 47; size < (size_t)PTRDIFF_MAX / 2; size *= 2) {
        CHECK_ENOMEM(malloc(size));
        CHECK_ENOMEM(calloc(2, size));
        CHECK_ENOMEM(aligned_alloc((size_t)1 << 30, size));
    }
    CHECK(malloc(100) != NULL);
}

static void free_keeps_errno(void) {
    static const size_t sizes[] = {0, 1, 64, 1000, 5000, 70000, 300000, 2 * MIB, 40 * MIB};
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            void *block = malloc(sizes[i]), *aligned = memalign(65536, sizes[i]);
            errno = 12345;
            free(block);
            CHECK_EQUAL(errno, 12345);
            free(aligned);
            CHECK_EQUAL(errno, 12345);
        }
    }
    /* A great many at once: whole spans go back while errno is watched. */
    static void *many[20000];
    for (size_t i = 0; i < COUNT_OF(many); i++) many[i] = malloc(1024);
    errno = 54321;
    for (size_t i = 0; i < COUNT_OF(many); i++) free(many[i]);
    CHECK_EQUAL(errno, 54321);
}

static void free_sized_and_free_aligned_sized_free(void) {
    if (free_sized == NULL || free_aligned_sized == NULL) {
        CHECK(!malloc_is_mete());
        fact_skip("the library has no free_sized");
    }
    size_t before = process_bytes("VmRSS:");
    errno = 99;
    free_sized(NULL, 0);
    free_aligned_sized(NULL, 64, 0);
    for (unsigned i = 0; i < 30000; i++) {
        size_t size = 1 + i % 20000;
        void *block = malloc(size);
        memset(block, 1, size);
        free_sized(block, size);
        block = aligned_alloc(128, 128 + size / 128 * 128);
        memset(block, 1, size);
        free_aligned_sized(block, 128, 128 + size / 128 * 128);
    }
    CHECK(process_bytes("VmRSS:") < before + 16 * MIB);
}

static void libc_names_share_one_heap(void) {
    void *blocks[] = {__libc_malloc(100),       __libc_calloc(10, 10),
                      __libc_memalign(64, 100), __libc_realloc(malloc(5), 100),
                      __libc_valloc(100),       __libc_pvalloc(100)};
    for (size_t i = 0; i < COUNT_OF(blocks); i++) {
        CHECK(blocks[i] != NULL && malloc_usable_size(blocks[i]) >= 100);
        memset(blocks[i], (int)i, 100);
    }
    CHECK_EQUAL((uintptr_t)blocks[2] % 64, 0);
    for (size_t i = 0; i < COUNT_OF(blocks); i++) {
        blocks[i] = i % 2 == 0 ? realloc(blocks[i], 200) : __libc_realloc(blocks[i], 200);
        CHECK(((unsigned char *)blocks[i])[99] == i);
        if (i % 2 == 0) __libc_free(blocks[i]);
        if (i % 2 == 1) free(blocks[i]);
    }
}

/* Strings and streams: what the C library allocates inside is freed by the program, and back. */
static void blocks_of_the_C_library_are_the_programs(void) {
    char *line = NULL, *text = NULL;
    size_t capacity = 0;

    for (int i = 0; i < 1000; i++) {
        char *copy = strdup("a copy made by the C library");
        CHECK(malloc_usable_size(copy) >= strlen(copy) + 1);
        copy = realloc(copy, 500);
        free(copy);
    }
    CHECK(asprintf(&text, "%0500d", 7) == 500);
    CHECK(malloc_usable_size(text) > 500);
    free(text);
    FILE *stream = fmemopen((char[]){"one\ntwo\n"}, 8, "r");
    line = malloc(1);
    capacity = 1;
    CHECK(getline(&line, &capacity, stream) == 4);
    CHECK(malloc_usable_size(line) >= capacity);
    fclose(stream);
    free(line);
    char *directory = getcwd(NULL, 0);
    CHECK(directory != NULL);
    free(directory);
}

int main(int argc, char **argv) {
    static const fact facts[] = {
        FACT(every_name_comes_from_the_same_library),
        FACT(blocks_of_size_zero_are_distinct_and_freeable),
        FACT(free_of_null_does_nothing),
        FACT(every_block_is_16_byte_aligned),
        FACT(blocks_keep_what_is_written_and_never_overlap),
        FACT(usable_size_is_enough_and_writable_to_its_end),
        FACT(calloc_is_zero_after_reuse),
        FACT(calloc_and_reallocarray_refuse_products_that_overflow),
        FACT(sizes_above_PTRDIFF_MAX_are_ENOMEM_everywhere),
        FACT(sizes_no_machine_has_are_ENOMEM),
        FACT(free_keeps_errno),
        FACT(free_sized_and_free_aligned_sized_free),
        FACT(libc_names_share_one_heap),
        FACT(blocks_of_the_C_library_are_the_programs),
    };
    return fact_main(facts, COUNT_OF(facts), argc, argv);
}
