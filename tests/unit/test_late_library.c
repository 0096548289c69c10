/* analysis/late_library.h: libraries that are loaded when they are asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "analysis/late_library.h"
#include "base/compiler.h"

static void functions_of_a_library_are_found(void **state) {
    double (*power)(double, double) = NULL;
    double (*root)(double) = NULL;
    const struct mete__late_function functions[] = {{"pow", &power}, {"cbrt", &root}};

    (void)state;
    assert_int_equal(mete__late_library_load("libm.so.6", functions, METE_COUNT_OF(functions)), 0);
    assert_int_equal((int)power(2, 10), 1024);
    assert_int_equal((int)(root(27) + 0.5), 3);
}

static void nothing_changes_where_a_function_is_missing(void **state) {
    double (*power)(double, double) = NULL;
    void (*missing)(void) = NULL;
    const struct mete__late_function functions[] = {{"pow", &power}, {"no_such_name", &missing}};

    (void)state;
    assert_int_equal(mete__late_library_load("libm.so.6", functions, METE_COUNT_OF(functions)),
                     -ENOENT);
    assert_null(power);
    assert_null(missing);
}

static void a_library_that_is_not_there_is_no_entry(void **state) {
    double (*power)(double, double) = NULL;
    const struct mete__late_function functions[] = {{"pow", &power}};

    (void)state;
    assert_int_equal(mete__late_library_load("libno-such-name.so.1", functions, 1), -ENOENT);
    assert_null(power);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_of_a_library_are_found),
        cmocka_unit_test(nothing_changes_where_a_function_is_missing),
        cmocka_unit_test(a_library_that_is_not_there_is_no_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
