# SPDX-License-Identifier: MIT
# The --help of a command as a section of pipeline-runtime(1), in scdoc. Give its name: -v name=run
function escape(text) { gsub(/[\\*_`]/, "\\\\&", text); return text }
function finish() { if (open) print ""; open = 0 }
NR == 1 { print "## pipeline-runtime " name "\n"; usage = $0; sub(/^Usage: /, "", usage); print "*" escape(usage) "*\n"; next }
/^Example:/ { part = "example"; print "Example:\n"; next }
/^Options/ { part = "options"; finish(); if ($0 != "Options:") print escape($0) "\n"; next }
part == "example" { sub(/^  /, "\t"); print escape($0) (/\\$/ ? "++" : ""); next }
part == "options" && /^  (    |-.,) *--/ {
    left = substr($0, 1, 30); help = substr($0, 32)
    if (length($0) > 30 && substr($0, 31, 1) != " ") { left = $0; help = "" }
    finish(); split("", word); n = split(left, word, " ")
    line = ""
    for (i = 1; i <= n; i++)
        line = line (i > 1 ? " " : "") (word[i] ~ /^-/ ? (word[i] ~ /,$/ ? "*" escape(substr(word[i], 1, length(word[i]) - 1)) "*," : "*" escape(word[i]) "*") : "_" escape(word[i]) "_")
    print line
    if (help != "") print "\t" escape(help)
    open = 1; next
}
part == "options" { sub(/^ +/, "\t"); if ($0 != "") print escape($0); next }
/^Actions:$/ { print $0 "\n"; next }
# What a command can be told to do, among its details.
/^  [^ ]/ { finish(); at = match($0, /[^ ]  +/); help = substr($0, at + RLENGTH); print "*" escape(substr($0, 3, at - 2)) "*\n\t" escape(help); open = 1; next }
/^   / { sub(/^ +/, "\t"); print escape($0); next }
{ print escape($0) }
END { finish() }
