/* analysis/types/type.h: declarations, as C writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analysis/types/type.h"

static void assert_declared(const char *type, size_t name_at, const char *name,
                            const char *expected) {
    char text[64];

    assert_int_equal(mete__type_declare(text, sizeof text, type, name_at, name),
                     __builtin_strlen(expected));
    assert_string_equal(text, expected);
}

static void a_name_stands_where_its_type_wants_it(void **state) {
    (void)state;
    assert_declared("int", 3, "count", "int count");
    assert_declared("char *", 6, "name", "char *name");
    assert_declared("int (*)(void)", 6, "done", "int (*done)(void)");
    assert_declared("long [4]", 5, "sums", "long sums[4]");
    assert_declared("", 0, "name", "name");
    assert_declared("union {...}", 11, NULL, "union {...}");
}

static void what_exceeds_the_buffer_is_cut(void **state) {
    char text[8];

    (void)state;
    assert_int_equal(mete__type_declare(text, sizeof text, "int (*)(void)", 6, "done"), 17);
    assert_string_equal(text, "int (*d");
    assert_int_equal(mete__type_declare(text, 1, "int", 3, "count"), 9);
    assert_string_equal(text, "");
    assert_int_equal(mete__type_declare(text, sizeof text, "int", 3, "abc"), 7);
    assert_string_equal(text, "int abc");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_stands_where_its_type_wants_it),
        cmocka_unit_test(what_exceeds_the_buffer_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
