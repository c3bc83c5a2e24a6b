dnl SPDX-License-Identifier: MIT
dnl plr-init is made for both architectures on either: clang and lld know both, a gcc one each.

dnl PLR_INIT_CC(ARCHITECTURE, CPU, DEBIAN-PACKAGE): sets INIT_CC_ARCHITECTURE.
AC_DEFUN([PLR_INIT_CC], [
    AC_ARG_VAR([INIT_CC_$1], [compiler and linker of plr-init for $2])
    AC_MSG_CHECKING([how to make plr-init for $2])
    AS_IF([test -z "$INIT_CC_$1"], [
        echo 'void _start(void) { for (;;) { } }' >conftest.c
        for candidate in "clang --target=$2-linux-gnu -fuse-ld=lld" "$2-linux-gnu-gcc"; do
            AS_IF([$candidate -ffreestanding -nostdlib -static -o conftest conftest.c \
                    >&AS_MESSAGE_LOG_FD 2>&1], [
                INIT_CC_$1=$candidate
                break
            ])
        done
        rm -f conftest conftest.c
    ])
    AS_IF([test -n "$INIT_CC_$1"], [AC_MSG_RESULT([$INIT_CC_$1])], [
        AC_MSG_RESULT([no])
        AC_MSG_ERROR([install clang and lld, or $3, or set INIT_CC_$1])
    ])
])
