# Pages for people. document.md is made from the tables of the format (tests/schema/local.mk).

EXTRA_DIST += \
	%reldir%/document.md \
	%reldir%/graph.md \
	%reldir%/meaning.md
