/* SPDX-License-Identifier: MIT */
/*
 * Where the kernel enters: the stack pointer is at argc, argv and the environment follow.
 * It is handed on as a pointer, for that is all that plr-init needs of it.
 */
    .text
    .globl _start
    .type _start, %function
_start:
#if defined(__x86_64__)
    xorl %ebp, %ebp
    movq %rsp, %rdi
    andq $-16, %rsp
    call plr_init_main
#elif defined(__aarch64__)
    mov x29, #0
    mov x30, #0
    mov x0, sp
    bl plr_init_main
#endif
    .size _start, . - _start
    .section .note.GNU-stack, "", %progbits
