/* Functions without unwind tables, as hand-written assembly often is. Each calls its argument. */
    .text
#if defined(__x86_64__)
    .globl asm_with_frame_pointer, asm_without_frame_pointer, asm_with_a_lying_frame_pointer
    .type asm_with_frame_pointer, @function
    .type asm_without_frame_pointer, @function
    .type asm_with_a_lying_frame_pointer, @function

    .fill 8, 1, 0x90 /* no call ends in front of the fourth byte, whatever is linked before */
asm_with_frame_pointer:
    push %rbp
    mov %rsp, %rbp
    sub $48, %rsp
    call *%rdi
    leave
    ret

/* rbp belongs to somebody else, and points to nothing of use. */
asm_without_frame_pointer:
    push %rbp
    sub $64, %rsp
    xor %ebp, %ebp
    call *%rdi
    add $64, %rsp
    pop %rbp
    ret

/* rbp points into the frame, at what is no link: a word above it that follows no call. */
asm_with_a_lying_frame_pointer:
    push %rbp
    sub $64, %rsp
    lea 16(%rsp), %rbp
    movq $0, (%rbp)
    lea asm_with_frame_pointer+4(%rip), %rax
    mov %rax, 8(%rbp)
    call *%rdi
    add $64, %rsp
    pop %rbp
    ret

/* What a signal handler returns to. */
    .globl asm_sigreturn
    .type asm_sigreturn, @function
asm_sigreturn:
    mov $15, %rax
    syscall

/* Frames with tables, driven by a script: each calls the function that its step names, with the rest
 * of the script. struct step { void (*call)(struct step *); uintptr_t value; }. */

/* The frame pointer is not touched; two sizes. */
    .macro plain name, bytes
    .globl \name
    .type \name, @function
\name:
    .cfi_startproc
    sub $\bytes, %rsp
    .cfi_def_cfa_offset \bytes + 8
    mov (%rdi), %rax
    add $16, %rdi
    call *%rax
    add $\bytes, %rsp
    .cfi_def_cfa_offset 8
    ret
    .cfi_endproc
    .endm
    plain asm_plain, 8
    plain asm_plain_wide, 24

/* The frame pointer is saved, and then any value. */
    .globl asm_saver
    .type asm_saver, @function
asm_saver:
    .cfi_startproc
    push %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    mov (%rdi), %rax
    mov 8(%rdi), %rbp
    add $16, %rdi
    call *%rax
    pop %rbp
    .cfi_def_cfa_offset 8
    ret
    .cfi_endproc

/* The frame pointer leads to the frame, and the stack pointer is set to any value below. */
    .globl asm_pivot
    .type asm_pivot, @function
asm_pivot:
    .cfi_startproc
    push %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    mov %rsp, %rbp
    .cfi_def_cfa_register %rbp
    mov (%rdi), %rax
    mov 8(%rdi), %rsp
    add $16, %rdi
    call *%rax
    leave
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_endproc

/* Calls C, which wants its stack aligned, through a frame of fixed size if it is entered alike. */
    .globl asm_witness
    .type asm_witness, @function
asm_witness:
    .cfi_startproc
    mov (%rdi), %rax
    push %rbp
    .cfi_def_cfa_offset 16
    call *%rax
    pop %rcx
    .cfi_def_cfa_offset 8
    ret
    .cfi_endproc
#elif defined(__aarch64__)
    .globl asm_with_frame_pointer, asm_without_frame_pointer, asm_with_a_lying_frame_pointer
asm_with_frame_pointer:
    stp x29, x30, [sp, #-16]!
    mov x29, sp
    blr x0
    ldp x29, x30, [sp], #16
    ret
asm_without_frame_pointer:
asm_with_a_lying_frame_pointer:
    stp x29, x30, [sp, #-16]!
    mov x29, xzr
    blr x0
    ldp x29, x30, [sp], #16
    ret
#endif
    .section .note.GNU-stack, "", %progbits
