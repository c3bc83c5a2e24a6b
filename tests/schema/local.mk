# The format as the tables have it, against a validator of others and against docs/document.md.

noinst_PROGRAMS += %reldir%/print
%canon_reldir%_print_LDADD = libplrengine.la
dist_check_SCRIPTS += %reldir%/schema.sh
EXTRA_DIST += %reldir%/schema.py

# Writes the reference page anew.
document: %reldir%/print
	%reldir%/print reference >$(srcdir)/docs/document.md
.PHONY: document
