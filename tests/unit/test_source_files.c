/* analysis/debug_types/source_files.h: the files that units name are those that libdw finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "analysis/debug_types/source_files.h"
#include "analysis/names.h"

/* Of this program. */
struct open_file {
    int descriptor;
    Dwarf *dwarf;
    struct mete__names *names;
    struct mete__source_files *files;
};

static int open_self(void **state) {
    static struct open_file file;

    file.descriptor = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    file.dwarf = dwarf_begin(file.descriptor, DWARF_C_READ);
    file.names = mete__names_open();
    file.files = file.names == NULL ? NULL : mete__source_files_open(file.names);
    *state = &file;
    return file.files == NULL;
}

static int close_self(void **state) {
    struct open_file *file = *state;

    mete__source_files_close(file->files);
    mete__names_close(file->names);
    (void)dwarf_end(file->dwarf);
    return close(file->descriptor);
}

static void paths_are_those_of_libdw(void **state) {
    struct open_file *file = *state;
    Dwarf_CU *unit = NULL;
    Dwarf_Die root;
    size_t compared = 0;

    if (file->dwarf == NULL) skip(); /* built without debugging information */
    while (dwarf_get_units(file->dwarf, unit, &unit, NULL, NULL, &root, NULL) == 0) {
        Dwarf_Files *list;
        size_t count;
        if (dwarf_getsrcfiles(&root, &list, &count) != 0) continue;
        for (size_t i = 1; i < count; i++) {
            const char *path = mete__source_files_path(file->files, &root, i);
            assert_non_null(path);
            assert_string_equal(path, dwarf_filesrc(list, i, NULL, NULL));
            compared++;
        }
    }
    assert_true(compared > 10);
}

static void a_path_is_kept_once(void **state) {
    struct open_file *file = *state;
    Dwarf_Die root;

    if (file->dwarf == NULL) skip();
    assert_int_equal(
        dwarf_get_units(file->dwarf, NULL, &(Dwarf_CU *){NULL}, NULL, NULL, &root, NULL), 0);
    const char *path = mete__source_files_path(file->files, &root, 1);
    assert_non_null(path);
    assert_ptr_equal(mete__source_files_path(file->files, &root, 1), path);
}

static void a_number_that_no_file_has_finds_none(void **state) {
    struct open_file *file = *state;
    Dwarf_Die root;

    if (file->dwarf == NULL) skip();
    assert_int_equal(
        dwarf_get_units(file->dwarf, NULL, &(Dwarf_CU *){NULL}, NULL, NULL, &root, NULL), 0);
    assert_null(mete__source_files_path(file->files, &root, 1000000));
    assert_null(mete__source_files_path(file->files, &root, UINT64_MAX));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(paths_are_those_of_libdw, open_self, close_self),
        cmocka_unit_test_setup_teardown(a_path_is_kept_once, open_self, close_self),
        cmocka_unit_test_setup_teardown(a_number_that_no_file_has_finds_none, open_self,
                                        close_self),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
