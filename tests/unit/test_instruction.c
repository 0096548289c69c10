/* analysis/blocks/instruction.c, instruction_x86.c and instruction_arm64.c: what machine code does
 * to pointers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <errno.h>

#include "analysis/blocks/instruction.h"
#include "support/fresh.h"

enum { RAX, RDX, RCX, RBX, RSI, RDI, RBP, RSP, R12 = 12 };

static struct mete__instruction_decoder *x86, *arm64;

static int set_up(void **state) {
    (void)state;
    return mete__instruction_decoder_open(EM_X86_64, &x86) != 0 ||
           mete__instruction_decoder_open(EM_AARCH64, &arm64) != 0;
}

static int tear_down(void **state) {
    (void)state;
    mete__instruction_decoder_close(x86);
    mete__instruction_decoder_close(arm64);
    return 0;
}

#define DECODE(...) decode((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static struct mete__instruction decode(const uint8_t *code, size_t size) {
    struct mete__instruction out;

    assert_true(mete__instruction_decode(x86, code, size, 0x1000, &out));
    assert_int_equal(out.bytes, size);
    return out;
}

static void a_move_between_registers_is_a_copy(void **state) {
    (void)state;
    struct mete__instruction move = DECODE(0x48, 0x89, 0xc3); /* mov %rax,%rbx */
    assert_int_equal(move.kind, METE__INSTRUCTION_COPY);
    assert_int_equal(move.to, RBX);
    assert_int_equal(move.from, RAX);
    assert_int_equal(move.written, 0);
}

static void half_a_register_is_no_pointer(void **state) {
    (void)state;
    struct mete__instruction move = DECODE(0x89, 0xc3); /* mov %eax,%ebx */
    assert_int_equal(move.kind, METE__INSTRUCTION_NUMBER);
    assert_int_equal(move.to, RBX);
}

static void a_move_under_a_condition_may_leave_what_was_there(void **state) {
    (void)state;
    struct mete__instruction move = DECODE(0x48, 0x0f, 0x42, 0xc3); /* cmovb %rbx,%rax */
    assert_int_equal(move.kind, METE__INSTRUCTION_SELECT);
    assert_int_equal(move.to, RAX);
    assert_int_equal(move.from, RBX);
    assert_int_equal(move.written, 0);
    move = DECODE(0x48, 0x0f, 0x44, 0x07); /* cmove (%rdi),%rax */
    assert_int_equal(move.kind, METE__INSTRUCTION_OTHER);
    assert_int_equal(move.written, 1 << RAX);
}

static void a_product_of_registers_goes_to_one(void **state) {
    (void)state;
    struct mete__instruction product = DECODE(0x48, 0xf7, 0xe1); /* mul %rcx */
    assert_int_equal(product.kind, METE__INSTRUCTION_MULTIPLY);
    assert_int_equal(product.to, RAX);
    assert_int_equal(product.from, RCX);
    assert_int_equal(product.written, 1 << RDX);
    product = DECODE(0x48, 0x0f, 0xaf, 0xfb); /* imul %rbx,%rdi */
    assert_int_equal(product.kind, METE__INSTRUCTION_MULTIPLY);
    assert_int_equal(product.to, RDI);
    assert_int_equal(product.from, RBX);
}

static void stores_and_loads_have_an_address(void **state) {
    (void)state;
    struct mete__instruction store = DECODE(0x48, 0x89, 0x45, 0xf8); /* mov %rax,-8(%rbp) */
    assert_int_equal(store.kind, METE__INSTRUCTION_STORE);
    assert_int_equal(store.from, RAX);
    assert_int_equal(store.base, RBP);
    assert_int_equal(store.offset, -8);

    /* mov 0x10(%r12,%rbx,8),%rdx */
    struct mete__instruction load = DECODE(0x49, 0x8b, 0x54, 0xdc, 0x10);
    assert_int_equal(load.kind, METE__INSTRUCTION_LOAD);
    assert_int_equal(load.to, RDX);
    assert_int_equal(load.base, R12);
    assert_int_equal(load.index, RBX);
    assert_int_equal(load.scale, 8);
    assert_int_equal(load.offset, 0x10);
}

