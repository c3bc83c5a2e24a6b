#!/bin/sh
# SPDX-License-Identifier: MIT
# The code obeys .clang-format, and its rules for what stands at the top of a file.

cd "$top_srcdir" || exit 1
command -v clang-format >/dev/null || { echo "clang-format is not installed"; exit 77; }

files=$(find include engine net backends init cli tests bench samples -name '*.[ch]' 2>/dev/null)
[ -n "$files" ] || { echo "no C files in $top_srcdir"; exit 1; }
status=0
for file in $files; do
    clang-format --dry-run -Werror "$file" 2>/dev/null || { echo "$file: run clang-format -i"; status=1; }
    [ "$(head -n 1 "$file")" = '/* SPDX-License-Identifier: MIT */' ] ||
        { echo "$file: does not begin with /* SPDX-License-Identifier: MIT */"; status=1; }
    lines=$(wc -l <"$file")
    [ "$lines" -le 600 ] || { echo "$file: $lines lines, 600 are the most"; status=1; }
done
exit $status
