/* cli/options.c: every spelling of every kind, and everything that is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "cli/options.h"

struct values {
    bool flag;
    bool other;
    const char *text;
    struct mete__option_texts texts;
    uint64_t number;
    uint64_t bytes;
    int choice;
};

static const struct mete__option_choice choices[] = {{"low", 1}, {"high", 7}, {NULL, 0}};
#define OPTION(...) METE__OPTION(struct values, __VA_ARGS__)
static const struct mete__option table[] = {
    OPTION(flag, "flag", NULL, "", .letter = 'f'),
    OPTION(other, "other", NULL, "", .letter = 'g'),
    OPTION(text, "text", "T", "", .letter = 't'),
    OPTION(texts, "texts", "T", ""),
    OPTION(number, "number", "N", "", .min = 3, .max = 255),
    OPTION(bytes, "bytes", "N", "", .is_bytes = true, .min = 1, .max = UINT64_MAX),
    OPTION(choice, "choice", "C", "", .choices = choices),
};
static struct mete__usage usage = {.command = "test",
                                   .operands = "",
                                   .summary = "",
                                   .options = table,
                                   .option_count = METE_COUNT_OF(table)};

static struct values values;
static char **operands;

/* Parses the arguments up to the NULL. */
static int parse(const char *first, ...) {
    static char *argv[32];
    va_list rest;
    int argc = 1;

    argv[0] = (char *)(uintptr_t) "test";
    va_start(rest, first);
    for (const char *next = first; next; next = va_arg(rest, const char *))
        argv[argc++] = (char *)(uintptr_t)next;
    va_end(rest);
    argv[argc] = NULL;
    memset(&values, 0, sizeof values);
    return mete__options_parse(&usage, argc, argv, &values, &operands);
}

static int ignore_output(void **state) {
    (void)state;
    return freopen("/dev/null", "w", stderr) ? 0 : -1;
}

static void values_come_with_an_equals_sign_or_as_the_next_argument(void **state) {
    (void)state;
    assert_int_equal(parse("--text=a", "--number=7", "--choice=high", "--flag", NULL), 0);
    assert_string_equal(values.text, "a");
    assert_int_equal(values.number, 7);
    assert_int_equal(values.choice, 7);
    assert_true(values.flag);
    assert_false(values.other);
    assert_int_equal(parse("--text", "--number", "--number", "7", NULL), 0);
    assert_string_equal(values.text, "--number");
    assert_int_equal(values.number, 7);
    assert_int_equal(parse("--text=a=b", NULL), 0);
    assert_string_equal(values.text, "a=b");
}

static void letters_may_stand_together_and_take_values(void **state) {
    (void)state;
    assert_int_equal(parse("-fgta", NULL), 0);
    assert_true(values.flag && values.other);
    assert_string_equal(values.text, "a");
    assert_int_equal(parse("-t", "a", NULL), 0);
    assert_string_equal(values.text, "a");
    assert_int_equal(parse("-ft", NULL), METE__OPTIONS_BAD);
    assert_int_equal(parse("-fx", NULL), METE__OPTIONS_BAD);
}

static void the_last_of_several_wins_but_lists_grow(void **state) {
    (void)state;
    assert_int_equal(parse("--text=a", "--text=b", "--texts=c", "--texts", "d", NULL), 0);
    assert_string_equal(values.text, "b");
    assert_int_equal(values.texts.count, 2);
    assert_string_equal(values.texts.text[1], "d");
}

static void operands_may_stand_anywhere_or_end_the_options(void **state) {
    (void)state;
    assert_int_equal(parse("a", "--flag", "b", "--", "--other", NULL), 3);
    assert_string_equal(operands[0], "a");
    assert_string_equal(operands[1], "b");
    assert_string_equal(operands[2], "--other");
    assert_null(operands[3]);
    assert_true(values.flag && !values.other);
    usage.stops_at_operand = true;
    assert_int_equal(parse("--flag", "a", "--other", "--", NULL), 3);
    assert_string_equal(operands[1], "--other");
    assert_string_equal(operands[2], "--");
    assert_int_equal(parse("--flag", "--", "--other", NULL), 1);
    assert_string_equal(operands[0], "--other");
    assert_int_equal(parse("-", NULL), 1); /* a name like any other */
    usage.stops_at_operand = false;
    assert_false(values.other);
}

static void numbers_are_digits_within_their_range(void **state) {
    (void)state;
    static const char *const bad[] = {"2",  "256", "",    "-7", "+7",
                                      " 7", "7x",  "0x7", "7K", "18446744073709551623"};
    for (size_t i = 0; i < METE_COUNT_OF(bad); i++)
        assert_int_equal(parse("--number", bad[i], NULL), METE__OPTIONS_BAD);
    assert_int_equal(parse("--number=255", NULL), 0);
    assert_int_equal(values.number, 255);
}

static void bytes_may_have_a_unit(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {{"1", 1},          {"512K", 512 << 10}, {"512k", 512 << 10}, {"3M", 3 << 20},
                {"3MiB", 3 << 20}, {"3MB", 3 << 20},    {"2G", 2ull << 30}};
    static const char *const bad[] = {"0", "K", "1T", "1KK", "1Ki", "99999999999999G", "1@"};
    for (size_t i = 0; i < METE_COUNT_OF(good); i++) {
        assert_int_equal(parse("--bytes", good[i].text, NULL), 0);
        assert_true(values.bytes == good[i].value);
    }
    for (size_t i = 0; i < METE_COUNT_OF(bad); i++)
        assert_int_equal(parse("--bytes", bad[i], NULL), METE__OPTIONS_BAD);
}

static void wrong_use_is_refused(void **state) {
    (void)state;
    assert_int_equal(parse("--unknown", NULL), METE__OPTIONS_BAD);
    assert_int_equal(parse("--fla", NULL),
                     METE__OPTIONS_BAD); /* no abbreviations: a name may come */
    assert_int_equal(parse("--flag=1", NULL), METE__OPTIONS_BAD);
    assert_int_equal(parse("--text", NULL), METE__OPTIONS_BAD);
    assert_int_equal(parse("--text=", NULL), METE__OPTIONS_BAD);
    assert_int_equal(parse("--choice=middle", NULL), METE__OPTIONS_BAD);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_with_an_equals_sign_or_as_the_next_argument),
        cmocka_unit_test(letters_may_stand_together_and_take_values),
        cmocka_unit_test(the_last_of_several_wins_but_lists_grow),
        cmocka_unit_test(operands_may_stand_anywhere_or_end_the_options),
        cmocka_unit_test(numbers_are_digits_within_their_range),
        cmocka_unit_test(bytes_may_have_a_unit),
        cmocka_unit_test(wrong_use_is_refused),
    };
    return cmocka_run_group_tests(tests, ignore_output, NULL);
}
