#!/bin/sh
# SPDX-License-Identifier: MIT
# The code obeys .clang-format, and its rules for what stands at the top of a file.

cd "$top_srcdir" || exit 1
command -v clang-format >/dev/null || { echo "clang-format is not installed"; exit 77; }

files=$(find include engine net backends init cli tests bench samples -name '*.[ch]' 2>/dev/null)
[ -n "$files" ] || { echo "no C files in $top_srcdir"; exit 1; }
status=0
# One for all: to start takes it longer than to read most of them.
# shellcheck disable=SC2086
said=$(clang-format --dry-run -Werror $files 2>&1) || {
    echo "$said" | sed 's/^\([^:]*\):[0-9].*: error: .*/\1: run clang-format -i/; t; d' | sort -u | grep . || echo "$said"
    status=1
}
# shellcheck disable=SC2086
awk '
    FNR == 1 && $0 != "/* SPDX-License-Identifier: MIT */" {
        print FILENAME ": does not begin with /* SPDX-License-Identifier: MIT */"
        status = 1
    }
    FNR == 601 { print FILENAME ": 600 lines are the most"; status = 1 }
    END { exit status }' $files || status=1
exit $status
