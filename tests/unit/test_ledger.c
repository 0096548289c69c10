/* allocator/ledger.c: against a plain array that does the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "allocator/ledger.h"
#include "os/meta.h"

enum { BLOCKS = 3000, STEPS = 200000 };

static mete_layout layout_of(size_t size) {
    return (mete_layout){size, 16};
}

static void *address(size_t i) {
    return (void *)(uintptr_t)(0x10000 + i * 16); /* neighbours collide in a poor hash */
}

static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static void it_knows_exactly_what_is_live(void **state) {
    struct mete__ledger ledger = {.entries = NULL};
    static size_t sizes[BLOCKS]; /* 0: not live */
    size_t live = 0;
    uint32_t random = 1;

    (void)state;
    for (int step = 0; step < STEPS; step++) {
        size_t i = next_random(&random) % BLOCKS;
        struct mete__ledger_entry entry;
        if (sizes[i] == 0) {
            sizes[i] = 1 + next_random(&random) % 1000;
            assert_false(mete__ledger_find(&ledger, address(i), &entry));
            assert_int_equal(mete__ledger_enter(&ledger, address(i), layout_of(sizes[i]), NULL), 0);
            live++;
        } else if (next_random(&random) % 4 == 0) {
            sizes[i]++;
            mete__ledger_resize(&ledger, address(i), sizes[i]);
        } else {
            assert_true(mete__ledger_take(&ledger, address(i), &entry));
            assert_int_equal(entry.size, sizes[i]);
            assert_int_equal(mete__ledger_layout(&entry).align, 16);
            sizes[i] = 0;
            live--;
        }
        assert_int_equal(ledger.count, live);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        struct mete__ledger_entry entry;
        assert_int_equal(mete__ledger_find(&ledger, address(i), &entry), sizes[i] != 0);
        if (sizes[i] != 0) assert_int_equal(entry.size, sizes[i]);
    }
    mete__ledger_end(&ledger);
}

static void an_empty_one_knows_nothing(void **state) {
    struct mete__ledger ledger = {.entries = NULL};
    struct mete__ledger_entry entry;
    size_t count = 7, bytes;

    (void)state;
    assert_false(mete__ledger_find(&ledger, address(1), &entry));
    assert_false(mete__ledger_take(&ledger, address(1), &entry));
    assert_false(mete__ledger_has_left(&ledger, address(1)));
    assert_null(mete__ledger_copy(&ledger, &count, &bytes));
    assert_int_equal(count, 0);
    mete__ledger_end(&ledger);
}

static void what_left_is_remembered_until_it_comes_back(void **state) {
    struct mete__ledger ledger = {.entries = NULL};
    struct mete__ledger_entry entry;

    (void)state;
    assert_int_equal(mete__ledger_enter(&ledger, address(1), layout_of(8), NULL), 0);
    assert_false(mete__ledger_has_left(&ledger, address(1)));
    assert_true(mete__ledger_take(&ledger, address(1), &entry));
    assert_true(mete__ledger_has_left(&ledger, address(1)));
    assert_false(mete__ledger_has_left(&ledger, address(2)));
    assert_int_equal(mete__ledger_enter(&ledger, address(1), layout_of(8), NULL), 0);
    assert_false(mete__ledger_has_left(&ledger, address(1)));
    mete__ledger_end(&ledger);
}

static void a_copy_has_each_entry_once(void **state) {
    struct mete__ledger ledger = {.entries = NULL};
    bool seen[1000] = {false};
    size_t count, bytes;

    (void)state;
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(
            mete__ledger_enter(&ledger, address(i * 7919 % 1000), layout_of(i + 1), NULL), 0);
    struct mete__ledger_entry *entries = mete__ledger_copy(&ledger, &count, &bytes);
    assert_non_null(entries);
    assert_int_equal(count, 1000);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(entries[i].sequence, entries[i].size);
        assert_in_range(entries[i].size, 1, 1000);
        assert_false(seen[entries[i].size - 1]);
        seen[entries[i].size - 1] = true;
    }
    mete__meta_unmap(entries, bytes);
    mete__ledger_end(&ledger);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_knows_exactly_what_is_live),
        cmocka_unit_test(an_empty_one_knows_nothing),
        cmocka_unit_test(what_left_is_remembered_until_it_comes_back),
        cmocka_unit_test(a_copy_has_each_entry_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
