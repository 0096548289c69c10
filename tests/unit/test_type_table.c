/* analysis/types/type_table.h: equal types are kept once, differing ones of a name side by side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "analysis/names.h"
#include "analysis/types/type_table.h"

struct fixture {
    struct mete__names *names;
    struct mete__type_table *table;
};

static int open_table(void **state) {
    static struct fixture fixture;

    fixture.names = mete__names_open();
    fixture.table = mete__type_table_open();
    *state = &fixture;
    return fixture.names == NULL || fixture.table == NULL ? -1 : 0;
}

static int close_table(void **state) {
    struct fixture *fixture = *state;

    mete__type_table_close(fixture->table);
    mete__names_close(fixture->names);
    return 0;
}

/* Keeps "struct NAME { int first; }" with the member at `offset`. */
static struct mete__type *keep(struct fixture *fixture, const char *name, uint64_t offset,
                               bool *is_new) {
    const struct mete__member member = {
        .name = mete__names_keep(fixture->names, "first"),
        .type = mete__names_keep(fixture->names, "int"),
        .offset = offset,
        .size = 4,
        .align = 4,
    };
    const struct mete__type type = {
        .name = mete__names_keep(fixture->names, name),
        .size = offset + 4,
        .align = 4,
        .member_count = 1,
    };
    struct mete__type *kept = mete__type_table_keep(fixture->table, &type, &member, true, is_new);

    assert_non_null(kept);
    return kept;
}

static void equal_types_are_one(void **state) {
    bool first, second;
    struct mete__type *one = keep(*state, "struct s", 0, &first);
    struct mete__type *other = keep(*state, "struct s", 0, &second);

    assert_ptr_equal(one, other);
    assert_true(first);
    assert_false(second);
    assert_int_equal(one->units, 2);
}

static void differing_types_of_a_name_are_kept_apart(void **state) {
    struct fixture *fixture = *state;
    bool is_new;
    struct mete__type *one = keep(fixture, "struct s", 0, &is_new);
    struct mete__type *other = keep(fixture, "struct s", 4, &is_new);

    assert_true(is_new);
    assert_ptr_not_equal(one, other);
    assert_int_equal(mete__type_table_count(fixture->table), 2);
    assert_int_equal(one->units, 1);
}

static void many_types_are_found_again(void **state) {
    struct fixture *fixture = *state;
    enum { COUNT = 5000 };
    char name[32];
    bool is_new;

    for (int round = 0; round < 2; round++)
        for (int i = 0; i < COUNT; i++) {
            snprintf(name, sizeof name, "struct s%d", i);
            keep(fixture, name, 0, &is_new);
            assert_int_equal(is_new, round == 0);
        }
    assert_int_equal(mete__type_table_count(fixture->table), COUNT);
    assert_string_equal(mete__type_table_at(fixture->table, COUNT - 1)->name, "struct s4999");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equal_types_are_one, open_table, close_table),
        cmocka_unit_test_setup_teardown(differing_types_of_a_name_are_kept_apart, open_table,
                                        close_table),
        cmocka_unit_test_setup_teardown(many_types_are_found_again, open_table, close_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
