/* report/page.c: columns, cuts, and texts that cannot be trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/page.h"
#include "support/fresh.h"

static char *text;
static size_t length, seen; /* bytes of text: all, and those looked at */
static struct mete__page page;

static int set_up(void **state) {
    (void)state;
    seen = 0;
    page = (struct mete__page){.out = open_memstream(&text, &length), .width = 80};
    return page.out == NULL ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    fclose(page.out);
    free(text);
    return 0;
}

/* What was written since the last time. */
static void assert_written(const char *expected) {
    fflush(page.out);
    assert_string_equal(text + seen, expected);
    seen = length;
}

static void long_texts_lose_their_end_or_their_start(void **state) {
    (void)state;
    page.unicode = true;
    assert_int_equal(mete__page_text(&page, METE__PAGE_PLAIN, "function", 8, false), 8);
    assert_written("function");
    assert_int_equal(mete__page_text(&page, METE__PAGE_PLAIN, "function", 5, false), 5);
    assert_written("func…");
    assert_int_equal(mete__page_text(&page, METE__PAGE_PLAIN, "src/file.c:12", 9, true), 9);
    assert_written("…ile.c:12");
    assert_int_equal(mete__page_text(&page, METE__PAGE_PLAIN, "abc", 1, true), 1);
    assert_written("…");
    assert_int_equal(mete__page_text(&page, METE__PAGE_PLAIN, "abc", 0, false), 0);
}

static void characters_count_once_whatever_their_bytes(void **state) {
    (void)state;
    page.unicode = true;
    assert_int_equal(mete__page_columns("h\xc3\xa9llo"), 5);
    assert_int_equal(mete__page_text(&page, METE__PAGE_PLAIN, "h\xc3\xa9llo", 3, false), 3);
    assert_written("h\xc3\xa9…");
}

static void control_characters_cannot_reach_the_terminal(void **state) {
    (void)state;
    page.unicode = true;
    mete__page_text(&page, METE__PAGE_PLAIN, "a\033[31mb\n\x7f\xc2\x9b\xff", 80, false);
    assert_written("a?[31mb????");
}

static void without_unicode_everything_is_ascii(void **state) {
    (void)state;
    mete__page_text(&page, METE__PAGE_PLAIN, "h\xc3\xa9llo", 3, false);
    assert_written("h?~");
}

static void styles_are_escapes_only_with_colour(void **state) {
    (void)state;
    mete__page_print(&page, METE__PAGE_BAD, "%d", 1);
    assert_written("1");
    page.colour = true;
    mete__page_print(&page, METE__PAGE_BAD, "%d", 1);
    assert_written("\033[1;31m1\033[0m");
    mete__page_print(&page, METE__PAGE_PLAIN, "%d", 1);
    assert_written("1");
    mete__page_put(&page, METE__PAGE_FAINT, "100 %d", 5);
    assert_written("\033[2m100 %\033[0m");
    page.colour = false;
    mete__page_put(&page, METE__PAGE_FAINT, "100 %d", 6);
    assert_written("100 %d");
}

static void gaps_are_spaces(void **state) {
    (void)state;
    mete__page_gap(&page, 3);
    assert_written("   ");
    mete__page_gap(&page, 0);
    assert_written("");
}

static void a_file_has_no_width_and_no_colour(void **state) {
    struct mete__page opened;
    FILE *file = tmpfile();

    (void)state;
    mete__page_open(&opened, file);
    assert_int_equal(opened.width, METE__PAGE_ENDLESS);
    assert_false(opened.colour);
    fclose(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(long_texts_lose_their_end_or_their_start),
        FACT(characters_count_once_whatever_their_bytes),
        FACT(control_characters_cannot_reach_the_terminal),
        FACT(without_unicode_everything_is_ascii),
        FACT(styles_are_escapes_only_with_colour),
        FACT(gaps_are_spaces),
        cmocka_unit_test(a_file_has_no_width_and_no_colour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
