# SPDX-License-Identifier: MIT
# The public functions with their doc comments, from the public headers, as sections in scdoc: one source for
# header and page.
function escape(text) { gsub(/[\\*_<>#`]/, "\\\\&", text); sub(/^[|;.\[\]-]/, "\\\\&", text); return text }
function say_comment(    n, i, lines) {
    n = split(comment, lines, "\n")
    for (i = 1; i <= n; i++) if (lines[i] != "") print "\t" escape(lines[i])
    print ""
}
FNR == 1 { file = FILENAME; sub(/.*\//, "pipeline/", file); title = "## <" file ">\n"; comment = "" }
/^\/\*/ { comment = ""; reading = 1 }
reading {
    line = $0; sub(/^ *\/?\*+\/? ?/, "", line); sub(/ *\*\/ *$/, "", line)
    comment = comment line "\n"
    if (/\*\/ *$/) reading = 0
    next
}
/^PLR_PUBLIC/ { prototype = ""; inside = 1 }
inside {
    line = $0; sub(/^PLR_PUBLIC /, "", line); gsub(/^ +/, " ", line); sub(/ PLR_PRINTF\(.*\)/, "", line)
    prototype = prototype line
    sub(/\( /, "(", prototype)
    if (/;$/) {
        inside = 0
        if (title != "") { gsub(/[<>]/, "\\\\&", title); print title; title = "" }
        print "*" escape(prototype) "*"
        if (comment != "") { say_comment(); comment = "" } else print ""
    }
    next
}
/^(typedef|struct|enum|#)/ { comment = "" }
