/* analysis/dwarf/dwarf_member.h: what this program's own DWARF says of its members. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "analysis/dwarf/dwarf_die.h"
#include "analysis/dwarf/dwarf_member.h"

struct sample {
    long count;
    void *any;
    unsigned flags : 3, more : 11;
    _Alignas(64) char line[8];
    struct {
        int inner;
    };
};
union either {
    long number;
    char text[8];
};

/* Keep the types in the debug data. */
struct sample *volatile kept_sample;
union either *volatile kept_either;

struct program {
    int fd;
    Dwarf *dwarf;
};

static int open_program(void **state) {
    static struct program program;

    program.fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    program.dwarf = dwarf_begin(program.fd, DWARF_C_READ);
    *state = &program;
    return program.dwarf == NULL ? -1 : 0;
}

static int close_program(void **state) {
    struct program *program = *state;

    dwarf_end(program->dwarf);
    close(program->fd);
    return 0;
}

static bool is_called(Dwarf_Die *die, const char *name) {
    const char *own = dwarf_diename(die);

    return own == NULL ? name == NULL : name != NULL && strcmp(own, name) == 0;
}

static Dwarf_Die type_called(struct program *program, const char *name) {
    Dwarf_CU *unit = NULL;
    Dwarf_Die root, die;

    while (dwarf_get_units(program->dwarf, unit, &unit, NULL, NULL, &root, NULL) == 0) {
        if (dwarf_child(&root, &die) != 0) continue;
        do {
            if (mete__dwarf_die_is_aggregate(dwarf_tag(&die)) && is_called(&die, name) &&
                !dwarf_hasattr(&die, DW_AT_declaration))
                return die;
        } while (dwarf_siblingof(&die, &die) == 0);
    }
    fail_msg("there is no type %s", name);
    return (Dwarf_Die){0};
}

/* `name` NULL: the one without. */
static struct mete__dwarf_member member_called(struct program *program, const char *type,
                                               const char *name) {
    Dwarf_Die whole = type_called(program, type), die;
    struct mete__dwarf_member member;

    assert_int_equal(dwarf_child(&whole, &die), 0);
    while (!is_called(&die, name)) assert_int_equal(dwarf_siblingof(&die, &die), 0);
    mete__dwarf_member_read(&die, &member);
    return member;
}

static void members_have_a_name_a_place_and_a_type(void **state) {
    struct mete__dwarf_member member = member_called(*state, "sample", "any");
    Dwarf_Die type;

    assert_string_equal(mete__dwarf_member_name(&member), "any");
    assert_true(member.has_place);
    assert_int_equal(member.offset, offsetof(struct sample, any));
    assert_int_equal(member.bit_place, -1);
    assert_int_equal(member.align, 0);
    assert_false(member.is_base || member.is_artificial || member.has_bit_size ||
                 member.has_bits_from_left || member.has_byte_size);
    assert_true(mete__dwarf_member_type(&member, &type));
    assert_int_equal(dwarf_tag(&type), DW_TAG_pointer_type);
}

static void what_has_no_name_has_none(void **state) {
    struct mete__dwarf_member member = member_called(*state, "sample", NULL);
    Dwarf_Die type;

    assert_null(mete__dwarf_member_name(&member));
    assert_int_equal(member.offset, offsetof(struct sample, inner));
    assert_true(mete__dwarf_member_type(&member, &type));
    assert_int_equal(dwarf_tag(&type), DW_TAG_structure_type);
}

static void declared_alignments_are_told(void **state) {
    struct mete__dwarf_member member = member_called(*state, "sample", "line");

    assert_int_equal(member.align, 64);
    assert_int_equal(member.offset, offsetof(struct sample, line));
}

/* From DWARF 4 on by the place of their first bit, before by their storage. */
static void bit_fields_have_a_size_and_a_place(void **state) {
    struct mete__dwarf_member member = member_called(*state, "sample", "more");

    assert_true(member.has_bit_size);
    assert_int_equal(member.bit_size, 11);
    if (member.bit_place >= 0) {
        assert_int_equal(member.bit_place, 8 * 16 + 3);
        assert_int_equal(member.offset, 16);
    } else {
        assert_true(member.has_bits_from_left && member.has_byte_size);
        assert_int_equal(8 * member.byte_size - member.bits_from_left - member.bit_size, 3);
    }
}

static void members_of_a_union_lie_at_its_start(void **state) {
    struct mete__dwarf_member member = member_called(*state, "either", "text");

    assert_true(member.has_place);
    assert_int_equal(member.offset, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_have_a_name_a_place_and_a_type),
        cmocka_unit_test(what_has_no_name_has_none),
        cmocka_unit_test(declared_alignments_are_told),
        cmocka_unit_test(bit_fields_have_a_size_and_a_place),
        cmocka_unit_test(members_of_a_union_lie_at_its_start),
    };
    return cmocka_run_group_tests(tests, open_program, close_program);
}
