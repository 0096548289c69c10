/* track/modules.c: what an address is in, and that it may be something else after dlclose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "profile/writer.h"
#include "track/modules.h"
#include "track/stack.h"
#include "track/tree.h"

static char folder[4096]; /* of this program, where the plugins are too */

static int set_up(void **state) {
    (void)state;
    struct mete__writer_options options = {0};
    ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);
    if (length <= 0) return -1;
    folder[length] = '\0';
    *strrchr(folder, '/') = '\0';
    return mete__writer_open(&options);
}

static void *load(const char *name) {
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    void *plugin = dlopen(path, RTLD_NOW);
    if (plugin == NULL) fail_msg("%s", dlerror());
    return plugin;
}

static void unload(void *plugin) {
    mete__modules_unloading();
    dlclose(plugin);
    mete__modules_unloaded();
}

/* The profile's newest record that covers an address. */
static const struct mete_profile_module *record_of(uintptr_t address) {
    for (uint64_t i = mete__writer_count(METE_SECTION_MODULES); i-- > 0;) {
        const struct mete_profile_module *record = mete__writer_record(METE_SECTION_MODULES, i);
        if (record->start <= address && address < record->end) return record;
    }
    return NULL;
}

static const char *path_of(const struct mete_profile_module *record) {
    return mete__writer_record(METE_SECTION_STRINGS, record->path - 1);
}

static void the_program_is_entered_with_path_and_build_id(void **state) {
    (void)state;
    struct mete__module module;
    char expected[4200];
    ssize_t length = readlink("/proc/self/exe", expected, sizeof expected - 1);
    expected[length] = '\0';

    assert_true(mete__modules_find((uintptr_t)&set_up, &module));
    assert_true(module.main_program);
    const struct mete_profile_module *record = record_of((uintptr_t)&set_up);
    assert_non_null(record);
    assert_string_equal(path_of(record), expected);
    assert_true(record->build_id_bytes >= 8);
}

static void a_library_is_entered_once(void **state) {
    (void)state;
    struct mete__module first, second;
    uintptr_t address = (uintptr_t)dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
    assert_true(mete__modules_find(address, &first));
    uint64_t count = mete__writer_count(METE_SECTION_MODULES);
    assert_true(mete__modules_find(address + 1, &second));
    assert_int_equal(mete__writer_count(METE_SECTION_MODULES), count);
    assert_int_equal(first.start, second.start);
    assert_false(first.main_program);
    assert_int_equal(path_of(record_of(address))[0], '/');
}

static void the_loader_and_the_vdso_are_modules_too(void **state) {
    (void)state;
    struct mete__module module;
    uintptr_t loader = getauxval(AT_BASE), vdso = getauxval(AT_SYSINFO_EHDR);
    assert_true(mete__modules_find(loader, &module));
    assert_int_equal(module.start, loader);
    assert_int_not_equal(module.tables.header, 0);
    if (vdso == 0) return;
    assert_true(mete__modules_find(vdso, &module));
    assert_non_null(strstr(path_of(record_of(vdso)), "vdso"));
}

static void what_is_no_code_is_in_no_module(void **state) {
    (void)state;
    struct mete__module module;
    int local = 0;
    assert_false(mete__modules_find((uintptr_t)&local, &module));
    assert_false(mete__modules_find(0, &module));
    assert_false(mete__modules_find(UINTPTR_MAX, &module));
}

static void a_module_that_comes_back_keeps_its_record(void **state) {
    (void)state;
    struct mete__module first, second;
    void *plugin = load("plugin_one.so");
    uintptr_t address = (uintptr_t)dlsym(plugin, "plugin_call");
    assert_true(mete__modules_find(address, &first));
    uint64_t count = mete__writer_count(METE_SECTION_MODULES);
    for (int i = 0; i < 50; i++) {
        unload(plugin);
        plugin = load("plugin_one.so");
        uintptr_t again = (uintptr_t)dlsym(plugin, "plugin_call");
        assert_true(mete__modules_find(again, &second));
        if (again != address) break; /* the kernel put it elsewhere */
        assert_int_equal(second.generation, first.generation);
        assert_int_equal(mete__writer_count(METE_SECTION_MODULES), count);
    }
    unload(plugin);
}

static struct mete__stack_memo *memo;
static uint32_t captured;

static METE_NOINLINE int capture(void) {
    struct mete__caller caller = METE__CALLER;
    captured = mete__stack_capture(memo, &caller);
    return 0;
}

/* The node of a stack whose innermost frame is in the plugin, its address, and what it is called
 * in. */
static METE_NOINLINE uint32_t capture_in(const char *name, uintptr_t *pc, const char **path) {
    void *plugin = load(name);
    int (*call)(int (*)(void)) = (int (*)(int (*)(void)))(uintptr_t)dlsym(plugin, "plugin_call");
    call(capture);
    const struct mete_profile_node *node = mete__writer_record(METE_SECTION_NODES, captured);
    *pc = node->pc;
    *path = NULL;
    for (uint64_t i = 0; i < mete__writer_count(METE_SECTION_MODULES); i++) {
        const struct mete_profile_module *record = mete__writer_record(METE_SECTION_MODULES, i);
        if (record->start <= node->pc && node->pc < record->end &&
            record->generation == METE_NODE_GENERATION(node->flags))
            *path = path_of(record);
    }
    unload(plugin);
    return captured;
}

static void another_module_at_the_same_place_makes_other_nodes(void **state) {
    (void)state;
    const char *first_path, *second_path;
    uintptr_t first_pc, second_pc, known_pc = 0;
    uint32_t known = 0;
    memo = mete__stack_memo_create();
    for (volatile int i = 0; i < 20; i++) { /* one place, however it is compiled */
        uint32_t first = capture_in("plugin_one.so", &first_pc, &first_path);
        uint32_t second = capture_in("plugin_two.so", &second_pc, &second_path);
        assert_true(first_path != NULL && strstr(first_path, "plugin_one.so") != NULL);
        assert_true(second_path != NULL && strstr(second_path, "plugin_two.so") != NULL);
        assert_int_not_equal(first, second);
        if (i == 0 && first_pc != second_pc) print_message("# the plugins were not at one place\n");
        if (first_pc == known_pc) assert_int_equal(first, known); /* it came back */
        known_pc = first_pc;
        known = first;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_program_is_entered_with_path_and_build_id),
        cmocka_unit_test(a_library_is_entered_once),
        cmocka_unit_test(the_loader_and_the_vdso_are_modules_too),
        cmocka_unit_test(what_is_no_code_is_in_no_module),
        cmocka_unit_test(a_module_that_comes_back_keeps_its_record),
        cmocka_unit_test(another_module_at_the_same_place_makes_other_nodes),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
