/* report/page_fold.c: where long lines are broken, and that nothing of them is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/page_fold.h"

#define WIDTH 40

/* What becomes of a text, which is written in pieces of `step` bytes. */
static void assert_folded(const char *text, const char *expected, size_t step) {
    char *folded;
    size_t length;
    FILE *out = open_memstream(&folded, &length);
    assert_non_null(out);
    FILE *fold = mete__page_fold_open(out, WIDTH);
    assert_non_null(fold);

    for (size_t at = 0; at < strlen(text); at += step) {
        fprintf(fold, "%.*s", (int)step, text + at);
        fflush(fold);
    }
    assert_int_equal(fclose(fold), 0);
    fclose(out);
    assert_string_equal(folded, expected);
    free(folded);
}

static void assert_becomes(const char *text, const char *expected) {
    assert_folded(text, expected, 1);
    assert_folded(text, expected, 1000);
}

static void lines_that_fit_stay_as_they_are(void **state) {
    (void)state;
    assert_becomes("", "");
    assert_becomes("no end", "no end");
    assert_becomes("one\n\n  two\n", "one\n\n  two\n");
    assert_becomes("0123456789012345678901234567890123456789\n",
                   "0123456789012345678901234567890123456789\n");
}

static void long_lines_go_on_behind_their_beginning(void **state) {
    (void)state;
    assert_becomes("  one two three four five six seven eight nine\nten\n",
                   "  one two three four five six seven\n      eight nine\nten\n");
}

static void a_mark_shows_where_they_go_on(void **state) {
    (void)state;
    assert_becomes("   48       8  \vunsigned long long first, second;\n",
                   "   48       8  unsigned long long first,\n               second;\n");
    /* Half of the width is left for what there is to say. */
    assert_becomes("                         \vone two three four five\n",
                   "                         one two three\n                    four five\n");
}

static void what_has_no_spaces_is_broken_at_punctuation_or_anywhere(void **state) {
    (void)state;
    assert_becomes("\v/usr/include/x86_64-linux-gnu/bits/types/struct_FILE.h:49\n",
                   "/usr/include/x86_64-linux-gnu/bits/\ntypes/struct_FILE.h:49\n");
    assert_becomes("\v01234567890123456789012345678901234567890123456789\n",
                   "0123456789012345678901234567890123456789\n0123456789\n");
}

static void escapes_take_no_columns_and_characters_one(void **state) {
    (void)state;
    assert_becomes("\v\033[1;31m01234567890123456789\033[0m0123456789012345678\xe2\x80\xa6\n",
                   "\033[1;31m01234567890123456789\033[0m0123456789012345678\xe2\x80\xa6\n");
    assert_becomes("\v\033[1mone two three four five six seven eight\033[0m nine\n",
                   "\033[1mone two three four five six seven eight\033[0m\nnine\n");
}

static void a_failure_to_write_is_told(void **state) {
    FILE *full = fopen("/dev/full", "w");

    (void)state;
    assert_non_null(full);
    setvbuf(full, NULL, _IONBF, 0);
    FILE *fold = mete__page_fold_open(full, WIDTH);
    assert_non_null(fold);
    fputs("line\n", fold);
    assert_int_not_equal(fclose(fold), 0);
    fclose(full);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_that_fit_stay_as_they_are),
        cmocka_unit_test(long_lines_go_on_behind_their_beginning),
        cmocka_unit_test(a_mark_shows_where_they_go_on),
        cmocka_unit_test(what_has_no_spaces_is_broken_at_punctuation_or_anywhere),
        cmocka_unit_test(escapes_take_no_columns_and_characters_one),
        cmocka_unit_test(a_failure_to_write_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
