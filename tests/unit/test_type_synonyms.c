/* analysis/types/type_synonyms.h: typedefs of types that have a name besides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "analysis/names.h"
#include "analysis/types/type_synonyms.h"

static void the_first_meaning_of_a_name_counts(void **state) {
    struct mete__type_synonyms synonyms = {0};
    static const char name[] = "list", one[] = "one", other[] = "other";

    (void)state;
    assert_null(mete__type_synonyms_find(&synonyms, "list"));
    assert_int_equal(mete__type_synonyms_add(&synonyms, name, one), 0);
    assert_int_equal(mete__type_synonyms_add(&synonyms, name, other), 0);
    assert_string_equal(mete__type_synonyms_find(&synonyms, "list"), "one");
    assert_null(mete__type_synonyms_find(&synonyms, "one"));
    mete__type_synonyms_free(&synonyms);
}

static void a_typedef_of_the_same_name_is_none(void **state) {
    struct mete__type_synonyms synonyms = {0};
    static const char name[] = "conn";

    (void)state;
    assert_int_equal(mete__type_synonyms_add(&synonyms, name, name), 0);
    assert_null(mete__type_synonyms_find(&synonyms, "conn"));
    mete__type_synonyms_free(&synonyms);
}

static void many_names_are_kept(void **state) {
    struct mete__type_synonyms synonyms = {0};
    struct mete__names *names = mete__names_open();
    char name[32], of[32];

    (void)state;
    assert_non_null(names);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "name_%d", i);
        snprintf(of, sizeof of, "type_%d", i);
        assert_int_equal(mete__type_synonyms_add(&synonyms, mete__names_keep(names, name),
                                                 mete__names_keep(names, of)),
                         0);
    }
    assert_string_equal(mete__type_synonyms_find(&synonyms, "name_0"), "type_0");
    assert_string_equal(mete__type_synonyms_find(&synonyms, "name_999"), "type_999");
    mete__type_synonyms_free(&synonyms);
    mete__names_close(names);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_meaning_of_a_name_counts),
        cmocka_unit_test(a_typedef_of_the_same_name_is_none),
        cmocka_unit_test(many_names_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
