/*
 * track/unwind_arch.h - what the unwinder must know of the processor.
 *
 * Register numbers are DWARF's. "sp" and "fp" below are the stack and frame pointers by role. One
 * section per architecture; nothing else in src/track/ asks which one it is.
 */
#ifndef METE_TRACK_UNWIND_ARCH_H
#define METE_TRACK_UNWIND_ARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

#if defined(__x86_64__)

enum {
    METE__ARCH_FP = 6,         /* rbp */
    METE__ARCH_SP = 7,         /* rsp */
    METE__ARCH_RA = 16,        /* the column of the return address */
    METE__ARCH_REGISTERS = 17, /* columns an unwind table may mention, vectors aside */
    METE__ARCH_RA_IS_REGISTER = 0,
    METE__ARCH_PC_BITS = 47, /* of user addresses, but for programs that ask for more */
};

/* Registers whose values a function's caller finds unchanged: rbx, rbp, rsp, r12 to r15. */
#define METE__ARCH_CALLEE_SAVED 0xf0c8u

/* A return address as found on the stack, without what is no address in it. */
METE_INLINE uintptr_t mete__arch_strip(uintptr_t pc) {
    return pc;
}

/* Stores the callee-saved registers and the pc, all as they are inside the function this stands
 * in. */
#define METE__ARCH_CAPTURE(values, pc)                                                      \
    __asm__ volatile("movq %%rbx, 24(%1)\n\tmovq %%rbp, 48(%1)\n\tmovq %%rsp, 56(%1)\n\t"   \
                     "movq %%r12, 96(%1)\n\tmovq %%r13, 104(%1)\n\tmovq %%r14, 112(%1)\n\t" \
                     "movq %%r15, 120(%1)\n\tleaq 0f(%%rip), %0\n0:"                        \
                     : "=&r"(pc)                                                            \
                     : "r"(values)                                                          \
                     : "memory")

/* The bytes before a return address that the test below looks at. */
#define METE__ARCH_CALL_BYTES 7

/* Whether the instruction that ends at `pc` is a call. The bytes must be readable. */
METE_INLINE bool mete__arch_follows_call(uintptr_t pc) {
    const uint8_t *end = (const uint8_t *)pc;
    if (end[-5] == 0xe8) return true; /* call rel32 */
    for (int length = 2; length <= 7; length++) {
        const uint8_t *code = end - length;
        if (code[0] != 0xff || (code[1] & 0x38) != 0x10) continue; /* call r/m64 */
        unsigned mode = code[1] >> 6;
        bool sib = mode != 3 && (code[1] & 7) == 4;
        bool wide = mode == 2 || (mode == 0 && (code[1] & 7) == 5) ||
                    (mode == 0 && sib && (code[2] & 7) == 5);
        int expected = 2 + sib + (mode == 1 ? 1 : 0) + (wide ? 4 : 0);
        if (expected == length) return true;
    }
    return false;
}

/* Whether the code at `pc` is the one that signal handlers return to: mov $15, %rax; syscall. Some
 * C libraries describe it in no table. */
#define METE__ARCH_SIGRETURN_BYTES 9
METE_INLINE bool mete__arch_is_sigreturn(uintptr_t pc) {
    static const uint8_t code[] = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};
    return __builtin_memcmp((const void *)pc, code, sizeof code) == 0;
}

/* Where the interrupted code's registers are then, by DWARF column; METE__ARCH_RA is the pc. They
 * are in the ucontext_t at sp: struct sigcontext after five words. */
METE_INLINE uintptr_t mete__arch_interrupted(uintptr_t sp, unsigned column) {
    static const uint8_t place[METE__ARCH_REGISTERS] = {13, 12, 14, 11, 9, 8, 10, 15, 0,
                                                        1,  2,  3,  4,  5, 6, 7,  16};
    return sp + 8 * (5 + (uintptr_t)place[column]);
}
#define METE__ARCH_PC_COLUMN METE__ARCH_RA
/* From that sp to the ucontext_t. */
#define METE__ARCH_UCONTEXT 0

#elif defined(__aarch64__)

enum {
    METE__ARCH_FP = 29,
    METE__ARCH_SP = 31,
    METE__ARCH_RA = 30, /* x30 is a register like others: a leaf's return address is only there */
    METE__ARCH_REGISTERS = 32,
    METE__ARCH_RA_IS_REGISTER = 1,
    METE__ARCH_PC_BITS = 48,
};

/* x19 to x30 and sp. */
#define METE__ARCH_CALLEE_SAVED 0xfff80000u

/* Removes the pointer authentication code; a no-op on processors without it. */
METE_INLINE uintptr_t mete__arch_strip(uintptr_t pc) {
    register uintptr_t lr __asm__("x30") = pc;
    __asm__("hint #7" : "+r"(lr)); /* xpaclri */
    return lr;
}

#define METE__ARCH_CAPTURE(values, pc)                                          \
    __asm__ volatile("stp x19, x20, [%1, #152]\n\tstp x21, x22, [%1, #168]\n\t" \
                     "stp x23, x24, [%1, #184]\n\tstp x25, x26, [%1, #200]\n\t" \
                     "stp x27, x28, [%1, #216]\n\tstp x29, x30, [%1, #232]\n\t" \
                     "mov %0, sp\n\tstr %0, [%1, #248]\n\tadr %0, 0f\n0:"       \
                     : "=&r"(pc)                                                \
                     : "r"(values)                                              \
                     : "memory")

#define METE__ARCH_CALL_BYTES      4

METE_INLINE bool mete__arch_follows_call(uintptr_t pc) {
    uint32_t code;
    __builtin_memcpy(&code, (const void *)(pc - 4), sizeof code);
    return (code & 0xfc000000u) == 0x94000000u || /* bl */
           (code & 0xfffffc1fu) == 0xd63f0000u || /* blr */
           (code & 0xfefff800u) == 0xd63f0800u;   /* blraa and its kin */
}

/* mov x8, #139; svc #0: the kernel's vdso describes it in no table, on purpose. */
#define METE__ARCH_SIGRETURN_BYTES 8
METE_INLINE bool mete__arch_is_sigreturn(uintptr_t pc) {
    static const uint32_t code[] = {0xd2801168u, 0xd4000001u};
    return __builtin_memcmp((const void *)pc, code, sizeof code) == 0;
}

/* struct rt_sigframe at sp: siginfo_t (128 bytes), then ucontext_t with its registers from byte 176
 * on: the fault's address, x0 to x30, sp, pc. */
METE_INLINE uintptr_t mete__arch_interrupted(uintptr_t sp, unsigned column) {
    return sp + 128 + 176 + 8 + 8 * (uintptr_t)column;
}
#define METE__ARCH_PC_COLUMN       METE__ARCH_REGISTERS
#define METE__ARCH_UCONTEXT        128

#else
#error "mete knows x86-64 and aarch64"
#endif

#endif
