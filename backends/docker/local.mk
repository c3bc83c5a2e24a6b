# Docker Engine (and Podman's socket) over REST.

noinst_LTLIBRARIES += libplrdocker.la
libplrdocker_la_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS)
libplrdocker_la_SOURCES = \
	%reldir%/attach.c \
	%reldir%/attempt.c \
	%reldir%/channel.c \
	%reldir%/channel.h \
	%reldir%/check.c \
	%reldir%/container.c \
	%reldir%/create.c \
	%reldir%/create.h \
	%reldir%/create_network.c \
	%reldir%/docker.h \
	%reldir%/end.c \
	%reldir%/end.h \
	%reldir%/ending.c \
	%reldir%/errand.c \
	%reldir%/errand.h \
	%reldir%/events.c \
	%reldir%/files.c \
	%reldir%/held.c \
	%reldir%/image.c \
	%reldir%/module.c \
	%reldir%/open.c \
	%reldir%/pause.c \
	%reldir%/plan.c \
	%reldir%/probe.c \
	%reldir%/pull.c \
	%reldir%/pull.h \
	%reldir%/pull_error.c \
	%reldir%/pull_error.h \
	%reldir%/reaper.c \
	%reldir%/reaper.h \
	%reldir%/refusal.c \
	%reldir%/refusal.h \
	%reldir%/rest.c \
	%reldir%/rest.h \
	%reldir%/resume.c \
	%reldir%/resume.h \
	%reldir%/run.c \
	%reldir%/settings.c \
	%reldir%/signals.c \
	%reldir%/share.c \
	%reldir%/start.c \
	%reldir%/stop.c \
	%reldir%/sweep.c \
	%reldir%/sweep.h \
	%reldir%/teardown.c \
	%reldir%/where.c \
	%reldir%/where.h

backenddata_DATA += backends/modules/docker.options
if BUILTIN_BACKENDS
builtin_backends += docker
builtin_backend_libraries += libplrdocker.la
backends/modules/docker.options: $(builtin_backend_libraries) backends/tables$(EXEEXT)
	$(AM_V_GEN)$(publish_backend)
else
backends/modules/docker.options: %reldir%/docker.la backends/tables$(EXEEXT)
	$(AM_V_GEN)$(publish_backend)
pkglib_LTLIBRARIES += %reldir%/docker.la
%canon_reldir%_docker_la_SOURCES =
%canon_reldir%_docker_la_LIBADD = libplrdocker.la libplrcheck.la libplrnet.la libplrinit.la libplrbase.la
%canon_reldir%_docker_la_LDFLAGS = $(MODULE_LDFLAGS)
endif
