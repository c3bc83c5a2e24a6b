#!/bin/sh
# SPDX-License-Identifier: MIT
# The JSON Schema is right by an independent validator, and docs/document.md is current.

print=$top_builddir/tests/schema/print
python3 -c 'import jsonschema' || { echo "python3-jsonschema is not installed"; exit 1; }
python3 "$top_srcdir/tests/schema/schema.py" "$print" "$top_srcdir"/samples/*.json || exit 1
"$print" reference | diff -u "$top_srcdir/docs/document.md" - || { echo "run make document"; exit 1; }
