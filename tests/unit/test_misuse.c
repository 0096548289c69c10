/* heap/misuse.h: what must not be freed ends the program with exactly this line. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "heap/alloc.h"
#include "heap/cache.h"
#include "heap/misuse.h"
#include "heap/region.h"
#include "heap/slices.h"
#include "support/apart.h"
#include "support/hooks.h"

static const struct mete__caller nobody;
static const struct mete__caller somebody = {.pc = 0x1234};

static void die_of(const char *kind, const void *address, const char *rest) {
    apart_expect("mete: %s of %p%s\n", kind, address, rest);
    mete__alloc_free_for((void *)address, &nobody);
}

static char *watched(size_t size) {
    hooks_watch_all();
    mete__alloc_free_for(mete__alloc_for(60000, &nobody), &nobody); /* so that nothing is listed */
    char *block = mete__alloc_for(size, &nobody);
    CHECK(block != NULL && hooks_seen.block == block);
    return block;
}

/* ---- what is no block ---- */

static void memory_of_the_stack(void) {
    int variable;
    mete__alloc_free(mete__alloc(10));
    die_of("invalid-free", &variable, ", which is no block of this heap");
}

static void memory_of_nobody(void) {
    die_of("invalid-free", (void *)16, ", which is no block of this heap");
}

static void an_address_that_cannot_be(void) {
    mete__alloc_free(mete__alloc(10));
    die_of("invalid-free", (void *)0x8000000000000000, ", which is no block of this heap");
}

static void a_block_of_another_malloc(void) {
    mete__alloc_free(mete__alloc(10));
    die_of("invalid-free", malloc(100), ", which is no block of this heap");
}

static void a_descriptor(void) {
    mete__alloc_free(mete__alloc(10));
    die_of("invalid-free", mete__region_span(mete__region_at(0), 5),
           ", which is no block of this heap");
}

static void the_regions_first_byte(void) {
    mete__alloc_free(mete__alloc(10));
    die_of("invalid-free", (void *)mete__region_at(0)->base, ", which is no block of this heap");
}

static void the_byte_before_the_region(void) {
    mete__alloc_free(mete__alloc(10));
    die_of("invalid-free", (char *)mete__region_at(0)->base - 1,
           ", which is no block of this heap");
}

static void the_byte_behind_the_region(void) {
    mete__alloc_free(mete__alloc(10));
    const struct mete__region *region = mete__region_at(0);
    die_of("invalid-free", (char *)region->base + (region->slices << METE__SLICE_SHIFT),
           ", which is no block of this heap");
}

static void the_regions_last_byte(void) {
    mete__alloc_free(mete__alloc(10));
    const struct mete__region *region = mete__region_at(0);
    die_of("invalid-free", (char *)region->base + (region->slices << METE__SLICE_SHIFT) - 1,
           ", which is no block of this heap");
}

static void a_slice_that_was_never_used(void) {
    char *block = mete__alloc(10);
    die_of("invalid-free", block + ((size_t)1 << 30), ", which is no block of this heap");
}

static void a_part_of_a_span_that_was_never_handed_out(void) {
    char *block = mete__alloc(1000);
    die_of("invalid-free", block + 40 * 1024, ", which is no block of this heap");
}

static void before_any_block(void) {
    char *address = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    die_of("invalid-free", address, ", which is no block of this heap");
}

/* ---- within a block ---- */

static void expect_interior(const char *address, const char *block, const char *size_text) {
    apart_expect("mete: interior-free of %p, %zu bytes into the block at %p, %s\n",
                 (const void *)address, (size_t)(address - block), (const void *)block, size_text);
}

static void the_middle_of_a_large_block(void) {
    char *block = mete__alloc(200000);
    expect_interior(block + 100000, block, "a block of up to 262144 bytes");
    mete__alloc_free(block + 100000);
}

static void the_second_byte_of_a_large_block(void) {
    char *block = mete__alloc(200000);
    expect_interior(block + 1, block, "a block of up to 262144 bytes");
    mete__alloc_free_for(block + 1, &nobody);
}

static void the_middle_of_a_small_block_of_another_thread(void) {
    char *block = mete__alloc(200);
    expect_interior(block + 64, block, "a block of up to 208 bytes");
    mete__cache_self = &mete__cache_empty; /* a thread that has nothing yet */
    mete__alloc_free(block + 64);
}

static void the_middle_of_a_watched_block(void) {
    char *block = watched(200);
    expect_interior(block + 64, block, "a block of 200 bytes");
    mete__alloc_free(block + 64);
}

static void the_last_byte_of_a_watched_large_block(void) {
    char *block = watched(70001);
    expect_interior(block + 70000, block, "a block of 70001 bytes");
    mete__alloc_free(block + 70000);
}

static void realloc_of_the_middle_of_a_watched_block(void) {
    char *block = watched(200);
    expect_interior(block + 16, block, "a block of 200 bytes");
    mete__alloc_resize(block + 16, 300);
}

static void usable_size_of_the_middle_of_a_block(void) {
    char *block = mete__alloc(200);
    expect_interior(block + 16, block, "a block of up to 208 bytes");
    mete__alloc_usable(block + 16, &nobody);
}