static void an_address_beside_the_code_is_absolute(void **state) {
    (void)state;
    /* mov %rax,0x100(%rip) */
    struct mete__instruction store = DECODE(0x48, 0x89, 0x05, 0x00, 0x01, 0x00, 0x00);
    assert_int_equal(store.kind, METE__INSTRUCTION_STORE);
    assert_true(store.absolute);
    assert_int_equal(store.offset, 0x1107);
}

static void thread_locals_have_no_address(void **state) {
    (void)state;
    /* mov %rax,%fs:0x10 */
    struct mete__instruction store = DECODE(0x64, 0x48, 0x89, 0x04, 0x25, 0x10, 0x00, 0x00, 0x00);
    assert_int_equal(store.kind, METE__INSTRUCTION_OTHER);
}

static void sums_with_constants_are_addresses(void **state) {
    (void)state;
    struct mete__instruction add = DECODE(0x48, 0x83, 0xc0, 0x10); /* add $0x10,%rax */
    assert_int_equal(add.kind, METE__INSTRUCTION_ADDRESS);
    assert_int_equal(add.to, RAX);
    assert_int_equal(add.base, RAX);
    assert_int_equal(add.offset, 0x10);
    struct mete__instruction sub = DECODE(0x48, 0x83, 0xec, 0x18); /* sub $0x18,%rsp */
    assert_int_equal(sub.offset, -0x18);
    struct mete__instruction lea = DECODE(0x48, 0x8d, 0x78, 0x08); /* lea 8(%rax),%rdi */
    assert_int_equal(lea.kind, METE__INSTRUCTION_ADDRESS);
    assert_int_equal(lea.to, RDI);
    assert_int_equal(lea.base, RAX);
}

static void multiplications_are_known(void **state) {
    (void)state;
    struct mete__instruction shift = DECODE(0x48, 0xc1, 0xe0, 0x04); /* shl $4,%rax */
    assert_int_equal(shift.kind, METE__INSTRUCTION_SCALE);
    assert_int_equal(shift.from, RAX);
    assert_int_equal(shift.offset, 16);
    struct mete__instruction times = DECODE(0x48, 0x6b, 0xfb, 0x38); /* imul $0x38,%rbx,%rdi */
    assert_int_equal(times.kind, METE__INSTRUCTION_SCALE);
    assert_int_equal(times.to, RDI);
    assert_int_equal(times.from, RBX);
    assert_int_equal(times.offset, 0x38);
    struct mete__instruction three = DECODE(0x48, 0x8d, 0x04, 0x40); /* lea (%rax,%rax,2),%rax */
    assert_int_equal(three.kind, METE__INSTRUCTION_SCALE);
    assert_int_equal(three.offset, 3);
    struct mete__instruction extension = DECODE(0x48, 0x98); /* cltq */
    assert_int_equal(extension.kind, METE__INSTRUCTION_NUMBER);
    assert_int_equal(extension.to, RAX);
}

static void tests_for_zero_are_known(void **state) {
    (void)state;
    struct mete__instruction test = DECODE(0x48, 0x85, 0xc0); /* test %rax,%rax */
    assert_int_equal(test.kind, METE__INSTRUCTION_TEST);
    assert_int_equal(test.from, RAX);
    struct mete__instruction memory = DECODE(0x48, 0x83, 0x7d, 0xf8, 0x00); /* cmpq $0,-8(%rbp) */
    assert_int_equal(memory.kind, METE__INSTRUCTION_TEST);
    assert_int_equal(memory.from, METE__NO_REGISTER);
    assert_int_equal(memory.base, RBP);
    struct mete__instruction other = DECODE(0x48, 0x39, 0xd8); /* cmp %rbx,%rax */
    assert_int_equal(other.kind, METE__INSTRUCTION_OTHER);
    assert_true(other.tests);
}

