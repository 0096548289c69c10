/* analysis/blocks/frame_table.c: this very program's frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <link.h>
#include <unistd.h>

#include "analysis/blocks/frame_table.h"
#include "base/compiler.h"
#include "support/fresh.h"

static struct mete__frame_table table;
static int file;
static Elf *elf;
static uintptr_t bias;

static int note_bias(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    (void)context;
    bias = info->dlpi_addr; /* the program comes first */
    return 1;
}

static int set_up(void **state) {
    (void)state;
    elf_version(EV_CURRENT);
    dl_iterate_phdr(note_bias, NULL);
    file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    elf = elf_begin(file, ELF_C_READ_MMAP, NULL);
    return elf == NULL ? -1 : mete__frame_table_read(&table, elf);
}

static int tear_down(void **state) {
    (void)state;
    mete__frame_table_free(&table);
    elf_end(elf);
    return close(file);
}

METE_NOINLINE static void record(uintptr_t *pc, uintptr_t *cfa) {
    *pc = (uintptr_t)__builtin_return_address(0);
    *cfa = (uintptr_t)__builtin_frame_address(0);
}

METE_NOINLINE static void first_instruction_of(void) {
    __asm__ volatile("");
}

static void at_the_first_instruction_the_frame_is_at_the_stack_pointer(void **state) {
    uint64_t number;
    int64_t offset;
    uintptr_t pc = (uintptr_t)first_instruction_of - bias;

    (void)state;
    assert_true(mete__frame_table_find(&table, pc, &number, &offset));
#if defined(__x86_64__)
    assert_int_equal(number, 7);
    assert_int_equal(offset, 8);
#elif defined(__aarch64__)
    assert_int_equal(number, 31);
    assert_int_equal(offset, 0);
#endif
}

static void a_call_has_a_frame(void **state) {
    uint64_t number;
    int64_t offset;
    uintptr_t pc, cfa;

    (void)state;
    record(&pc, &cfa);
    assert_true(mete__frame_table_find(&table, pc - bias, &number, &offset));
    assert_true(offset > 0 && offset < 4096);
}

static void what_is_no_code_has_none(void **state) {
    uint64_t number;
    int64_t offset;

    (void)state;
    assert_false(mete__frame_table_find(&table, 0, &number, &offset));
    assert_false(mete__frame_table_find(&table, UINT64_MAX, &number, &offset));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_the_first_instruction_the_frame_is_at_the_stack_pointer),
        cmocka_unit_test(a_call_has_a_frame),
        cmocka_unit_test(what_is_no_code_has_none),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
