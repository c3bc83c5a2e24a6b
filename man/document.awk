# SPDX-License-Identifier: MIT
# The reference page of documents (Markdown, from `pipeline-runtime schema --markdown`) as
# pipeline-document(5), in scdoc. Give -v version=0.1.0
function plain(text) { gsub(/[\\*_]/, "\\\\&", text); return text }
# `code` becomes bold, [links](to) become their text.
function inline(text,    out, at, end, link) {
    while (match(text, /\[[^]]*\]\([^)]*\)/)) {
        link = substr(text, RSTART + 1, RLENGTH - 1); sub(/\].*/, "", link)
        text = substr(text, 1, RSTART - 1) link substr(text, RSTART + RLENGTH)
    }
    while ((at = index(text, "`")) > 0 && (end = index(substr(text, at + 1), "`")) > 0) {
        out = out plain(substr(text, 1, at - 1)) "*" plain(substr(text, at + 1, end - 1)) "*"
        text = substr(text, at + end + 1)
    }
    return out plain(text)
}
BEGIN {
    print "pipeline-document(5) \"" version "\" \"pipeline-runtime\"\n"
    print "# NAME\n\npipeline-document - the format of pipeline documents\n\n# DESCRIPTION\n"
}
/^# / || /^<!--/ || /^\|---/ { next }
/^## / { print "# " toupper(substr($0, 4)); next }
/^\| *Key / { next }
/^\|/ {
    line = $0; sub(/^\| */, "", line); sub(/ *\|$/, "", line)
    gsub(/\\\|/, "\001", line)
    n = split(line, cell, / *\| */)
    for (i = 1; i <= n; i++) gsub(/\001/, "|", cell[i])
    type = inline(cell[2]); gsub(/\*/, "", type)
    print inline(cell[1]) " (" type ")\n\t" inline(cell[3])
    next
}
{ print (/^- /) ? "- " inline(substr($0, 3)) : inline($0) }
END { print "\n# SEE ALSO\n\n*pipeline-runtime*(1), *libpipeline-runtime*(3)" }