static void jumps_and_calls_have_destinations(void **state) {
    (void)state;
    struct mete__instruction branch = DECODE(0x74, 0x10); /* je */
    assert_int_equal(branch.kind, METE__INSTRUCTION_BRANCH_ZERO);
    assert_int_equal(branch.destination, 0x1012);
    struct mete__instruction call = DECODE(0xe8, 0xfb, 0x0f, 0x00, 0x00);
    assert_int_equal(call.kind, METE__INSTRUCTION_CALL);
    assert_int_equal(call.destination, 0x2000);
    struct mete__instruction indirect = DECODE(0xff, 0xd0); /* call *%rax */
    assert_int_equal(indirect.kind, METE__INSTRUCTION_CALL);
    assert_int_equal(indirect.destination, 0);
    assert_int_equal(DECODE(0xc3).kind, METE__INSTRUCTION_RETURN);
    assert_int_equal(DECODE(0x0f, 0x0b).kind, METE__INSTRUCTION_STOP);
    assert_int_equal(DECODE(0x7f, 0x10).kind, METE__INSTRUCTION_BRANCH);
}

/* --- aarch64 --- */

static struct mete__instruction decode_arm64(uint32_t word) {
    const uint8_t code[] = {(uint8_t)word, (uint8_t)(word >> 8), (uint8_t)(word >> 16),
                            (uint8_t)(word >> 24)};
    struct mete__instruction out;

    assert_true(mete__instruction_decode(arm64, code, sizeof code, 0x1000, &out));
    assert_int_equal(out.bytes, 4);
    return out;
}

static void arm64_moves_loads_and_stores(void **state) {
    (void)state;
    struct mete__instruction move = decode_arm64(0xaa0003f3); /* mov x19, x0 */
    assert_int_equal(move.kind, METE__INSTRUCTION_COPY);
    assert_int_equal(move.to, 19);
    assert_int_equal(move.from, 0);
    struct mete__instruction store = decode_arm64(0xf9000fe0); /* str x0, [sp, #24] */
    assert_int_equal(store.kind, METE__INSTRUCTION_STORE);
    assert_int_equal(store.from, 0);
    assert_int_equal(store.base, 31);
    assert_int_equal(store.offset, 24);
    struct mete__instruction load = decode_arm64(0xf8627a61); /* ldr x1, [x19, x2, lsl #3] */
    assert_int_equal(load.kind, METE__INSTRUCTION_LOAD);
    assert_int_equal(load.to, 1);
    assert_int_equal(load.index, 2);
    assert_int_equal(load.scale, 8);
    struct mete__instruction pair = decode_arm64(0xa9008660); /* stp x0, x1, [x19, #8] */
    assert_int_equal(pair.kind, METE__INSTRUCTION_STORE);
    assert_int_equal(pair.from, 0);
    assert_int_equal(pair.second, 1);
    assert_int_equal(pair.offset, 8);
}

static void arm64_moves_a_base_on_that_is_used(void **state) {
    (void)state;
    struct mete__instruction after = decode_arm64(0xf8010413); /* str x19, [x0], #16 */
    assert_int_equal(after.kind, METE__INSTRUCTION_STORE);
    assert_int_equal(after.offset, 0);
    assert_int_equal(after.step, 16);
    assert_int_equal(after.written, 0);
    struct mete__instruction before = decode_arm64(0xa9be7bfd); /* stp x29, x30, [sp, #-32]! */
    assert_int_equal(before.offset, -32);
    assert_int_equal(before.step, -32);
    assert_int_equal(before.written, 0);
    struct mete__instruction half = decode_arm64(0xb8404401); /* ldr w1, [x0], #4 */
    assert_true((half.written & 1) != 0);
    assert_int_equal(decode_arm64(0xf9000fe0).step, 0);
}

