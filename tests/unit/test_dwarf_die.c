/* analysis/dwarf/dwarf_die.c: what a language means for the names of its types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dwarf.h>

#include "analysis/dwarf/dwarf_die.h"
#include "base/compiler.h"

static void what_is_C_or_does_not_say_is_C(void **state) {
    static const int c[] = {-1 /* as dwarf_srclang where nothing is said */,
                            0,
                            DW_LANG_C,
                            DW_LANG_C89,
                            DW_LANG_C99,
                            DW_LANG_C11,
                            DW_LANG_Mips_Assembler};
    static const int others[] = {DW_LANG_C_plus_plus, DW_LANG_C_plus_plus_14, DW_LANG_Rust,
                                 DW_LANG_Go, DW_LANG_Ada95};

    (void)state;
    for (size_t i = 0; i < METE_COUNT_OF(c); i++) assert_true(mete__dwarf_die_is_c(c[i]));
    for (size_t i = 0; i < METE_COUNT_OF(others); i++)
        assert_false(mete__dwarf_die_is_c(others[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_C_or_does_not_say_is_C),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
