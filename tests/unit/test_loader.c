/* os/loader.h: objects, their headers and their files, as the loader and the kernel have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <limits.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "os/loader.h"

static struct mete__loaded object_of(uintptr_t address) {
    struct mete__loaded object;
    assert_true(mete__loader_find(address, &object));
    assert_true(object.start <= address && address < object.end);
    assert_non_null(object.name);
    return object;
}

static uintptr_t in_libc(void) {
    return (uintptr_t)dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
}

static void the_program_has_no_name_but_a_path(void **state) {
    char path[PATH_MAX], expected[PATH_MAX];
    struct mete__loaded object = object_of((uintptr_t)object_of);
    (void)state;
    assert_string_equal(object.name, "");
    size_t length = mete__loader_path(&object, path, sizeof path);
    ssize_t expected_length = readlink("/proc/self/exe", expected, sizeof expected - 1);
    assert_true(expected_length > 0);
    expected[expected_length] = '\0';
    assert_string_equal(path, expected);
    assert_int_equal(length, strlen(expected));
}

static void a_path_that_does_not_fit_is_none(void **state) {
    char path[PATH_MAX];
    struct mete__loaded object = object_of(in_libc());
    (void)state;
    size_t length = mete__loader_path(&object, path, sizeof path);
    assert_true(length > 0 && path[0] == '/');
    char small[PATH_MAX];
    assert_int_equal(mete__loader_path(&object, small, length), 0);
    assert_int_equal(mete__loader_path(&object, small, length + 1), length);
    assert_string_equal(small, path);
}

static void headers_name_the_unwind_table_and_the_build_id(void **state) {
    struct mete__loaded_headers headers;
    uintptr_t addresses[] = {(uintptr_t)object_of, in_libc(), getauxval(AT_BASE)};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct mete__loaded object = object_of(addresses[i]);
        mete__loader_headers(&object, &headers);
        assert_true(headers.table_low <= object.table && object.table < headers.table_high);
        assert_true(headers.build_id_bytes >= 8 && headers.build_id_bytes <= 32);
        assert_non_null(headers.build_id);
    }
}

static void only_the_program_and_the_loader_have_an_entry(void **state) {
    struct mete__loaded_headers headers;
    struct mete__loaded program = object_of((uintptr_t)object_of), libc = object_of(in_libc());
    struct mete__loaded loader = object_of(getauxval(AT_BASE));
    (void)state;
    mete__loader_headers(&program, &headers);
    assert_int_equal(headers.entry, getauxval(AT_ENTRY));
    mete__loader_headers(&libc, &headers);
    assert_int_equal(headers.entry, 0);
    mete__loader_headers(&loader, &headers);
    assert_true(headers.entry > loader.start && headers.entry < loader.end);
}

static void what_is_no_object_is_not_found_and_says_nothing(void **state) {
    struct mete__loaded object = {.start = 5};
    int local;
    (void)state;
    assert_false(mete__loader_find(0, &object));
    assert_false(mete__loader_find((uintptr_t)&local, &object));
    assert_false(mete__loader_find(UINTPTR_MAX, &object));
    assert_int_equal(object.start, 5);
}

/* An object whose first page is no ELF file's, or cannot be read, has no headers. */
static void headers_that_cannot_be_trusted_are_none(void **state) {
    static char page[8192];
    struct mete__loaded_headers headers;
    struct mete__loaded object = {
        .start = (uintptr_t)page, .end = (uintptr_t)page + sizeof page, .name = "made up"};
    (void)state;
    mete__loader_headers(&object, &headers);
    assert_int_equal(headers.build_id_bytes, 0);
    assert_int_equal(headers.table_low, headers.table_high);
    object.start = 4096; /* nothing is there */
    object.end = 16384;
    mete__loader_headers(&object, &headers);
    assert_int_equal(headers.build_id_bytes, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_program_has_no_name_but_a_path),
        cmocka_unit_test(a_path_that_does_not_fit_is_none),
        cmocka_unit_test(headers_name_the_unwind_table_and_the_build_id),
        cmocka_unit_test(only_the_program_and_the_loader_have_an_entry),
        cmocka_unit_test(what_is_no_object_is_not_found_and_says_nothing),
        cmocka_unit_test(headers_that_cannot_be_trusted_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
