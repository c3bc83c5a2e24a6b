# Sandboxes of our own: the module in the engine's process, and plr-sandbox, which it starts once
# for each run. In the build tree all programs for libexec are made in libexec/, which
# PLR_LIBEXEC_PATH names; installed they are in pkglibexecdir.

noinst_LTLIBRARIES += libplrlocal.la
libplrlocal_la_CPPFLAGS = $(AM_CPPFLAGS) -DPLR_LIBEXEC_DIR='"$(pkglibexecdir)"'
libplrlocal_la_SOURCES = \
	%reldir%/attempt.c \
	%reldir%/channel.c \
	%reldir%/check.c \
	%reldir%/compose.c \
	%reldir%/compose.h \
	%reldir%/end.c \
	%reldir%/end.h \
	%reldir%/folder.c \
	%reldir%/folder.h \
	%reldir%/image.c \
	%reldir%/keep.c \
	%reldir%/local.h \
	%reldir%/module.c \
	%reldir%/names.c \
	%reldir%/names.h \
	%reldir%/output.c \
	%reldir%/plan.c \
	%reldir%/probe.c \
	%reldir%/protocol.c \
	%reldir%/protocol.h \
	%reldir%/pull.c \
	%reldir%/room.c \
	%reldir%/run.c \
	%reldir%/settings.c \
	%reldir%/settings.h \
	%reldir%/store.c \
	%reldir%/store.h \
	%reldir%/sweep.c \
	%reldir%/task.c

# Of net/ it has what is free of curl: the module must not load that, so it does not link libplrnet.
backenddata_DATA += backends/modules/local.options
if BUILTIN_BACKENDS
builtin_backends += local
builtin_backend_libraries += libplrlocal.la
backends/modules/local.options: $(builtin_backend_libraries) backends/tables$(EXEEXT)
	$(AM_V_GEN)$(publish_backend)
else
backends/modules/local.options: %reldir%/local.la backends/tables$(EXEEXT)
	$(AM_V_GEN)$(publish_backend)
pkglib_LTLIBRARIES += %reldir%/local.la
%canon_reldir%_local_la_SOURCES = net/image_name.c net/init_end.c net/platform.c
%canon_reldir%_local_la_LIBADD = libplrlocal.la libplrcheck.la libplrbase.la
%canon_reldir%_local_la_LDFLAGS = $(MODULE_LDFLAGS)
endif

# The network of a room; a test has it alone.
plr_sandbox_net = \
	%reldir%/sandbox/net.h \
	%reldir%/sandbox/net_forward.c \
	%reldir%/sandbox/net_forward.h \
	%reldir%/sandbox/net_helper.c \
	%reldir%/sandbox/net_link.c \
	%reldir%/sandbox/net_link.h \
	%reldir%/sandbox/net_nat.c \
	%reldir%/sandbox/net_nat.h \
	%reldir%/sandbox/net_outbound.c \
	%reldir%/sandbox/net_outbound.h \
	%reldir%/sandbox/net_plan.h \
	%reldir%/sandbox/net_room.c

# What others have too is compiled again: a program that is started for each run, and becomes four
# processes there, is linked from what it needs and nothing else, and statically where that can be.
pkglibexec_PROGRAMS += libexec/plr-sandbox
libexec_plr_sandbox_LDADD = libplrinit.la
libexec_plr_sandbox_LDFLAGS = $(AM_LDFLAGS) $(STATIC_LDFLAGS)
libexec_plr_sandbox_SOURCES = \
	engine/base/buf.c \
	engine/base/error.c \
	engine/base/text.c \
	%reldir%/protocol.c \
	%reldir%/sandbox/cgroup.c \
	%reldir%/sandbox/cgroup.h \
	%reldir%/sandbox/files.c \
	%reldir%/sandbox/files.h \
	%reldir%/sandbox/filter.c \
	%reldir%/sandbox/filter.h \
	%reldir%/sandbox/host_etc.c \
	%reldir%/sandbox/host_etc.h \
	%reldir%/sandbox/kernel.c \
	%reldir%/sandbox/look.c \
	%reldir%/sandbox/look_terminal.c \
	%reldir%/sandbox/main.c \
	$(plr_sandbox_net) \
	%reldir%/sandbox/mounts.c \
	%reldir%/sandbox/mounts.h \
	%reldir%/sandbox/place.c \
	%reldir%/sandbox/privileges.c \
	%reldir%/sandbox/probe.c \
	%reldir%/sandbox/probe.h \
	%reldir%/sandbox/request.c \
	%reldir%/sandbox/request.h \
	%reldir%/sandbox/room.c \
	%reldir%/sandbox/room.h \
	%reldir%/sandbox/room_make.c \
	%reldir%/sandbox/root.c \
	%reldir%/sandbox/root_view.c \
	%reldir%/sandbox/setup.c \
	%reldir%/sandbox/setup.h \
	%reldir%/sandbox/signal.c \
	%reldir%/sandbox/user.c \
	%reldir%/userns.c \
	%reldir%/userns.h

# The filter of system calls is made while we build, so that libseccomp is needed then only.
noinst_PROGRAMS += backends/local/sandbox/filter_make
backends_local_sandbox_filter_make_CFLAGS = $(AM_CFLAGS) $(SECCOMP_CFLAGS)
backends_local_sandbox_filter_make_SOURCES = backends/local/sandbox/filter_make.c
backends_local_sandbox_filter_make_LDADD = $(SECCOMP_LIBS)
backends/local/sandbox/filter_program.h: backends/local/sandbox/filter_make$(EXEEXT)
	$(AM_V_GEN)backends/local/sandbox/filter_make > $@.tmp && mv $@.tmp $@
backends/local/sandbox/filter.$(OBJEXT): backends/local/sandbox/filter_program.h
CLEANFILES += backends/local/sandbox/filter_program.h

# The puller: the only one that links libarchive. Its loop is the engine's.
pkglibexec_PROGRAMS += libexec/plr-image
libexec_plr_image_CFLAGS = $(AM_CFLAGS) $(ARCHIVE_CFLAGS) $(CRYPTO_CFLAGS) $(JSONC_CFLAGS)
libexec_plr_image_LDADD = libplrnet.la libplrengine.la $(ARCHIVE_LIBS) $(JSONC_LIBS)
libexec_plr_image_SOURCES = \
	%reldir%/image/import.c \
	%reldir%/image/import.h \
	%reldir%/image/layer.c \
	%reldir%/image/layer.h \
	%reldir%/image/layer_bytes.c \
	%reldir%/image/layer_call.h \
	%reldir%/image/layer_child.c \
	%reldir%/image/layer_path.c \
	%reldir%/image/layer_path.h \
	%reldir%/image/layout.c \
	%reldir%/image/layout.h \
	%reldir%/image/main.c \
	%reldir%/image/prune.c \
	%reldir%/image/pull.c \
	%reldir%/image/pull.h \
	%reldir%/image/record.c \
	%reldir%/image/record.h \
	%reldir%/image/request.c \
	%reldir%/image/request.h \
	%reldir%/image/say.c \
	%reldir%/image/say.h \
	%reldir%/image/unpack.c \
	%reldir%/image/unpack.h \
	%reldir%/image/unpack_archive.c \
	%reldir%/image/unpack_archive.h \
	%reldir%/image/unpack_entry.c \
	%reldir%/image/unpack_entry.h \
	%reldir%/remove.c \
	%reldir%/remove.h \
	%reldir%/store.c \
	%reldir%/store.h \
	%reldir%/userns.c \
	%reldir%/userns.h
