/* analysis/demangle.c and names.c: symbols made readable, and kept once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "analysis/demangle.h"
#include "analysis/names.h"

static void assert_demangled(const char *symbol, const char *expected) {
    char *name = mete__demangle(symbol);

    assert_non_null(name);
    assert_string_equal(name, expected);
    free(name);
}

static void cxx_symbols_are_demangled(void **state) {
    (void)state;
    assert_demangled("_ZN2ns1fEi", "ns::f(int)");
    assert_demangled("_Znwm", "operator new(unsigned long)");
}

static void rust_symbols_lose_hash_and_escapes(void **state) {
    (void)state;
    assert_demangled("_ZN5alloc3vec9from_elem17h0123456789abcdefE", "alloc::vec::from_elem");
    assert_demangled(
        "_ZN60_$LT$alloc..string..String$u20$as$u20$core..fmt..Display$GT$3fmt17h0123456789abcdefE",
        "<alloc::string::String as core::fmt::Display>::fmt");
}

static void other_symbols_are_left_alone(void **state) {
    (void)state;
    assert_null(mete__demangle("main"));
    assert_null(mete__demangle("_Z"));
    assert_null(mete__demangle("_ZNnonsense"));
    assert_null(mete__demangle(""));
}

static void equal_names_are_kept_once(void **state) {
    struct mete__names *names = mete__names_open();
    char text[16] = "one";
    const char *one = mete__names_keep(names, text);

    (void)state;
    text[0] = 'O';
    assert_string_equal(one, "one");
    assert_ptr_equal(mete__names_keep(names, "one"), one);
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "name%d", i);
        assert_non_null(mete__names_keep(names, text));
    }
    assert_ptr_equal(mete__names_keep(names, "one"), one);
    assert_int_equal(mete__names_number(names, "one"), 0);
    assert_int_equal(mete__names_number(names, "name4999"), 5000);
    assert_int_equal(mete__names_number(names, "new"), 5001);
    assert_ptr_equal(mete__names_readable(names, "one"), one);
    assert_string_equal(mete__names_readable(names, "_ZN2ns1fEi"), "ns::f(int)");
    assert_ptr_equal(mete__names_readable(names, "_ZN2ns1fEi"),
                     mete__names_keep(names, "ns::f(int)"));
    mete__names_close(names);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cxx_symbols_are_demangled),
        cmocka_unit_test(rust_symbols_lose_hash_and_escapes),
        cmocka_unit_test(other_symbols_are_left_alone),
        cmocka_unit_test(equal_names_are_kept_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
