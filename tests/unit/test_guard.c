/* guard/guard.h: what is written where it should not be is found, told once, and is no harm. */
#include "guard/guard.h"

#include <stdint.h>
#include <string.h>

#include "guard/fence.h"
#include "heap/alloc.h"
#include "heap/cushion.h"
#include "support/apart.h"
#include "support/hooks.h"
#include "support/whole.h"

static const struct mete__caller somebody = {.pc = 77};

static void watch(void) {
    mete__guard_start(false);
    hooks_watch_all();
}

static char *take(size_t size) {
    char *block = mete__alloc_for(size, &somebody);
    CHECK(block != NULL);
    return memset(block, 'x', size);
}

static void give(char *block) {
    mete__alloc_free_for(block, &somebody);
}

/* Exactly one more error has been told, and that is it. */
static void expect(enum mete__misuse kind, const char *block, ptrdiff_t offset) {
    static unsigned long before;
    CHECK(hooks_seen.misused == before + 1);
    before = hooks_seen.misused;
    CHECK(hooks_seen.misuse == kind);
    CHECK((const char *)hooks_seen.address == block + offset);
}

static const size_t sizes[] = {1, 16, 24, 100, 1000, 5000, 40000, 70000, 3000000};

static void what_a_correct_program_does_is_no_error(void) {
    char *blocks[64] = {NULL};
    uint32_t random = 1;
    watch();
    for (int i = 0; i < 100000; i++) {
        random = random * 1103515245 + 12345;
        char **block = &blocks[random >> 16 & 63];
        size_t size = (random >> 8) % ((i & 63) == 0 ? 100000 : 300);
        if (*block == NULL)
            *block = take(size);
        else if ((random >> 7 & 1) != 0)
            *block = memset(mete__alloc_resize_for(*block, size + 1, &somebody), 'x', size + 1);
        else
            give(*block), *block = NULL;
    }
    mete__guard_check();
    CHECK(hooks_seen.misused == 0);
    CHECK(whole());
}

static void a_byte_behind_a_block_is_found_when_it_is_freed(void) {
    watch();
    for (size_t i = 0; i < METE_COUNT_OF(sizes); i++) {
        char *block = take(sizes[i]);
        block[sizes[i] + 3] = 1;
        give(block);
        expect(METE__HEAP_OVERFLOW, block, (ptrdiff_t)sizes[i] + 3);
        CHECK(hooks_seen.caller_pc == 77);
    }
}

static void a_byte_before_a_block_is_found_when_it_is_freed(void) {
    watch();
    for (size_t i = 0; i < METE_COUNT_OF(sizes); i++) {
        char *block = take(sizes[i]);
        block[-2] = 1;
        give(block);
        expect(METE__HEAP_UNDERFLOW, block, -2);
    }
}

static void it_is_found_by_realloc_too(void) {
    watch();
    char *block = take(50);
    block[50] = 1;
    mete__alloc_resize_for(block, 60, &somebody);
    expect(METE__HEAP_OVERFLOW, block, 50);
}

static void it_is_found_at_the_end_and_told_once(void) {
    watch();
    char *block = take(50);
    block[51] = 1;
    mete__guard_check();
    expect(METE__HEAP_OVERFLOW, block, 51);
    CHECK(hooks_seen.caller_pc == 0);
    mete__guard_check();
    give(block);
    CHECK(hooks_seen.misused == 1);
}

static void a_byte_in_a_freed_block_is_found_at_the_end_and_told_once(void) {
    watch();
    for (size_t i = 0; i < METE_COUNT_OF(sizes); i++) {
        char *block = take(sizes[i]);
        give(block);
        block[sizes[i] / 2] ^= 1;
        mete__guard_check();
        expect(METE__WRITE_AFTER_FREE, block, (ptrdiff_t)sizes[i] / 2);
        mete__guard_check();
    }
    CHECK(hooks_seen.misused == METE_COUNT_OF(sizes));
}

static void a_byte_in_a_freed_block_is_found_when_it_is_used_again(void) {
    watch();
    char *block = take(1000);
    give(block);
    block[7] = 0;
    for (int i = 0; i < 40000; i++) give(take(1000)); /* more than is held */
    expect(METE__WRITE_AFTER_FREE, block, 7);
    CHECK(whole());
}

/* Blocks of one class, taken in a row, are neighbours. */
static void an_overflow_into_a_neighbour_is_not_the_neighbours_underflow(void) {
    for (int order = 0; order < 2; order++) {
        watch();
        char *first = take(100), *second = take(100);
        CHECK(second > first && second - first < 200);
        memset(first + 100, 'y', (size_t)(second - first) - 102);
        give(order == 0 ? first : second);
        expect(METE__HEAP_OVERFLOW, first, 100);
        give(order == 0 ? second : first);
        mete__guard_check();
        CHECK(hooks_seen.misused == (unsigned long)order + 1);
    }
}

static void freed_blocks_hold_no_pointer_and_none_of_their_bytes(void) {
    uintptr_t word;
    watch();
    char *block = take(64);
    give(block);
    for (int i = 0; i < 8; i++) {
        memcpy(&word, block + i * 8, sizeof word);
        CHECK(word == 0xdfdfdfdfdfdfdfdfu); /* no address on any machine */
    }
}

static void a_block_of_another_thread_or_a_handler_is_held_too(void) {
    struct mete__cushion cushion;
    watch();
    char *block = take(100);
    struct mete__cache *busy = mete__cache_enter(); /* as a handler that interrupts would find it */
    give(block);
    CHECK(mete__cushion_find(block, &cushion) && cushion.record->held);
    mete__cache_leave(busy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(what_a_correct_program_does_is_no_error),
        FACT(a_byte_behind_a_block_is_found_when_it_is_freed),
        FACT(a_byte_before_a_block_is_found_when_it_is_freed),
        FACT(it_is_found_by_realloc_too),
        FACT(it_is_found_at_the_end_and_told_once),
        FACT(a_byte_in_a_freed_block_is_found_at_the_end_and_told_once),
        FACT(a_byte_in_a_freed_block_is_found_when_it_is_used_again),
        FACT(an_overflow_into_a_neighbour_is_not_the_neighbours_underflow),
        FACT(freed_blocks_hold_no_pointer_and_none_of_their_bytes),
        FACT(a_block_of_another_thread_or_a_handler_is_held_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
