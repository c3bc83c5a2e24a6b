# What is measured, by one command.

noinst_PROGRAMS += %reldir%/engine %reldir%/mask
%canon_reldir%_engine_LDADD = libplrengine.la
%canon_reldir%_mask_LDADD = libplrnet.la libplrengine.la

# The command as it is when it is installed: its library is where it says, and nobody searches for it.
noinst_PROGRAMS += %reldir%/pipeline-runtime
%canon_reldir%_pipeline_runtime_SOURCES = cli/main.c
%canon_reldir%_pipeline_runtime_LDADD = $(pipeline_runtime_LDADD)
%canon_reldir%_pipeline_runtime_LDFLAGS = $(AM_LDFLAGS) -no-install

EXTRA_DIST += %reldir%/docker.py %reldir%/image.py %reldir%/kubernetes.py %reldir%/local.py %reldir%/run %reldir%/start.py %reldir%/results.md

# Figures count on an idle machine and an optimised build; they are kept in bench/results.md.
.PHONY: bench
bench: all
	$(top_srcdir)/%reldir%/run $(abs_top_builddir)
