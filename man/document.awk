# SPDX-License-Identifier: MIT
# pipeline-document(5) in scdoc, from two pages in Markdown: the reference of documents (`pipeline-runtime schema
# --markdown`), then docs/meaning.md. Give -v version=0.1.0
function plain(text) { gsub(/[\\*_]/, "\\\\&", text); return text }
# `code` becomes bold, *emphasis* underlined, [links](to) become their text.
function inline(text,    out, at, end, mark, link) {
    gsub(/in \[meaning.md\]\(meaning.md\)/, "told below, under MEANING", text)
    while (match(text, /\[[^]]*\]\([^)]*\)/)) {
        link = substr(text, RSTART + 1, RLENGTH - 1); sub(/\].*/, "", link)
        text = substr(text, 1, RSTART - 1) link substr(text, RSTART + RLENGTH)
    }
    while ((at = match(text, /[`*]/)) > 0) {
        mark = substr(text, at, 1)
        if ((end = index(substr(text, at + 1), mark)) == 0) break
        mark = mark == "`" ? "*" : "_"
        out = out plain(substr(text, 1, at - 1)) mark plain(substr(text, at + 1, end - 1)) mark
        text = substr(text, at + end + 1)
    }
    return out plain(text)
}
BEGIN {
    print "pipeline-document(5) \"" version "\" \"pipeline-runtime\"\n"
    print "# NAME\n\npipeline-document - the format of pipeline documents\n\n# DESCRIPTION\n"
}
FNR == 1 { page++ }
/^<!--/ || /^\|---/ { next }
/^# / { if (page == 2) print "\n# MEANING"; next }
page == 2 && /^\[document.md\]/ { sub(/.*happens then\. /, "") }
/^## / { print (page == 2 ? $0 : "# " toupper(substr($0, 4))); next }
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
/^- / { print "- " inline(substr($0, 3)); next }
/^[0-9]+\. / { sub(/^[0-9]+\. /, ""); print ". " inline($0); next }
/^   / { sub(/^ +/, ""); print "  " inline($0); next }
{ print inline($0) }
END { print "\n# SEE ALSO\n\n*pipeline-runtime*(1), *libpipeline-runtime*(3)" }
