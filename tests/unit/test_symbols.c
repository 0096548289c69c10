/* analysis/symbols/symbols.c, image.c, inlines.c and symbol_table.c: this very program's addresses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "analysis/symbols/backtrace.h"
#include "analysis/symbols/symbols.h"
#include "base/compiler.h"
#include "profile/writer.h"
#include "support/fresh.h"

static char path[FRESH_PATH];
static struct mete__profile *profile;
static struct mete__symbols *symbols;

/* --- Functions whose addresses are known --- */

static uintptr_t inner_return; /* in outer_of_inlined, by way of an inlined call */
static int inlined_line, call_line;

METE_NOINLINE static void record_return(uintptr_t *slot) {
    *slot = (uintptr_t)__builtin_return_address(0);
}

static inline __attribute__((always_inline)) void inlined(void) {
    inlined_line = __LINE__ + 1;
    record_return(&inner_return);
    __asm__ volatile("" ::: "memory"); /* the call is not the function's last instruction */
}

METE_NOINLINE static void outer_of_inlined(void) {
    call_line = __LINE__ + 1;
    inlined();
    __asm__ volatile("" ::: "memory");
}

/* --- A profile of this process --- */

static void set_build_id(struct mete_profile_module *module, const struct dl_phdr_info *info,
                         const ElfW(Phdr) * segment) {
    const char *note = (const char *)(info->dlpi_addr + segment->p_vaddr);
    const char *end = note + segment->p_memsz;

    while (note + sizeof(ElfW(Nhdr)) < end) {
        const ElfW(Nhdr) *header = (const void *)note;
        const char *name = note + sizeof *header;
        const char *data = name + ((header->n_namesz + 3) & ~3u);
        if (header->n_type == NT_GNU_BUILD_ID && strcmp(name, "GNU") == 0 &&
            header->n_descsz <= METE_BUILD_ID_MAX) {
            module->build_id_bytes = header->n_descsz;
            memcpy(module->build_id, data, header->n_descsz);
        }
        note = data + ((header->n_descsz + 3) & ~3u);
    }
}

static int add_module(struct dl_phdr_info *info, size_t size, void *context) {
    struct mete_profile_module module = {.start = UINT64_MAX, .bias = info->dlpi_addr};
    char name[4096] = "";

    (void)size;
    (void)context;
    if (info->dlpi_name[0] != '\0')
        snprintf(name, sizeof name, "%s", info->dlpi_name);
    else if (readlink("/proc/self/exe", name, sizeof name - 1) < 0)
        return -1;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uint64_t start = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_NOTE) set_build_id(&module, info, segment);
        if (segment->p_type != PT_LOAD) continue;
        if (start < module.start) module.start = start;
        if (start + segment->p_memsz > module.end) module.end = start + segment->p_memsz;
    }
    module.path = mete__writer_string(name, strlen(name));
    mete__writer_append(METE_SECTION_MODULES, &module);
    return 0;
}

/* Nodes 1… with the given addresses, each a stack of its own, all but the last return addresses. */
static void open_with(const uintptr_t *addresses, size_t count, int (*modules)(void)) {
    struct mete__writer_options options = {.path = path, .limit_bytes = 4 << 20};
    struct mete__symbols_options symbol_options = {0};
    struct mete_profile_node root = {0};
    struct timespec now;
    char why[256];

    assert_int_equal(mete__writer_open(&options), 0);
    clock_gettime(CLOCK_REALTIME, &now);
    mete__writer_header()->start_realtime = (uint64_t)now.tv_sec * 1000000000u;
    modules();
    mete__writer_append(METE_SECTION_NODES, &root);
    for (size_t i = 0; i < count; i++) {
        struct mete_profile_node node = {.pc = addresses[i],
                                         .flags = i + 1 == count ? METE_NODE_EXACT_PC : 0};
        mete__writer_append(METE_SECTION_NODES, &node);
    }
    if (mete__profile_open(path, &profile, why, sizeof why) != 0) fail_msg("%s", why);
    mete__writer_close();
    assert_int_equal(mete__symbols_open(profile, &symbol_options, &symbols), 0);
}

static int own_modules(void) {
    return dl_iterate_phdr(add_module, NULL);
}

static int set_up(void **state) {
    (void)state;
    return fresh_file(path, "symbols");
}

static int tear_down(void **state) {
    (void)state;
    mete__symbols_close(symbols);
    mete__profile_close(profile);
    return unlink(path);
}

static size_t frames_of(uint32_t node, const struct mete__frame **frames) {
    mete__symbols_want(symbols, node);
    assert_int_equal(mete__symbols_resolve(symbols), 0);
    return mete__symbols_frames(symbols, node, frames);
}

