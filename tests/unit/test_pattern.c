/* analysis/pattern.c: the two dialects of wildcards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "analysis/pattern.h"

static void valgrind_patterns_match_the_whole_text(void **state) {
    (void)state;
    assert_true(mete__pattern_matches("main", "main"));
    assert_false(mete__pattern_matches("main", "main2"));
    assert_false(mete__pattern_matches("main", "domain"));
    assert_true(mete__pattern_matches("*", ""));
    assert_true(mete__pattern_matches("", ""));
    assert_false(mete__pattern_matches("", "x"));
    assert_true(mete__pattern_matches("m?in", "main"));
    assert_false(mete__pattern_matches("m?in", "min"));
    assert_true(mete__pattern_matches("/usr/*/lib*.so", "/usr/a/b/libx.so"));
    assert_false(mete__pattern_matches("/usr/*/lib*.so", "/usr/a/b/libx.so.1"));
    assert_true(mete__pattern_matches("*ab*ab", "xabyababzab"));
    assert_false(mete__pattern_matches("a?", "a"));
}

static void lsan_patterns_match_any_part(void **state) {
    (void)state;
    assert_true(mete__pattern_occurs("ain", "domain_name"));
    assert_false(mete__pattern_occurs("aim", "domain_name"));
    assert_true(mete__pattern_occurs("^dom", "domain"));
    assert_false(mete__pattern_occurs("^main", "domain"));
    assert_true(mete__pattern_occurs("main$", "domain"));
    assert_false(mete__pattern_occurs("dom$", "domain"));
    assert_true(mete__pattern_occurs("^d*n$", "domain"));
    assert_false(mete__pattern_occurs("^d*m$", "domain"));
    assert_true(mete__pattern_occurs("d*n", "a domain here"));
    assert_false(mete__pattern_occurs("m?in", "main")); /* '?' is itself */
    assert_true(mete__pattern_occurs("aab$", "aaab"));
}

/* A matcher that tries every '*' at every place would take longer than the universe has. */
static void many_stars_do_not_hang(void **state) {
    char text[4096], pattern[4096];

    (void)state;
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (size_t i = 0; i < 2000; i++) pattern[i] = i % 2 == 0 ? 'a' : '*';
    pattern[2000] = 'b';
    pattern[2001] = '\0';
    assert_false(mete__pattern_matches(pattern, text));
    assert_false(mete__pattern_occurs(pattern, text));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valgrind_patterns_match_the_whole_text),
        cmocka_unit_test(lsan_patterns_match_any_part),
        cmocka_unit_test(many_stars_do_not_hang),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
