/* report/escape.c: what means something in HTML or in a script never comes through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/escape.h"
#include "support/fresh.h"

static char *text;
static size_t length;
static FILE *out;

static int set_up(void **state) {
    (void)state;
    out = open_memstream(&text, &length);
    return out == NULL ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    fclose(out);
    free(text);
    return 0;
}

static void html_has_entities(void **state) {
    int failure = 0;
    FILE *escaped = mete__escape_html(out, &failure);

    (void)state;
    assert_non_null(escaped);
    fputs("</pre>a && b", escaped);
    putc('<', escaped);
    assert_int_equal(fclose(escaped), 0);
    fflush(out);
    assert_string_equal(text, "&lt;/pre&gt;a &amp;&amp; b&lt;");
    assert_int_equal(failure, 0);
}

static void scripts_have_escapes_of_their_strings(void **state) {
    int failure = 0;
    FILE *escaped = mete__escape_script(out, &failure);

    (void)state;
    assert_non_null(escaped);
    fputs("[\"</script><!--&\"]", escaped);
    assert_int_equal(fclose(escaped), 0);
    fflush(out);
    assert_string_equal(text, "[\"\\u003c/script\\u003e\\u003c!--\\u0026\"]");
}

static void a_failed_write_is_remembered(void **state) {
    int failure = 0;
    FILE *full = fopen("/dev/full", "w");
    FILE *escaped = mete__escape_html(full, &failure);

    (void)state;
    assert_non_null(escaped);
    for (int i = 0; i < 10000; i++) fputs("a long text < ", escaped);
    fclose(escaped);
    assert_int_equal(failure, ENOSPC);
    fclose(full);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(html_has_entities),
        FACT(scripts_have_escapes_of_their_strings),
        cmocka_unit_test(a_failed_write_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
