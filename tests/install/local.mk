# `make installcheck`, which `make distcheck` runs too.

EXTRA_DIST += %reldir%/install.sh %reldir%/host.c

installcheck-local:
	DESTDIR='$(DESTDIR)' CC='$(CC)' bindir='$(DESTDIR)$(bindir)' libdir='$(DESTDIR)$(libdir)' \
	includedir='$(DESTDIR)$(includedir)' mandir='$(DESTDIR)$(mandir)' \
	pkglibdir='$(DESTDIR)$(pkglibdir)' \
	pkglibexecdir='$(DESTDIR)$(pkglibexecdir)' $(SHELL) $(srcdir)/%reldir%/install.sh