/* ---- twice ---- */

static void free_twice(char *block, const char *rest) {
    mete__alloc_free_for(block, &somebody);
    die_of("double-free", block, rest);
}

#define BY ", freed before by the call that returns to 0x1234"

static void a_small_block_at_once(void) {
    free_twice(mete__alloc(200), ", a block of up to 208 bytes");
}

static void a_small_block_that_was_its_spans_last(void) {
    char *block = mete__alloc(200);
    mete__alloc_free(block);
    apart_expect("mete: double-free of %p, a block of up to 208 bytes\n", (void *)block);
    mete__alloc_free(block);
}

static void a_small_block_whose_span_is_gone(void) {
    char *first[9];
    for (int i = 0; i < 9; i++) first[i] = mete__alloc(8192); /* eight of them fill a span */
    for (int i = 0; i < 8; i++) mete__alloc_free_for(first[i], &nobody);
    die_of("double-free", first[3], ", a block of up to 8192 bytes");
}

static void a_large_block(void) {
    free_twice(mete__alloc(200000), ", a block of up to 262144 bytes");
}

static void *free_in_thread(void *block) {
    mete__alloc_free_for(block, &somebody);
    return NULL;
}

static void run_thread(void *(*body)(void *), void *argument) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, argument) == 0);
    pthread_join(thread, NULL);
}

static void a_block_by_two_threads_that_do_not_own_it(void) {
    char *block = mete__alloc(200);
    apart_expect("mete: double-free of %p, a block of up to 208 bytes\n", (void *)block);
    run_thread(free_in_thread, block);
    run_thread(free_in_thread, block);
}

static void a_block_by_its_owner_and_then_by_another_thread(void) {
    char *block = mete__alloc(200);
    mete__alloc_free(block); /* the span's last, which stays */
    run_thread(free_in_thread, block);
    apart_expect("mete: double-free of %p\n", (void *)block);
    mete__alloc_free(mete__alloc(60000)); /* takes it in, and finds nothing to be freed */
}

static void a_watched_block_at_once(void) {
    free_twice(watched(200), ", a block of 200 bytes" BY);
}

static void a_watched_block_by_another_thread(void) {
    char *block = watched(200);
    run_thread(free_in_thread, block);
    die_of("double-free", block, ", a block of 200 bytes" BY);
}

static void a_watched_block_whose_span_is_gone(void) {
    char *blocks[9] = {watched(8191)};
    for (int i = 1; i < 9; i++) blocks[i] = mete__alloc(8191);
    for (int i = 0; i < 8; i++) mete__alloc_free_for(blocks[i], &somebody);
    char *memory;
    CHECK(mete__slices_find(blocks[3], &memory) == NULL);
    die_of("double-free", blocks[3], ", a block of up to 8192 bytes" BY);
}

static void a_watched_block_of_no_bytes(void) {
    free_twice(watched(0), ", a block of 0 bytes" BY);
}

/* Beyond what the record of a free block has room for. */
static void a_watched_block_of_many_bytes(void) {
    free_twice(watched(1022), ", a block of 1022 bytes" BY);
}

static void a_watched_block_of_too_many_bytes(void) {
    free_twice(watched(1023), ", a block of up to 1024 bytes" BY);
}

static void a_watched_large_block(void) {
    free_twice(watched(200000), ", a block of up to 262144 bytes" BY);
}

static void a_watched_large_block_whose_memory_is_somebody_elses(void) {
    char *block = watched(200000);
    mete__alloc_free_for(block, &somebody);
    char *before = mete__alloc(65536 + 10), *other = mete__alloc(200000);
    CHECK(before == block && other == block + 131072);
    mete__alloc_free_for(before, &nobody);
    CHECK(mete__alloc(65536 * 2 - 1) == block);
    /* The new owner's it is, as far as anybody can tell. */
    mete__alloc_free_for(block, &nobody);
    die_of("double-free", block, ", a block of up to 131072 bytes");
}

static void realloc_of_a_freed_watched_block(void) {
    char *block = watched(200);
    mete__alloc_free_for(block, &somebody);
    apart_expect("mete: double-free of %p, a block of 200 bytes" BY "\n", (void *)block);
    mete__alloc_resize(block, 300);
}

/* ---- what is freed by another family of functions, and what is not ---- */

static const struct mete__caller by_malloc = {.family = METE__FAMILY_MALLOC};
static const struct mete__caller by_new = {.family = METE__FAMILY_NEW};
static const struct mete__caller by_array = {.family = METE__FAMILY_NEW_ARRAY};

static unsigned long mismatches(const struct mete__caller *from, const struct mete__caller *to,
                                size_t size, size_t said) {
    unsigned long before = hooks_seen.misused;
    struct mete__caller sized = *to;

    sized.said_size = said;
    hooks_watch_all();
    void *block = mete__alloc_for(size, from);
    mete__alloc_free_for(block, &sized);
    CHECK(hooks_seen.block == block);
    return hooks_seen.misused - before;
}

