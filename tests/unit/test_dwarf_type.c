/*
 * analysis/debug_types/dwarf_type.h: types as C writes them, their sizes and alignments, read from
 * the debug data of this very program. The compiler says what is right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dwarf.h>
#include <elf.h>
#include <fcntl.h>
#include <stdalign.h>
#include <string.h>
#include <unistd.h>

#include "analysis/debug_types/dwarf_type.h"
#include "analysis/dwarf/dwarf_die.h"
#include "analysis/types/type.h"

typedef unsigned long counter;
typedef const char *label;
typedef struct {
    int x, y;
} point;
typedef int comparison(const void *, const void *);
struct unknown;
enum colour { RED, GREEN };
struct __attribute__((packed)) tight {
    char tag;
    long value;
};
struct wide {
    _Alignas(32) char bytes[3];
};

/* Each member, the text of its type and the declaration. */
#define MEMBERS(M)                                                            \
    M(char *, text, "char *", "char *text")                                   \
    M(const char *, constant, "const char *", "const char *constant")         \
    M(char *const, fixed, "char *const", "char *const fixed")                 \
    M(const volatile int *volatile, odd, "const volatile int *volatile",      \
      "const volatile int *volatile odd")                                     \
    M(counter, count, "counter", "counter count")                             \
    M(label, name, "label", "label name")                                     \
    M(point, where, "point", "point where")                                   \
    M(enum colour, paint, "enum colour", "enum colour paint")                 \
    M(struct unknown *, opaque, "struct unknown *", "struct unknown *opaque") \
    M(struct sample **, pair, "struct sample **", "struct sample **pair")     \
    M(struct tight, small, "struct tight", "struct tight small")              \
    M(struct wide, large, "struct wide", "struct wide large")                 \
    M(long double, real, "long double", "long double real")                   \
    M(_Bool, flag, "_Bool", "_Bool flag")                                     \
    M(void *, any, "void *", "void *any")                                     \
    M(comparison *, compare, "comparison *", "comparison *compare")

struct sample {
#define DECLARE(type, name, text, declaration) type name;
    MEMBERS(DECLARE)
#undef DECLARE
    char line[16];
    int grid[2][3];
    char *words[4];
    int (*done)(void);
    void (*told)(const char *, ...);
    int (*row)[4];
    int (*(*table)[2])(struct sample *, int);
    void (*(*choose)(int))(void);
    struct wide none[0];
    int tail[];
};

