/* base/text.h: what each conversion makes, and that nothing is written behind the buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <string.h>

#include "base/text.h"

/* A buffer with a byte behind it that must stay. */
static struct {
    char text[64];
    char behind;
} buffer;

static struct mete__text fresh(size_t capacity) {
    memset(&buffer, '#', sizeof buffer);
    return mete__text_in(buffer.text, capacity);
}

static void every_conversion_makes_what_printf_makes(void **state) {
    struct mete__text text = fresh(sizeof buffer.text);
    (void)state;
    mete__text_add(&text, "%s|%c|%d|%u|%x|%%", "word", 'c', -17, 4000000000u, 0xbeefu);
    assert_string_equal(buffer.text, "word|c|-17|4000000000|beef|%");
    assert_int_equal(text.length, strlen(buffer.text));
}

static void numbers_are_whole_at_both_ends_of_their_types(void **state) {
    struct mete__text text = fresh(sizeof buffer.text);
    (void)state;
    mete__text_add(&text, "%d %d", INT_MIN, INT_MAX);
    assert_string_equal(buffer.text, "-2147483648 2147483647");
    text = fresh(sizeof buffer.text);
    mete__text_add(&text, "%ld %lld", LONG_MIN, LLONG_MAX);
    assert_string_equal(buffer.text, "-9223372036854775808 9223372036854775807");
    text = fresh(sizeof buffer.text);
    mete__text_add(&text, "%zu %lx %llu", SIZE_MAX, ULONG_MAX, 0ull);
    assert_string_equal(buffer.text, "18446744073709551615 ffffffffffffffff 0");
}

static void a_pointer_begins_with_0x_also_where_it_is_null(void **state) {
    struct mete__text text = fresh(sizeof buffer.text);
    (void)state;
    mete__text_add(&text, "%p %p", (void *)0x7fff00001000, NULL);
    assert_string_equal(buffer.text, "0x7fff00001000 0x0");
}

static void no_string_is_said_to_be_none(void **state) {
    struct mete__text text = fresh(sizeof buffer.text);
    const char *volatile none = NULL;
    (void)state;
    mete__text_add(&text, "[%s]", none);
    assert_string_equal(buffer.text, "[(none)]");
}

static void what_does_not_fit_is_cut_and_still_ended(void **state) {
    (void)state;
    for (size_t capacity = 1; capacity < 20; capacity++) {
        struct mete__text text = fresh(capacity);
        mete__text_add(&text, "%s and %u", "twelve chars", 123456u);
        assert_int_equal(text.length, capacity - 1);
        assert_int_equal(strlen(buffer.text), capacity - 1);
        assert_int_equal(strncmp(buffer.text, "twelve chars and 123456", capacity - 1), 0);
        assert_int_equal(buffer.text[capacity], '#');
    }
    assert_int_equal(buffer.behind, '#');
}

static void additions_follow_one_another(void **state) {
    struct mete__text text = fresh(8);
    (void)state;
    mete__text_add(&text, "%s", "abc");
    mete__text_add(&text, "%s", "def");
    mete__text_add(&text, "%s", "ghi");
    assert_string_equal(buffer.text, "abcdefg");
    mete__text_add(&text, "%s", "more");
    assert_string_equal(buffer.text, "abcdefg");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_conversion_makes_what_printf_makes),
        cmocka_unit_test(numbers_are_whole_at_both_ends_of_their_types),
        cmocka_unit_test(a_pointer_begins_with_0x_also_where_it_is_null),
        cmocka_unit_test(no_string_is_said_to_be_none),
        cmocka_unit_test(what_does_not_fit_is_cut_and_still_ended),
        cmocka_unit_test(additions_follow_one_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
