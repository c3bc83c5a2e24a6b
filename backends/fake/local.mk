# The scriptable backend without containers that drives the engine's tests.

noinst_LTLIBRARIES += libplrfake.la
libplrfake_la_SOURCES = \
	%reldir%/answer.c \
	%reldir%/fake.h \
	%reldir%/module.c \
	%reldir%/release.c \
	%reldir%/script.c \
	%reldir%/script.h \
	%reldir%/task.c

backenddata_DATA += backends/modules/fake.options
if BUILTIN_BACKENDS
builtin_backends += fake
builtin_backend_libraries += libplrfake.la
backends/modules/fake.options: $(builtin_backend_libraries) backends/tables$(EXEEXT)
	$(AM_V_GEN)$(publish_backend)
else
backends/modules/fake.options: %reldir%/fake.la backends/tables$(EXEEXT)
	$(AM_V_GEN)$(publish_backend)
pkglib_LTLIBRARIES += %reldir%/fake.la
%canon_reldir%_fake_la_SOURCES =
%canon_reldir%_fake_la_LIBADD = libplrfake.la libplrrules.la libplrbase.la
%canon_reldir%_fake_la_LDFLAGS = $(MODULE_LDFLAGS)
endif
