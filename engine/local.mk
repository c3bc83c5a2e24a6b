# The engine, and the library that is installed: the same code behind a list of exported symbols.

noinst_LTLIBRARIES += libplrengine.la
libplrengine_la_CPPFLAGS = $(AM_CPPFLAGS) -DPLR_PKGLIBDIR='"$(pkglibdir)"' \
	-DPLR_VERSION='"$(PACKAGE_VERSION)"' $(YAJL_CFLAGS)
libplrengine_la_LIBADD = libplrbase.la libplrrules.la $(builtin_backend_libraries)
libplrengine_la_SOURCES += \
	%reldir%/adopt.c \
	%reldir%/attempt.c \
	%reldir%/attempt_end.c \
	%reldir%/backend.c \
	%reldir%/cancel.c \
	%reldir%/diagnostics.c \
	%reldir%/emit.c \
	%reldir%/engine.c \
	%reldir%/engine.h \
	%reldir%/event.c \
	%reldir%/event_json.c \
	%reldir%/graph.c \
	%reldir%/graph.h \
	%reldir%/graph_draw.c \
	%reldir%/graph_text.c \
	%reldir%/limit.c \
	%reldir%/limit.h \
	%reldir%/lines.c \
	%reldir%/lines.h \
	%reldir%/mask.c \
	%reldir%/mask.h \
	%reldir%/mask_forms.c \
	%reldir%/mask_forms.h \
	%reldir%/mask_row.c \
	%reldir%/mask_row.h \
	%reldir%/mask_stream.c \
	%reldir%/mask_table.c \
	%reldir%/mask_table.h \
	%reldir%/reference.c \
	%reldir%/schema.c \
	%reldir%/hold.c \
	%reldir%/host.c \
	%reldir%/host.h \
	%reldir%/module.c \
	%reldir%/network.c \
	%reldir%/network.h \
	%reldir%/options.c \
	%reldir%/output.c \
	%reldir%/output.h \
	%reldir%/owner.c \
	%reldir%/phases.c \
	%reldir%/policy.c \
	%reldir%/queue.c \
	%reldir%/queue.h \
	%reldir%/ready.c \
	%reldir%/result.c \
	%reldir%/run.c \
	%reldir%/run.h \
	%reldir%/schedule.c \
	%reldir%/spec.c \
	%reldir%/spec.h \
	%reldir%/spec_check.c \
	%reldir%/spec_locate.c \
	%reldir%/spec_order.c \
	%reldir%/spec_tables.c \
	%reldir%/tell.c

# What decides whose turn it is, for those too whose tasks decide by themselves.
noinst_LTLIBRARIES += libplrrules.la
libplrrules_la_SOURCES = \
	%reldir%/rules.c \
	%reldir%/rules.h \
	%reldir%/rules_graph.c \
	%reldir%/rules_graph.h

# libtool's three numbers are not the release's version. Before a release, if since the last one
#   only code changed:             current:revision+1:age
#   something was added:           current+1:0:age+1
#   something went or is different: current+1:0:0
# and if nothing changed, leave them.
lib_LTLIBRARIES += libpipeline-runtime.la
libpipeline_runtime_la_SOURCES =
libpipeline_runtime_la_LIBADD = libplrengine.la
libpipeline_runtime_la_LIBTOOLFLAGS =
libpipeline_runtime_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-Wl,--version-script=%reldir%/libpipeline-runtime.map
EXTRA_libpipeline_runtime_la_DEPENDENCIES = %reldir%/libpipeline-runtime.map

# One list of what is exported: it makes the version script, and tests/symbols.sh compares it with
# the library and with the public headers.
EXTRA_DIST += %reldir%/libpipeline-runtime.sym
CLEANFILES += %reldir%/libpipeline-runtime.map
%reldir%/libpipeline-runtime.map: %reldir%/libpipeline-runtime.sym
	$(AM_V_GEN)$(MKDIR_P) %reldir% && { \
	echo 'PIPELINE_RUNTIME_0 {'; echo 'global:'; \
	$(SED) -n 's/^\([a-z][a-z0-9_]*\)$$/    \1;/p' $(srcdir)/%reldir%/libpipeline-runtime.sym; \
	echo 'local:'; echo '    *;'; echo '};'; } > $@.tmp && mv $@.tmp $@
