/* os/meta.h: tables come zeroed, are found again by size, and are all known as mete's own. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/compiler.h"
#include "os/memory.h"
#include "os/meta.h"
#include "support/apart.h"

struct search {
    uintptr_t address;
    size_t holders; /* ranges that hold it */
};

static void look_in(void *context, uintptr_t start, size_t size) {
    struct search *search = context;
    search->holders += search->address - start < size;
}

static size_t holders_of(const void *address) {
    struct search search = {.address = (uintptr_t)address};
    mete__meta_each_range(look_in, &search);
    return search.holders;
}

static bool is_zero(const char *memory, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (memory[i] != 0) return false;
    return true;
}

static void tables_of_every_size_are_zero_aligned_and_known(void) {
    for (size_t size = 1; size <= (size_t)1 << 20; size = size * 5 / 3 + 1) {
        char *table = mete__meta_alloc(size);
        CHECK(table != NULL && (uintptr_t)table % 64 == 0);
        CHECK(is_zero(table, size));
        CHECK(holders_of(table) == 1 && holders_of(table + size - 1) == 1);
        memset(table, 0xa5, size);
    }
}

static void a_table_given_back_is_the_next_of_its_size_and_zero_again(void) {
    static const size_t sizes[] = {1, 64, 65, 1000, 65536};
    for (size_t i = 0; i < METE_COUNT_OF(sizes); i++) {
        char *table = mete__meta_alloc(sizes[i]);
        memset(table, 0xa5, sizes[i]);
        mete__meta_free(table, sizes[i]);
        CHECK(mete__meta_alloc(sizes[i]) == table);
        CHECK(is_zero(table, sizes[i]));
    }
}

static void small_tables_do_not_overlap(void) {
    char *tables[300];
    for (size_t i = 0; i < METE_COUNT_OF(tables); i++) {
        size_t size = i % 7 * 40 + 1;
        tables[i] = mete__meta_alloc(size);
        memset(tables[i], (int)i, size);
    }
    for (size_t i = 0; i < METE_COUNT_OF(tables); i++)
        for (size_t at = 0; at < i % 7 * 40 + 1; at++) CHECK(tables[i][at] == (char)i);
}

static void a_mapping_that_ends_is_mapped_no_more(void) {
    size_t before = mete__meta_bytes();
    char *large = mete__meta_alloc(100000); /* a mapping of its own */
    char *map = mete__meta_map(5000);
    CHECK(mete__meta_bytes() >= before + 105000);
    before = mete__meta_bytes();
    mete__meta_unmap(map, 5000);
    mete__meta_free(large, 100000);
    CHECK(mete__meta_bytes() < before - 100000);
    CHECK(holders_of(map) == 0 && holders_of(large) == 0);
    CHECK(msync(map, 4096, MS_ASYNC) != 0 && errno == ENOMEM);
}

static void what_others_have_mapped_is_known_while_it_is_entered(void) {
    static char theirs[100];
    CHECK(holders_of(theirs) == 0);
    mete__meta_register(theirs, sizeof theirs);
    CHECK(holders_of(theirs) == 1 && holders_of(theirs + 99) == 1);
    mete__meta_forget(theirs, sizeof theirs);
    CHECK(holders_of(theirs) == 0);
}

/* More than a page of entries, and gaps in it that are filled again. */
static void thousands_of_ranges_are_known_one_by_one(void) {
    enum { RANGES = 1500 };
    static char theirs[RANGES * 2];
    for (size_t i = 0; i < RANGES; i++) mete__meta_register(&theirs[i * 2], 1);
    for (size_t i = 0; i < RANGES; i++)
        CHECK(holders_of(&theirs[i * 2]) == 1 && holders_of(&theirs[i * 2 + 1]) == 0);
    for (size_t i = 0; i < RANGES; i += 2) mete__meta_forget(&theirs[i * 2], 1);
    size_t before = mete__meta_bytes();
    for (size_t i = 0; i < RANGES; i += 2) mete__meta_register(&theirs[i * 2], 1);
    CHECK(mete__meta_bytes() == before + RANGES / 2); /* and no page more */
    for (size_t i = 0; i < RANGES; i++) CHECK(holders_of(&theirs[i * 2]) == 1);
}

static void nothing_is_nothing(void) {
    size_t before = mete__meta_bytes();
    mete__meta_free(NULL, 64);
    mete__meta_free(NULL, 1 << 20);
    mete__meta_unmap(NULL, 4096);
    CHECK(mete__meta_bytes() == before);
}

static void without_address_space_there_is_no_table(void) {
    if (APART_SANITIZED) apart_skip("a sanitizer needs the address space");
    struct rlimit limit = {1, 1};
    setrlimit(RLIMIT_AS, &limit);
    CHECK(mete__meta_alloc(64) == NULL);
    CHECK(mete__meta_alloc((size_t)1 << 20) == NULL);
    CHECK(mete__meta_map(SIZE_MAX / 2) == NULL);
    CHECK(mete__meta_bytes() == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(tables_of_every_size_are_zero_aligned_and_known),
        FACT(a_table_given_back_is_the_next_of_its_size_and_zero_again),
        FACT(small_tables_do_not_overlap),
        FACT(a_mapping_that_ends_is_mapped_no_more),
        FACT(what_others_have_mapped_is_known_while_it_is_entered),
        FACT(thousands_of_ranges_are_known_one_by_one),
        FACT(nothing_is_nothing),
        FACT(without_address_space_there_is_no_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
