/* track/unwind_guess.h: what passes for a return address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "os/probe.h"
#include "track/unwind_guess.h"

#if defined(__x86_64__)
static const uint8_t call[] = {0xe8, 0x00, 0x00, 0x00, 0x00}; /* call rel32 */
#elif defined(__aarch64__)
static const uint8_t call[] = {0x00, 0x00, 0x00, 0x94}; /* bl */
#endif

static uint8_t *make_code(void) {
    uint8_t *code =
        mmap(NULL, METE__PROBE_STEP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(code != MAP_FAILED);
    memcpy(code + 64, call, sizeof call);
    return code;
}

static void a_return_address_follows_a_call(void **state) {
    (void)state;
    uint8_t *code = make_code();
    assert_true(mete__unwind_guess_is_return((uintptr_t)code + 64 + sizeof call));
    assert_false(mete__unwind_guess_is_return((uintptr_t)code + 128));
    munmap(code, METE__PROBE_STEP);
}

static void what_cannot_be_read_is_none(void **state) {
    (void)state;
    uint8_t *code = make_code();
    munmap(code, METE__PROBE_STEP);
    assert_false(mete__unwind_guess_is_return((uintptr_t)code + 256));
    assert_false(mete__unwind_guess_is_return(0));
    assert_false(mete__unwind_guess_is_return(8));
    assert_false(mete__unwind_guess_is_return(UINTPTR_MAX - 8));
}

/* A deep stack of made code would ask the kernel for each frame at every allocation. */
static void a_verified_one_is_not_looked_at_again(void **state) {
    (void)state;
    uint8_t *code = make_code();
    uintptr_t pc = (uintptr_t)code + 64 + sizeof call;
    assert_true(mete__unwind_guess_is_return(pc));
    munmap(code, METE__PROBE_STEP);
    assert_true(mete__unwind_guess_is_return(pc));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_return_address_follows_a_call),
        cmocka_unit_test(what_cannot_be_read_is_none),
        cmocka_unit_test(a_verified_one_is_not_looked_at_again),
    };
    return cmocka_run_group_tests_name("unwind_guess", tests, NULL, NULL);
}
