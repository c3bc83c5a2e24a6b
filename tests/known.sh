#!/bin/sh
# SPDX-License-Identifier: MIT
# Each test that README.md names is there.

cd "$top_srcdir/tests" || exit 1
grep -o '`[a-z]*/[a-z_0-9]*\.[a-z]*: [^`]*`' README.md | tr -d '`' | (
    n=0 status=0
    while IFS= read -r name; do
        n=$((n + 1))
        grep -qF "${name#*: }" "${name%%: *}" || { echo "README.md names a test that is not there: $name"; status=1; }
    done
    echo "$n tests looked for"
    [ "$n" -gt 50 ] && exit $status
)