static const struct expectation {
    const char *name, *text, *declaration;
    size_t size, align;
    bool has_size;
} expectations[] = {
#define EXPECT(type, name, text, declaration) \
    {#name, text, declaration, sizeof(type), alignof(type), true},
    MEMBERS(EXPECT)
#undef EXPECT
        {"line", "char[16]", "char line[16]", 16, 1, true},
    {"grid", "int[2][3]", "int grid[2][3]", 24, 4, true},
    {"words", "char *[4]", "char *words[4]", 32, 8, true},
    {"done", "int (*)(void)", "int (*done)(void)", 8, 8, true},
    {"told", "void (*)(const char *, ...)", "void (*told)(const char *, ...)", 8, 8, true},
    {"row", "int (*)[4]", "int (*row)[4]", 8, 8, true},
    {"table", "int (*(*)[2])(struct sample *, int)", "int (*(*table)[2])(struct sample *, int)", 8,
     8, true},
    {"choose", "void (*(*)(int))(void)", "void (*(*choose)(int))(void)", 8, 8, true},
    {"none", "struct wide[0]", "struct wide none[0]", 0, 32, true},
    {"tail", "int[]", "int tail[]", 0, 4, false},
};

/* Keeps the types in the debug data. */
struct sample *volatile kept_sample;

struct program {
    int fd;
    Dwarf *dwarf;
    struct mete__names *names;
    struct mete__dwarf_type_cache *cache;
    Dwarf_Die sample; /* struct sample */
};

static bool find_sample(struct program *program) {
    Dwarf_CU *unit = NULL;
    Dwarf_Die root, die;

    while (dwarf_get_units(program->dwarf, unit, &unit, NULL, NULL, &root, NULL) == 0) {
        if (dwarf_child(&root, &die) != 0) continue;
        do {
            const char *name = dwarf_diename(&die);
            if (dwarf_tag(&die) != DW_TAG_structure_type || name == NULL ||
                strcmp(name, "sample") != 0 || dwarf_hasattr(&die, DW_AT_declaration))
                continue;
            program->sample = die;
            return true;
        } while (dwarf_siblingof(&die, &die) == 0);
    }
    return false;
}

static int open_program(void **state) {
    static struct program program;

    program.fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    program.dwarf = dwarf_begin(program.fd, DWARF_C_READ);
    program.names = mete__names_open();
    program.cache = mete__dwarf_type_open(program.names);
    if (program.dwarf == NULL || program.cache == NULL || !find_sample(&program)) return -1;
    *state = &program;
    return 0;
}

static int close_program(void **state) {
    struct program *program = *state;

    mete__dwarf_type_close(program->cache);
    mete__names_close(program->names);
    dwarf_end(program->dwarf);
    close(program->fd);
    return 0;
}

static Dwarf_Die member_called(struct program *program, const char *name) {
    Dwarf_Die member;

    assert_int_equal(dwarf_child(&program->sample, &member), 0);
    while (strcmp(dwarf_diename(&member), name) != 0)
        assert_int_equal(dwarf_siblingof(&member, &member), 0);
    return member;
}

static const struct mete__dwarf_type *type_of_member(struct program *program, const char *name) {
    Dwarf_Die member = member_called(program, name);
    struct mete__dwarf_member read;

    mete__dwarf_member_read(&member, &read);
    const struct mete__dwarf_type *type = mete__dwarf_type_of_member(program->cache, &read);
    assert_non_null(type);
    return type;
}

static void types_are_written_as_c_writes_them(void **state) {
    struct program *program = *state;

    for (size_t i = 0; i < sizeof expectations / sizeof expectations[0]; i++) {
        const struct expectation *expected = &expectations[i];
        const struct mete__dwarf_type *type = type_of_member(program, expected->name);
        char declaration[128];
        mete__type_declare(declaration, sizeof declaration, type->text, type->name_at,
                           expected->name);
        assert_string_equal(type->text, expected->text);
        assert_string_equal(declaration, expected->declaration);
    }
}

static void sizes_and_alignments_are_the_compiler_s(void **state) {
    struct program *program = *state;

    for (size_t i = 0; i < sizeof expectations / sizeof expectations[0]; i++) {
        const struct expectation *expected = &expectations[i];
        const struct mete__dwarf_type *type = type_of_member(program, expected->name);
        assert_int_equal(type->has_size, expected->has_size);
        assert_int_equal(type->size, expected->size);
        assert_int_equal(type->align, expected->align);
    }
}

static void packed_and_aligned_aggregates_say_so(void **state) {
    assert_true(type_of_member(*state, "small")->packed);
    assert_false(type_of_member(*state, "small")->declares_align);
    assert_true(type_of_member(*state, "large")->declares_align);
    assert_false(type_of_member(*state, "large")->packed);
    assert_false(type_of_member(*state, "where")->packed);
}

static void pointers_know_what_they_lead_to(void **state) {
    const struct mete__dwarf_type *type = type_of_member(*state, "pair");
    Dwarf_Die target = type->target;

    assert_int_equal(dwarf_tag(&target), DW_TAG_structure_type);
    assert_string_equal(dwarf_diename(&target), "sample");
    assert_null(type_of_member(*state, "any")->target.addr);
    assert_null(type_of_member(*state, "count")->target.addr);
}

static void typedefs_are_peeled(void **state) {
    const struct mete__dwarf_type *type = type_of_member(*state, "where");
    Dwarf_Die bare = type->bare, element = type_of_member(*state, "grid")->element;

    assert_int_equal(dwarf_tag(&bare), DW_TAG_structure_type);
    assert_null(dwarf_diename(&bare));
    assert_string_equal(dwarf_diename(&element), "int");
}

static void what_was_forgotten_is_read_anew(void **state) {
    struct program *program = *state;
    const char *before = type_of_member(program, "pair")->text;

    mete__dwarf_type_forget(program->cache, DW_LANG_C11, EM_X86_64, NULL, NULL);
    assert_ptr_equal(type_of_member(program, "pair")->text, before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_written_as_c_writes_them),
        cmocka_unit_test(sizes_and_alignments_are_the_compiler_s),
        cmocka_unit_test(packed_and_aligned_aggregates_say_so),
        cmocka_unit_test(pointers_know_what_they_lead_to),
        cmocka_unit_test(typedefs_are_peeled),
        cmocka_unit_test(what_was_forgotten_is_read_anew),
    };

    return cmocka_run_group_tests(tests, open_program, close_program);
}
