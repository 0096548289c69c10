/*
 * analysis/blocks/call_site.c: what call sites say, in debugging information that is written by
 * hand here. No compiler that is everywhere names the types yet, nor has all these expressions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dwarf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "analysis/blocks/call_site.h"
#include "analysis/dwarf/dwarf_die.h"

/* A unit with one function and its call sites, each by its name's place in the order below. Of the
 * parameters the first is in register 5, the second in register 4. */
#define PARAMETER(register, bytes, expression) \
    ".byte 5, 1, 0x50+" #register ", " #bytes ", " expression "\n"

/* clang-format off */
__asm__(".section .debug_abbrev,\"\",@progbits\n"
        ".Lhand_abbrev:\n"
        ".byte 1, 0x11, 1,  3, 8,  0, 0\n"                             /* unit: name */
        ".byte 2, 0x13, 0,  3, 8,  0xb, 0xb,  0, 0\n"                  /* struct: name, size */
        ".byte 3, 0x2e, 1,  3, 8,  0, 0\n"                             /* function: name */
        ".uleb128 4\n.byte 0x48, 1\n.uleb128 0x3e0e\n.byte 0x13, 0, 0\n" /* call site: its type */
        ".byte 5, 0x49, 0,  2, 0x18,  0x7e, 0x18,  0, 0\n"             /* parameter: where, what */
        ".byte 6, 0x48, 1,  0, 0\n"                                    /* call site */
        ".byte 7, 0x49, 0,  2, 0x18,  0, 0\n"                          /* parameter: where */
        ".byte 0\n"
        ".section .debug_info,\"\",@progbits\n"
        ".Lhand:\n"
        ".long .Lhand_end - .Lhand - 4\n"
        ".short 5\n.byte 1, 8\n.long .Lhand_abbrev\n"
        ".byte 1\n.string \"written by hand\"\n"
        ".Lhand_conn: .byte 2\n.string \"conn\"\n.byte 24\n"
        ".byte 3\n.string \"caller\"\n"
        ".byte 4\n.long .Lhand_conn - .Lhand\n.byte 0\n"            /* 0: conn */
        ".byte 4\n.long 0x7fffffff\n.byte 0\n"                      /* 1: damaged */
        ".byte 6\n"                                                 /* 2: 96, unknown */
        PARAMETER(5, 2, "0x08, 96")
        PARAMETER(4, 2, "0x73, 0")
        ".byte 0\n"
        ".byte 6\n"                                                 /* 3: rbx * 24, rbx << 5 */
        PARAMETER(5, 5, "0x73, 0, 0x08, 24, 0x1e")
        PARAMETER(4, 4, "0x73, 0, 0x35, 0x24")
        ".byte 0\n"
        ".byte 6\n"                                                 /* 4: 3 * 8, 3 + 5 */
        PARAMETER(5, 3, "0x33, 0x38, 0x1e")
        PARAMETER(4, 3, "0x33, 0x35, 0x22")
        ".byte 0\n"
        ".byte 6\n"                                                 /* 5: rbx + 24, no operand */
        PARAMETER(5, 5, "0x73, 0, 0x08, 24, 0x22")
        PARAMETER(4, 2, "0x33, 0x1e")
        ".byte 0\n"
        ".byte 6\n"                                                 /* 6: nothing said; a piece */
        ".byte 7, 1, 0x55\n"
        PARAMETER(4, 3, "0x33, 0x93, 4")
        ".byte 0\n"
        ".byte 0, 0\n"
        ".Lhand_end:\n"
        ".text\n");
/* clang-format on */

static Dwarf *dwarf;

static int open_self(void **state) {
    (void)state;
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    dwarf = dwarf_begin(file, DWARF_C_READ);
    return dwarf == NULL;
}

static int close_self(void **state) {
    (void)state;
    return dwarf_end(dwarf);
}

/* Call site `number` of the function above. */
static Dwarf_Die site(int number) {
    Dwarf_Die unit, die;
    Dwarf_CU *cu = NULL;

    while (dwarf_get_units(dwarf, cu, &cu, NULL, NULL, &unit, NULL) == 0) {
        const char *name = mete__dwarf_die_name(&unit);
        if (name == NULL || strcmp(name, "written by hand") != 0) continue;
        assert_int_equal(dwarf_child(&unit, &die), 0);
        while (dwarf_tag(&die) != DW_TAG_subprogram)
            assert_int_equal(dwarf_siblingof(&die, &die), 0);
        assert_int_equal(dwarf_child(&die, &die), 0);
        while (number-- > 0) assert_int_equal(dwarf_siblingof(&die, &die), 0);
        return die;
    }
    fail();
    return unit;
}

static void arguments_are(int number, struct mete__argument first, struct mete__argument second) {
    static const struct mete__convention convention = {.arguments = {5, 4}, .argument_count = 2};
    struct mete__argument arguments[METE__ARGUMENTS_MAX] = {{0}};
    Dwarf_Die die = site(number);

    mete__call_site_arguments(&die, &convention, arguments);
    assert_int_equal(arguments[0].kind, first.kind);
    assert_int_equal(arguments[1].kind, second.kind);
    if (first.kind != METE__ARGUMENT_UNKNOWN) assert_int_equal(arguments[0].number, first.number);
    if (second.kind != METE__ARGUMENT_UNKNOWN) assert_int_equal(arguments[1].number, second.number);
}

#define CONSTANT(n) ((struct mete__argument){METE__ARGUMENT_CONSTANT, n})
#define MULTIPLE(n) ((struct mete__argument){METE__ARGUMENT_MULTIPLE, n})
#define UNKNOWN     ((struct mete__argument){METE__ARGUMENT_UNKNOWN, 0})

static void the_type_that_a_call_allocates_is_read(void **state) {
    Dwarf_Die die = site(0), type;
    (void)state;
    assert_true(mete__call_site_type(&die, &type));
    assert_string_equal(mete__dwarf_die_name(&type), "conn");
}

static void a_call_without_a_good_type_has_none(void **state) {
    Dwarf_Die damaged = site(1), none = site(2), type;
    (void)state;
    assert_false(mete__call_site_type(&damaged, &type));
    assert_false(mete__call_site_type(&none, &type));
}

static void constants_and_multiples_are_told_apart(void **state) {
    (void)state;
    arguments_are(2, CONSTANT(96), UNKNOWN);
    arguments_are(3, MULTIPLE(24), MULTIPLE(32));
    arguments_are(4, CONSTANT(24), CONSTANT(8));
}

static void what_is_neither_or_damaged_is_unknown(void **state) {
    (void)state;
    arguments_are(5, UNKNOWN, UNKNOWN);
    arguments_are(6, UNKNOWN, UNKNOWN);
}

static void what_the_code_has_shown_is_kept(void **state) {
    static const struct mete__convention convention = {.arguments = {5, 4}, .argument_count = 2};
    struct mete__argument arguments[METE__ARGUMENTS_MAX] = {MULTIPLE(7)};
    Dwarf_Die die = site(2);
    (void)state;
    mete__call_site_arguments(&die, &convention, arguments);
    assert_int_equal(arguments[0].kind, METE__ARGUMENT_MULTIPLE);
    assert_int_equal(arguments[0].number, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_type_that_a_call_allocates_is_read),
        cmocka_unit_test(a_call_without_a_good_type_has_none),
        cmocka_unit_test(constants_and_multiples_are_told_apart),
        cmocka_unit_test(what_is_neither_or_damaged_is_unknown),
        cmocka_unit_test(what_the_code_has_shown_is_kept),
    };
    return cmocka_run_group_tests(tests, open_self, close_self);
}
