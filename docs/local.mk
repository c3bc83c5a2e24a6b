# Pages for people. document.md is made from the tables of the format (tests/schema/local.mk).

EXTRA_DIST += \
	%reldir%/architecture.md \
	%reldir%/backend-contract.md \
	%reldir%/backends.md \
	%reldir%/decisions.md \
	%reldir%/document.md \
	%reldir%/graph.md \
	%reldir%/meaning.md

# The schema of events is for programs, too: it is installed.
dist_doc_DATA = %reldir%/events.md %reldir%/events.schema.json
