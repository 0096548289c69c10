/* analysis/dwarf/debug_search.c: which directories libdwfl is told to search. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "analysis/dwarf/debug_search.h"
#include "base/compiler.h"

static void a_directory_comes_first_and_absolute(void **state) {
    static const struct {
        const char *directory, *path;
    } cases[] = {
        {NULL, ":.debug:/usr/lib/debug"},           {"", ":.debug:/usr/lib/debug"},
        {"/no/such", ":.debug:/usr/lib/debug"},     {"/usr", "/usr::.debug:/usr/lib/debug"},
        {"lib", "/usr/lib::.debug:/usr/lib/debug"}, /* libdwfl finds no build-id below "lib" */
    };

    (void)state;
    assert_int_equal(chdir("/usr"), 0);
    for (size_t i = 0; i < METE_COUNT_OF(cases); i++) {
        struct mete__debug_search search = {0};
        assert_int_equal(mete__debug_search_open(&search, cases[i].directory, NULL), 0);
        assert_non_null(search.dwfl);
        assert_string_equal(search.path, cases[i].path);
        mete__debug_search_close(&search);
        assert_null(search.dwfl);
        assert_null(search.path);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_comes_first_and_absolute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
