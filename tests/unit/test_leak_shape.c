/* track/leak_shape.h: each shape as it is laid out, and next to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "track/leak_shape.h"

static struct mete__maps maps;
static struct mete__peek *peek;
static uintptr_t block[1024];

static bool holds(size_t offset, size_t size) {
    return mete__leak_shape_holds((uintptr_t)block + offset, (uintptr_t)block, size, &maps, peek);
}

static int set_up(void **state) {
    (void)state;
    memset(block, 0, sizeof block);
    return 0;
}

static int set_up_group(void **state) {
    (void)state;
    peek = mete__peek_open();
    return peek == NULL ? -1 : mete__maps_read(&maps);
}

static void a_string_is_held_by_its_text(void **state) {
    (void)state;
    block[0] = 5;  /* length */
    block[1] = 30; /* capacity */
    assert_true(holds(24, 24 + 30 + 1));
    assert_false(holds(24, 24 + 30));
    assert_false(holds(16, 24 + 30 + 1));
    assert_false(holds(32, 24 + 30 + 1));
    block[0] = 31; /* longer than its room */
    assert_false(holds(24, 24 + 30 + 1));
    block[0] = 5;
    block[1] = SIZE_MAX - 24; /* the sum wraps to 0 */
    assert_false(holds(24, 25));
}

static void a_block_is_held_by_what_follows_its_length(void **state) {
    (void)state;
    block[0] = 100;
    assert_true(holds(8, 108));
    assert_false(holds(8, 109));
    assert_false(holds(16, 108));
    block[0] = 0;
    assert_false(holds(8, 9));
}

static void an_array_is_held_by_what_follows_its_count(void **state) {
    (void)state;
    block[0] = 3;
    assert_true(holds(8, 8 + 3 * 24));
    assert_true(holds(8, 8 + 3));
    assert_false(holds(8, 8 + 3 * 24 + 1));
    assert_false(holds(16, 8 + 3 * 24));
    block[0] = 0;
    assert_false(holds(8, 8 + 3 * 24));
}

static void a_large_block_is_looked_at_alike(void **state) {
    (void)state;
    block[0] = 8192 - 8;
    assert_true(holds(8, 8192));
}

static void a_thread_table_is_held_by_its_second_entry(void **state) {
    (void)state;
    block[0] = 16;
    assert_true(holds(16, (16 + 2) * 16));
    assert_false(holds(16, (16 + 3) * 16));
    assert_false(holds(32, (16 + 2) * 16));
    block[1] = 1;
    assert_false(holds(16, (16 + 2) * 16));
    block[1] = 0;
    block[0] = 13;
    assert_false(holds(16, (13 + 2) * 16));
    block[0] = SIZE_MAX;
    assert_false(holds(16, 17));
}

/* As a compiler lays them out: in data that the loader relocates and then protects. */
typedef void (*function)(void);
static void one(void) {}
static void two(void) {}
static function const table[8] = {one, NULL, two};
static function const lonely[20] = {one};
static const uintptr_t no_functions[4] = {1, 2, 3, 4};

static void an_object_is_held_by_its_second_base(void **state) {
    (void)state;
    block[0] = (uintptr_t)table;
    block[4] = (uintptr_t)table;
    assert_true(holds(32, 48));
    assert_false(holds(24, 48)); /* no vtable's address there */
    assert_false(holds(36, 48));
    block[4] = (uintptr_t)no_functions;
    assert_false(holds(32, 48));
    block[4] = (uintptr_t)table + 4;
    assert_false(holds(32, 48));
    block[4] = (uintptr_t)lonely;
    assert_false(holds(32, 48));
    block[4] = (uintptr_t)table;
    block[0] = 4095;
    assert_false(holds(32, 48));
    block[0] = (uintptr_t)block; /* not in a file */
    assert_false(holds(32, 48));
}

static void a_vtable_at_the_end_of_memory_is_not_read_beyond(void **state) {
    (void)state;
    const struct mete__mapping *home = mete__maps_find(&maps, (uintptr_t)table);
    assert_non_null(home);
    block[0] = (uintptr_t)table;
    block[4] = home->end - 8;
    assert_false(holds(32, 48));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_string_is_held_by_its_text, set_up),
        cmocka_unit_test_setup(a_block_is_held_by_what_follows_its_length, set_up),
        cmocka_unit_test_setup(an_array_is_held_by_what_follows_its_count, set_up),
        cmocka_unit_test_setup(a_large_block_is_looked_at_alike, set_up),
        cmocka_unit_test_setup(a_thread_table_is_held_by_its_second_entry, set_up),
        cmocka_unit_test_setup(an_object_is_held_by_its_second_base, set_up),
        cmocka_unit_test_setup(a_vtable_at_the_end_of_memory_is_not_read_beyond, set_up),
    };
    return cmocka_run_group_tests(tests, set_up_group, NULL);
}