static void arm64_computes(void **state) {
    (void)state;
    struct mete__instruction sum = decode_arm64(0x91004000); /* add x0, x0, #16 */
    assert_int_equal(sum.kind, METE__INSTRUCTION_ADDRESS);
    assert_int_equal(sum.offset, 16);
    struct mete__instruction shift = decode_arm64(0xd37cec00); /* lsl x0, x0, #4 */
    assert_int_equal(shift.kind, METE__INSTRUCTION_SCALE);
    assert_int_equal(shift.offset, 16);
    struct mete__instruction extended = decode_arm64(0x937c7c00); /* sbfiz x0, x0, #4, #32 */
    assert_int_equal(extended.kind, METE__INSTRUCTION_SCALE);
    assert_int_equal(extended.offset, 16);
    struct mete__instruction constant = decode_arm64(0x52800300); /* mov w0, #24 */
    assert_int_equal(constant.kind, METE__INSTRUCTION_ADDRESS);
    assert_true(constant.absolute);
    assert_int_equal(constant.offset, 24);
}

static void arm64_goes_elsewhere(void **state) {
    (void)state;
    struct mete__instruction branch = decode_arm64(0xb4000080); /* cbz x0, 0x1010 */
    assert_int_equal(branch.kind, METE__INSTRUCTION_BRANCH_ZERO);
    assert_int_equal(branch.from, 0);
    assert_int_equal(branch.destination, 0x1010);
    struct mete__instruction call = decode_arm64(0x94000400); /* bl 0x2000 */
    assert_int_equal(call.kind, METE__INSTRUCTION_CALL);
    assert_int_equal(call.destination, 0x2000);
    struct mete__instruction test = decode_arm64(0xf100001f); /* cmp x0, #0 */
    assert_int_equal(test.kind, METE__INSTRUCTION_TEST);
    assert_int_equal(test.from, 0);
    struct mete__instruction equal = decode_arm64(0x54000040); /* b.eq 0x1008 */
    assert_int_equal(equal.kind, METE__INSTRUCTION_BRANCH_ZERO);
    assert_int_equal(equal.from, METE__NO_REGISTER);
    assert_int_equal(equal.destination, 0x1008);
    assert_int_equal(decode_arm64(0xd65f03c0).kind, METE__INSTRUCTION_RETURN);
}

static void what_is_no_instruction_is_refused(void **state) {
    struct mete__instruction out;
    const uint8_t cut[] = {0x48, 0x89};

    (void)state;
    assert_false(mete__instruction_decode(x86, cut, sizeof cut, 0x1000, &out));
    assert_false(mete__instruction_decode(x86, cut, 0, 0x1000, &out));
}

static void other_machines_are_not_supported(void **state) {
    struct mete__instruction_decoder *decoder = NULL;

    (void)state;
    assert_int_equal(mete__instruction_decoder_open(EM_RISCV, &decoder), -ENOTSUP);
    assert_null(decoder);
}

enum { XMM0 = 17, XMM1, XMM0_UPPER = 33, XMM1_UPPER };

static uint64_t bits(int one, int other) {
    return UINT64_C(1) << one | UINT64_C(1) << other;
}

