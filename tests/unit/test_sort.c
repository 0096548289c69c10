/* base/sort.h: any order comes out sorted, with every item once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/sort.h"

struct item {
    unsigned key;
    unsigned number; /* where it stood */
    char rest[METE__SORT_LARGEST - 2 * sizeof(unsigned)];
};

static bool comes_before(const void *left, const void *right) {
    const struct item *a = left, *b = right;
    return a->key < b->key;
}

static void sort_and_expect_order(struct item *items, size_t count) {
    size_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        items[i].number = (unsigned)i;
        items[i].rest[0] = (char)items[i].key;
    }
    mete__sort(items, count, sizeof *items, comes_before);
    for (size_t i = 0; i < count; i++) {
        sum += items[i].number;
        assert_int_equal(items[i].rest[0], (char)items[i].key);
        if (i > 0) assert_false(comes_before(&items[i], &items[i - 1]));
    }
    assert_int_equal(sum, count * (count - 1) / 2);
}

static void few_items_are_sorted_from_every_order(void **state) {
    struct item items[6];

    (void)state;
    for (unsigned code = 0; code < 6 * 6 * 6 * 6 * 6 * 6; code++) {
        unsigned rest = code;
        for (size_t i = 0; i < METE_COUNT_OF(items); i++, rest /= 6) items[i].key = rest % 6;
        sort_and_expect_order(items, METE_COUNT_OF(items));
    }
}

static void many_items_are_sorted(void **state) {
    static struct item items[1000];

    (void)state;
    for (unsigned i = 0; i < 1000; i++) items[i].key = i * 7919 % 997;
    for (size_t count = 990; count <= METE_COUNT_OF(items); count++)
        sort_and_expect_order(items, count);
}

static void nothing_and_one_item_are_left_alone(void **state) {
    struct item one = {.key = 7};

    (void)state;
    mete__sort(NULL, 0, sizeof one, comes_before);
    mete__sort(&one, 1, sizeof one, comes_before);
    assert_int_equal(one.key, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_items_are_sorted_from_every_order),
        cmocka_unit_test(many_items_are_sorted),
        cmocka_unit_test(nothing_and_one_item_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
