# The scriptable backend without containers that drives the engine's tests.

noinst_LTLIBRARIES += libplrfake.la
libplrfake_la_SOURCES = \
	%reldir%/fake.h \
	%reldir%/module.c \
	%reldir%/script.c \
	%reldir%/script.h \
	%reldir%/task.c

if BUILTIN_BACKENDS
builtin_backends += fake
builtin_backend_libraries += libplrfake.la
else
pkglib_LTLIBRARIES += %reldir%/fake.la
%canon_reldir%_fake_la_SOURCES =
%canon_reldir%_fake_la_LIBADD = libplrfake.la libplrbase.la
%canon_reldir%_fake_la_LDFLAGS = $(MODULE_LDFLAGS)
endif
