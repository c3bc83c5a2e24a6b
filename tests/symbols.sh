#!/bin/sh
# SPDX-License-Identifier: MIT
# What the library exports, engine/libpipeline-runtime.sym and the public headers are one list; a
# backend's module exports its entry point and nothing else.

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
status=0
export LC_ALL=C

# Defined dynamic symbols without their version and without the version's own node.
exported()
{
    nm -D --defined-only "$1" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u
}

same()
{
    diff -u "$work/$1" "$work/$2" >"$work/diff" && return
    echo "$3:"
    grep '^[-+][^-+]' "$work/diff"
    status=1
}

grep -v -e '^#' -e '^$' "$top_srcdir/engine/libpipeline-runtime.sym" >"$work/listed"
sort "$work/listed" >"$work/sorted"
exported "$top_builddir/.libs/libpipeline-runtime.so" >"$work/exported"
sed -n 's/^PLR_PUBLIC.*[ *]\(plr_[a-z0-9_]*\)(.*/\1/p' "$top_srcdir"/include/pipeline/*.h |
    sort >"$work/declared"
echo plr_backend_entry >"$work/entry"

[ -s "$work/listed" ] || { echo "the list is empty"; exit 1; }
same listed sorted "engine/libpipeline-runtime.sym is not sorted"
same sorted exported "listed (-) against exported by the library (+)"
same sorted declared "listed (-) against PLR_PUBLIC in the public headers (+)"

for module in "$top_builddir"/backends/modules/*.so; do
    [ -e "$module" ] || continue # built in
    exported "$module" >"$work/module"
    same entry module "$module exports (+)"
done
exit $status