static void the_families_are_kept_apart(void) {
    const struct mete__caller *all[] = {&by_malloc, &by_new, &by_array};
    for (size_t size = 1; size < 300000; size *= 7)
        for (int from = 0; from < 3; from++)
            for (int to = 0; to < 3; to++)
                CHECK(mismatches(all[from], all[to], size, 0) == (from != to));
    CHECK(hooks_seen.misuse == METE__MISMATCHED_FREE);
}

static void who_knows_no_family_fits_all(void) {
    CHECK(mismatches(&nobody, &by_array, 100, 0) == 0);
    CHECK(mismatches(&by_new, &nobody, 100, 0) == 0);
}

static void a_size_that_is_said_must_be_the_blocks(void) {
    CHECK(mismatches(&by_malloc, &by_malloc, 100, 100) == 0);
    CHECK(mismatches(&by_malloc, &by_malloc, 100, 101) == 1);
    CHECK(mismatches(&by_new, &by_new, 200000, 200001) == 1);
    CHECK(mismatches(&nobody, &by_new, 100, 100) == 0);
    CHECK(mismatches(&nobody, &by_new, 100, 99) == 1);
}

static void realloc_asks_too_and_makes_the_block_its_own(void) {
    for (size_t size = 100; size <= 400000; size = size * 2 - 1) {
        hooks_watch_all();
        char *block = mete__alloc_for(200000, &by_new);
        unsigned long before = hooks_seen.misused;
        block = mete__alloc_resize_for(block, size, &by_malloc);
        CHECK(hooks_seen.misused == before + 1);
        mete__alloc_free_for(block, &by_malloc);
        CHECK(hooks_seen.misused == before + 1);
    }
}

/* ---- who is told ---- */

static int told;

static void on_abort(int number) {
    (void)number;
    told = (int)hooks_seen.misused;
    _exit(told == 1 && hooks_seen.caller_pc == 0x1234 ? 0 : 1);
}

static void the_watcher_is_told_first_with_block_record_and_caller(void) {
    char *block = watched(200);
    const struct mete__record *record = hooks_seen.record;
    signal(SIGABRT, on_abort);
    mete__alloc_free_for(block, &nobody);
    hooks_seen.record = NULL;
    mete__alloc_free_for(block, &somebody);
    CHECK(hooks_seen.record == record); /* not reached */
}

static void a_long_story_is_cut_to_one_line(void) {
    struct mete__found found = {.block = (void *)8, .block_bytes = SIZE_MAX};
    struct mete__record record = {.stack = 0};
    found.record = &record;
    record.freed_by = ((uint64_t)1 << 48) - 1;
    record.was = METE__RECORD_WAS_MANY;
    apart_expect("mete: mismatched-free of 0x7fffffffffffffff, 9223372036854775799 bytes into the "
                 "block at 0x8, a block of up to 18446744073709551615 bytes, freed before by the "
                 "call that returns to 0xffffffffffff\n");
    mete__misuse(METE__MISMATCHED_FREE, (void *)INTPTR_MAX, &found, &nobody);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        DEATH(memory_of_the_stack),
        DEATH(memory_of_nobody),
        DEATH(an_address_that_cannot_be),
        DEATH(a_block_of_another_malloc),
        DEATH(a_descriptor),
        DEATH(the_regions_first_byte),
        DEATH(the_byte_before_the_region),
        DEATH(the_byte_behind_the_region),
        DEATH(the_regions_last_byte),
        DEATH(a_slice_that_was_never_used),
        DEATH(a_part_of_a_span_that_was_never_handed_out),
        DEATH(before_any_block),
        DEATH(the_middle_of_a_large_block),
        DEATH(the_second_byte_of_a_large_block),
        DEATH(the_middle_of_a_small_block_of_another_thread),
        DEATH(the_middle_of_a_watched_block),
        DEATH(the_last_byte_of_a_watched_large_block),
        DEATH(realloc_of_the_middle_of_a_watched_block),
        DEATH(usable_size_of_the_middle_of_a_block),
        DEATH(a_small_block_at_once),
        DEATH(a_small_block_that_was_its_spans_last),
        DEATH(a_small_block_whose_span_is_gone),
        DEATH(a_large_block),
        DEATH(a_block_by_two_threads_that_do_not_own_it),
        DEATH(a_block_by_its_owner_and_then_by_another_thread),
        DEATH(a_watched_block_at_once),
        DEATH(a_watched_block_by_another_thread),
        DEATH(a_watched_block_whose_span_is_gone),
        DEATH(a_watched_block_of_no_bytes),
        DEATH(a_watched_block_of_many_bytes),
        DEATH(a_watched_block_of_too_many_bytes),
        DEATH(a_watched_large_block),
        DEATH(a_watched_large_block_whose_memory_is_somebody_elses),
        DEATH(realloc_of_a_freed_watched_block),
        FACT(the_families_are_kept_apart),
        FACT(who_knows_no_family_fits_all),
        FACT(a_size_that_is_said_must_be_the_blocks),
        FACT(realloc_asks_too_and_makes_the_block_its_own),
        FACT(the_watcher_is_told_first_with_block_record_and_caller),
        DEATH(a_long_story_is_cut_to_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
