/* SPDX-License-Identifier: MIT */
/*
 * The bytes behind embed.h, taken from the build folder's init/, where make runs the assembler.
 */
    .macro embed name, file
    .section .rodata.\name, "a", %progbits
    .balign 8
    .globl \name
    .hidden \name
    .type \name, %object
\name:
    .incbin "\file"
.L\name\()_end:
    .size \name, . - \name

    .balign 8
    .globl \name\()_size
    .hidden \name\()_size
    .type \name\()_size, %object
\name\()_size:
    .quad .L\name\()_end - \name
    .size \name\()_size, 8
    .endm

    embed plr_init_amd64, "init/plr-init-amd64"
    embed plr_init_arm64, "init/plr-init-arm64"

    .section .note.GNU-stack, "", %progbits
