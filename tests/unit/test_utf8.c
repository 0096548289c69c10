/* report/utf8.c: what is text and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "report/utf8.h"

static void characters_are_one_to_four_bytes(void **state) {
    (void)state;
    assert_int_equal(mete__utf8_character("a"), 1);
    assert_int_equal(mete__utf8_character("\xc3\xa9"), 2);
    assert_int_equal(mete__utf8_character("\xe2\x80\xa6"), 3);
    assert_int_equal(mete__utf8_character("\xf0\x9f\x98\x80"), 4);
}

static void malformed_bytes_are_no_characters(void **state) {
    static const char *const cases[] = {
        "\x80", /* a continuation alone */
        "\xc3", /* cut short */
        "\xe2\x80",
        "\xf0\x9f\x98",
        "\xc0\xaf", /* overlong */
        "\xe0\x80\xaf",
        "\xf0\x80\x80\xaf",
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xff",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(mete__utf8_character(cases[i]), 0);
}

static void each_bad_byte_is_replaced(void **state) {
    char *valid = mete__utf8_valid("a\xff\xe2\x80z\xc3\xa9");

    (void)state;
    assert_string_equal(valid, "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xc3\xa9");
    free(valid);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_are_one_to_four_bytes),
        cmocka_unit_test(malformed_bytes_are_no_characters),
        cmocka_unit_test(each_bad_byte_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