static void pointers_go_through_halves_of_vectors(void **state) {
    (void)state;
    struct mete__instruction move = DECODE(0x66, 0x48, 0x0f, 0x6e, 0xc0); /* movq %rax,%xmm0 */
    assert_int_equal(move.kind, METE__INSTRUCTION_COPY);
    assert_int_equal(move.to, XMM0);
    assert_int_equal(move.from, RAX);
    assert_int_equal(move.written, UINT64_C(1) << XMM0_UPPER);
    move = DECODE(0x66, 0x48, 0x0f, 0x7e, 0xc0); /* movq %xmm0,%rax */
    assert_int_equal(move.kind, METE__INSTRUCTION_COPY);
    assert_int_equal(move.to, RAX);
    assert_int_equal(move.from, XMM0);
    move = DECODE(0x66, 0x0f, 0x6c, 0xc1); /* punpcklqdq %xmm1,%xmm0 */
    assert_int_equal(move.kind, METE__INSTRUCTION_COPY);
    assert_int_equal(move.to, XMM0_UPPER);
    assert_int_equal(move.from, XMM1);
    assert_int_equal(move.written, 0);
    move = DECODE(0x66, 0x48, 0x0f, 0x3a, 0x22, 0xc2, 0x01); /* pinsrq $1,%rdx,%xmm0 */
    assert_int_equal(move.kind, METE__INSTRUCTION_COPY);
    assert_int_equal(move.to, XMM0_UPPER);
    assert_int_equal(move.from, RDX);
    assert_int_equal(move.written, 0);
    move = DECODE(0x66, 0x0f, 0x16, 0x43, 0x08); /* movhpd 0x8(%rbx),%xmm0 */
    assert_int_equal(move.kind, METE__INSTRUCTION_LOAD);
    assert_int_equal(move.to, XMM0_UPPER);
    assert_int_equal(move.base, RBX);
    assert_int_equal(move.written, 0);
    move = DECODE(0x0f, 0x17, 0x43, 0x08); /* movhps %xmm0,0x8(%rbx) */
    assert_int_equal(move.kind, METE__INSTRUCTION_STORE);
    assert_int_equal(move.from, XMM0_UPPER);
    assert_int_equal(move.offset, 8);
}

static void vectors_are_two_words_of_memory(void **state) {
    (void)state;
    struct mete__instruction move = DECODE(0x0f, 0x11, 0x43, 0x18); /* movups %xmm0,0x18(%rbx) */
    assert_int_equal(move.kind, METE__INSTRUCTION_STORE);
    assert_int_equal(move.from, XMM0);
    assert_int_equal(move.second, XMM0_UPPER);
    assert_int_equal(move.base, RBX);
    assert_int_equal(move.offset, 0x18);
    move = DECODE(0xf3, 0x0f, 0x6f, 0x4e, 0x10); /* movdqu 0x10(%rsi),%xmm1 */
    assert_int_equal(move.kind, METE__INSTRUCTION_LOAD);
    assert_int_equal(move.to, XMM1);
    assert_int_equal(move.second, XMM1_UPPER);
    assert_int_equal(move.written, 0);
}

static void what_else_writes_a_vector_changes_both_halves(void **state) {
    (void)state;
    struct mete__instruction zero = DECODE(0x66, 0x0f, 0xef, 0xc0); /* pxor %xmm0,%xmm0 */
    assert_int_equal(zero.kind, METE__INSTRUCTION_OTHER);
    assert_int_equal(zero.written, bits(XMM0, XMM0_UPPER));
    struct mete__instruction copy = DECODE(0x0f, 0x28, 0xc8); /* movaps %xmm0,%xmm1 */
    assert_int_equal(copy.written, bits(XMM1, XMM1_UPPER));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_move_between_registers_is_a_copy),
        cmocka_unit_test(half_a_register_is_no_pointer),
        cmocka_unit_test(a_move_under_a_condition_may_leave_what_was_there),
        cmocka_unit_test(a_product_of_registers_goes_to_one),
        cmocka_unit_test(stores_and_loads_have_an_address),
        cmocka_unit_test(an_address_beside_the_code_is_absolute),
        cmocka_unit_test(thread_locals_have_no_address),
        cmocka_unit_test(sums_with_constants_are_addresses),
        cmocka_unit_test(multiplications_are_known),
        cmocka_unit_test(tests_for_zero_are_known),
        cmocka_unit_test(jumps_and_calls_have_destinations),
        cmocka_unit_test(arm64_moves_loads_and_stores),
        cmocka_unit_test(arm64_moves_a_base_on_that_is_used),
        cmocka_unit_test(arm64_computes),
        cmocka_unit_test(arm64_goes_elsewhere),
        cmocka_unit_test(what_is_no_instruction_is_refused),
        cmocka_unit_test(other_machines_are_not_supported),
        cmocka_unit_test(pointers_go_through_halves_of_vectors),
        cmocka_unit_test(vectors_are_two_words_of_memory),
        cmocka_unit_test(what_else_writes_a_vector_changes_both_halves),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
