# Docker Engine (and Podman's socket) over REST.

noinst_LTLIBRARIES += libplrdocker.la
libplrdocker_la_SOURCES =

if BUILTIN_BACKENDS
builtin_backends += docker
builtin_backend_libraries += libplrdocker.la libplrnet.la libplrinit.la
else
pkglib_LTLIBRARIES += %reldir%/docker.la
%canon_reldir%_docker_la_SOURCES =
%canon_reldir%_docker_la_LIBADD = libplrdocker.la libplrnet.la libplrinit.la libplrbase.la
%canon_reldir%_docker_la_LDFLAGS = $(MODULE_LDFLAGS)
endif
