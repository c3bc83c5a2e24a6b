# plr-init for each architecture, and its bytes in a library for the backends that put it into
# containers. It has no libc, so nothing of CFLAGS or of the sanitizers is for it.

init_programs = %reldir%/plr-init-amd64 %reldir%/plr-init-arm64
init_headers = \
	$(srcdir)/engine/rules.h \
	$(srcdir)/engine/rules_graph.h \
	$(srcdir)/%reldir%/channel.h \
	$(srcdir)/%reldir%/command.h \
	$(srcdir)/%reldir%/copy.h \
	$(srcdir)/%reldir%/drain.h \
	$(srcdir)/%reldir%/file.h \
	$(srcdir)/%reldir%/knowledge.h \
	$(srcdir)/%reldir%/options.h \
	$(srcdir)/%reldir%/plan.h \
	$(srcdir)/%reldir%/pod.h \
	$(srcdir)/%reldir%/probe.h \
	$(srcdir)/%reldir%/relay.h \
	$(srcdir)/%reldir%/scan.h \
	$(srcdir)/%reldir%/syscall.h \
	$(srcdir)/%reldir%/text.h \
	$(srcdir)/%reldir%/words.h
init_sources = \
	$(srcdir)/%reldir%/start.S \
	$(srcdir)/%reldir%/main.c \
	$(srcdir)/%reldir%/channel.c \
	$(srcdir)/%reldir%/command.c \
	$(srcdir)/%reldir%/copy.c \
	$(srcdir)/%reldir%/drain.c \
	$(srcdir)/%reldir%/file.c \
	$(srcdir)/%reldir%/knowledge.c \
	$(srcdir)/%reldir%/memory.c \
	$(srcdir)/%reldir%/options.c \
	$(srcdir)/%reldir%/plan.c \
	$(srcdir)/%reldir%/pod.c \
	$(srcdir)/%reldir%/probe.c \
	$(srcdir)/%reldir%/relay.c \
	$(srcdir)/%reldir%/scan.c \
	$(srcdir)/%reldir%/text.c \
	$(srcdir)/engine/rules.c \
	$(srcdir)/engine/rules_graph.c
init_flags = -std=gnu11 $(WARNING_CFLAGS) -I$(srcdir) -Os -ffreestanding -fno-pic \
	-fno-stack-protector -fomit-frame-pointer -ffunction-sections \
	-fno-unwind-tables -fno-asynchronous-unwind-tables \
	-nostdlib -static -Wl,--gc-sections -Wl,--build-id=none -Wl,-s \
	-Wl,-z,noexecstack -Wl,-z,noseparate-code

%reldir%/plr-init-amd64: $(init_sources) $(init_headers)
	$(AM_V_GEN)$(MKDIR_P) %reldir% && $(INIT_CC_AMD64) $(init_flags) -o $@ $(init_sources)

%reldir%/plr-init-arm64: $(init_sources) $(init_headers)
	$(AM_V_GEN)$(MKDIR_P) %reldir% && $(INIT_CC_ARM64) $(init_flags) -o $@ $(init_sources)

noinst_LTLIBRARIES += libplrinit.la
libplrinit_la_SOURCES = %reldir%/embed.S %reldir%/embed.h %reldir%/plan_write.c
%reldir%/embed.lo: $(init_programs)

CLEANFILES += $(init_programs)
EXTRA_DIST += $(init_sources) $(init_headers) %reldir%/compilers.m4 %reldir%/README.md
