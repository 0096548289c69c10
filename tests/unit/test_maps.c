/* os/maps.h */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/maps.h"

enum { PAGE = 4096 };

static int data = 1;

static uint32_t flags_of(const void *address) {
    struct mete__maps maps;
    assert_int_equal(mete__maps_read(&maps), 0);
    const struct mete__mapping *mapping = mete__maps_find(&maps, (uintptr_t)address);
    assert_non_null(mapping);
    uint32_t flags = mapping->flags;
    mete__maps_free(&maps);
    return flags;
}

static void every_kind_of_mapping_is_known_for_what_it_is(void **state) {
    (void)state;
    int on_stack = 0;
    uint32_t both = METE__MAP_READ | METE__MAP_WRITE;
    assert_int_equal(flags_of(&on_stack), both | METE__MAP_STACK);
    assert_int_equal(flags_of(&data), both | METE__MAP_FILE);
    assert_int_equal(
        flags_of((const void *)(uintptr_t)every_kind_of_mapping_is_known_for_what_it_is),
        METE__MAP_READ | METE__MAP_EXEC | METE__MAP_FILE);
    void *anonymous = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(flags_of(anonymous), METE__MAP_READ);
    void *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(flags_of(shared), both | METE__MAP_SHARED | METE__MAP_FILE);
    munmap(anonymous, PAGE);
    munmap(shared, PAGE);
}

static void addresses_between_mappings_are_in_none(void **state) {
    (void)state;
    char *start = mmap(NULL, 3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(start + PAGE, PAGE);
    struct mete__maps maps;
    assert_int_equal(mete__maps_read(&maps), 0);
    assert_null(mete__maps_find(&maps, (uintptr_t)start + PAGE));
    assert_null(mete__maps_find(&maps, (uintptr_t)start + 2 * PAGE - 1));
    assert_non_null(mete__maps_find(&maps, (uintptr_t)start + PAGE - 1));
    assert_non_null(mete__maps_find(&maps, (uintptr_t)start + 2 * PAGE));
    assert_null(mete__maps_find(&maps, 0));
    assert_null(mete__maps_find(&maps, UINTPTR_MAX));
    mete__maps_free(&maps);
    munmap(start, PAGE);
    munmap(start + 2 * PAGE, PAGE);
}

static void thousands_of_mappings_are_listed_in_order(void **state) {
    (void)state;
    enum { COUNT = 10000 };
    char *start = mmap(NULL, COUNT * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < COUNT; i += 2) /* neighbours with different rights stay apart */
        assert_int_equal(mprotect(start + i * PAGE, PAGE, PROT_READ | PROT_WRITE), 0);
    struct mete__maps maps;
    assert_int_equal(mete__maps_read(&maps), 0);
    assert_true(maps.count >= COUNT);
    for (size_t i = 1; i < maps.count; i++) assert_true(maps.list[i - 1].end <= maps.list[i].start);
    for (size_t i = 1; i < COUNT - 1; i++)
        assert_int_equal(mete__maps_find(&maps, (uintptr_t)start + i * PAGE)->start,
                         (uintptr_t)start + i * PAGE);
    mete__maps_free(&maps);
    munmap(start, COUNT * PAGE);
}

static void a_path_longer_than_any_buffer_does_no_harm(void **state) {
    (void)state;
    char name[201], folder[] = "/tmp/mete-maps-XXXXXX";
    char home[4096];
    assert_non_null(getcwd(home, sizeof home));
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    memset(name, 'n', 200);
    name[200] = '\0';
    for (int depth = 0; depth < 50;
         depth++) /* about 10 000 bytes: deeper than any one call could name */
        if (mkdir(name, 0700) != 0 || chdir(name) != 0) break;
    int file = open("deep", O_RDWR | O_CREAT | O_EXCL, 0600);
    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, PAGE), 0);
    void *deep = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0);
    void *after =
        mmap((char *)deep - 16 * PAGE, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_int_equal(flags_of(deep) & METE__MAP_SHARED, METE__MAP_SHARED);
    assert_int_equal(flags_of(after), 0);
    assert_int_equal(flags_of(&data) & METE__MAP_FILE, METE__MAP_FILE);
    munmap(deep, PAGE);
    munmap(after, PAGE);
    close(file);
    unlink("deep");
    while (chdir("..") == 0 && rmdir(name) == 0) {
    }
    assert_int_equal(chdir(home), 0);
    rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_mapping_is_known_for_what_it_is),
        cmocka_unit_test(addresses_between_mappings_are_in_none),
        cmocka_unit_test(thousands_of_mappings_are_listed_in_order),
        cmocka_unit_test(a_path_longer_than_any_buffer_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
