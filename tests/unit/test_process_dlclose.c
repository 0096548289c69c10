/* shim/process_dlclose.c: what was remembered of code is forgotten when a library is unloaded. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "track/modules.h"

static const char library[] = "libm.so.6";

/* Were it not, no stack could be remembered for the rest of the program's life. */
static void nothing_is_in_progress_after_dlclose(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        uint64_t before = mete__modules_state();
        void *handle = dlopen(library, RTLD_NOW);
        assert_non_null(handle);
        assert_int_equal(dlclose(handle), 0);
        assert_int_equal(mete__modules_state() & METE__MODULES_UNLOADING, 0);
        assert_int_not_equal(mete__modules_state(), before);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_in_progress_after_dlclose),
    };
    return cmocka_run_group_tests_name("process_dlclose", tests, NULL, NULL);
}