static bool ends_with(const char *text, const char *end) {
    return text != NULL && strlen(text) >= strlen(end) &&
           strcmp(text + strlen(text) - strlen(end), end) == 0;
}

/* --- The tests --- */

static void an_inlined_call_is_two_frames(void **state) {
    const struct mete__frame *frames;

    (void)state;
    outer_of_inlined();
    open_with((uintptr_t[]){inner_return, 0}, 2, own_modules);
    assert_int_equal(frames_of(1, &frames), 2);
    assert_string_equal(frames[0].function, "inlined");
    assert_true(frames[0].inlined);
    assert_true(ends_with(frames[0].file, "test_symbols.c"));
    assert_int_equal(frames[0].line, inlined_line);
    assert_string_equal(frames[1].function, "outer_of_inlined");
    assert_false(frames[1].inlined);
    assert_int_equal(frames[1].line, call_line);
    assert_int_equal(frames[1].address, inner_return);
    assert_true(ends_with(frames[1].module, "test_symbols"));
}

static void an_exact_address_is_not_moved_back(void **state) {
    const struct mete__frame *frames;
    uintptr_t start = (uintptr_t)outer_of_inlined;

    (void)state;
    open_with((uintptr_t[]){start, start}, 2, own_modules);
    /* As a return address it would be the call before it, in another function or in none. */
    assert_true(frames_of(1, &frames) >= 1);
    assert_true(frames[0].function == NULL || strcmp(frames[0].function, "outer_of_inlined") != 0);
    size_t count = frames_of(2, &frames);
    assert_string_equal(frames[count - 1].function, "outer_of_inlined");
}

static void addresses_outside_have_no_names(void **state) {
    const struct mete__frame *frames;

    (void)state;
    open_with((uintptr_t[]){0x10, 0x20}, 2, own_modules);
    assert_int_equal(mete__symbols_frames(symbols, 1, &frames), 0); /* not asked for yet */
    assert_int_equal(frames_of(1, &frames), 1);
    assert_null(frames[0].function);
    assert_string_equal(frames[0].module, "?");
    assert_int_equal(frames_of(0, &frames), 0);
}

static int changed_module(void) {
    dl_iterate_phdr(add_module, NULL);
    uint64_t count = mete__writer_count(METE_SECTION_MODULES);
    for (uint64_t i = 0; i < count; i++) {
        struct mete_profile_module *module = mete__writer_record(METE_SECTION_MODULES, i);
        module->build_id_bytes = 20;
        memset(module->build_id, 0x5a, METE_BUILD_ID_MAX);
    }
    return 0;
}

static void another_build_gives_no_names_and_says_so(void **state) {
    const struct mete__frame *frames;
    const char *module, *note;

    (void)state;
    outer_of_inlined();
    open_with((uintptr_t[]){inner_return, 0}, 2, changed_module);
    assert_int_equal(frames_of(1, &frames), 1);
    assert_null(frames[0].function);
    assert_null(frames[0].file);
    assert_true(mete__symbols_note(symbols, 0, &module, &note));
    assert_true(ends_with(module, "test_symbols"));
    assert_string_equal(note, "is another build than the one that ran: no names from it");
}

static int gone_module(void) {
    struct mete_profile_module module = {
        .start = 0x1000, .end = 0x9000, .path = mete__writer_string("/no/such/file", 13)};
    mete__writer_append(METE_SECTION_MODULES, &module);
    module = (struct mete_profile_module){
        .start = 0x10000, .end = 0x19000, .path = mete__writer_string("/dev/null", 9)};
    mete__writer_append(METE_SECTION_MODULES, &module);
    module = (struct mete_profile_module){
        .start = 0x20000, .end = 0x29000, .path = mete__writer_string("/etc/passwd", 11)};
    mete__writer_append(METE_SECTION_MODULES, &module);
    return 0;
}

static void files_that_are_no_programs_do_no_harm(void **state) {
    const struct mete__frame *frames;
    const char *module, *note;

    (void)state;
    open_with((uintptr_t[]){0x1010, 0x10010, 0x20010, 0}, 4, gone_module);
    for (uint32_t i = 1; i <= 3; i++) {
        assert_int_equal(frames_of(i, &frames), 1);
        assert_null(frames[0].function);
        assert_int_equal(frames[0].offset, frames[0].address - 1);
        assert_true(mete__symbols_note(symbols, i - 1, &module, &note));
    }
    assert_false(mete__symbols_note(symbols, 3, &module, &note));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FACT(an_inlined_call_is_two_frames),         FACT(an_exact_address_is_not_moved_back),
        FACT(addresses_outside_have_no_names),       FACT(another_build_gives_no_names_and_says_so),
        FACT(files_that_are_no_programs_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
