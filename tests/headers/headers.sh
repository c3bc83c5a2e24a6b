#!/bin/sh
# SPDX-License-Identifier: MIT
# Each public header compiles alone, first in its file, with every warning, as C (gcc and clang)
# and as C++ (g++ and clang++): whoever embeds the library need not be as lenient as we are.

headers=$(cd "$top_srcdir/include" && ls pipeline/*.h)
[ -n "$headers" ] || { echo "no public headers in $top_srcdir/include"; exit 1; }
status=0
tried=0

# Compiler, language and its options: a strict user's.
try()
{
    command -v "$1" >/dev/null || { echo "$1 is not installed"; return; }
    tried=$((tried + 1))
    for header in $headers; do
        printf '#include <%s>\n#include <%s>\n' "$header" "$header" |
            "$@" -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror \
                -I"$top_srcdir/include" -fsyntax-only - ||
            { echo "<$header> does not compile alone with $*"; status=1; }
    done
}

for std in c99 c11; do
    try gcc -x c -std=$std
    try clang -x c -std=$std
done
try g++ -x c++ -std=c++11
try clang++ -x c++ -std=c++17
[ "$tried" -gt 0 ] || { echo "none of the compilers is there"; exit 1; }
exit $status
