# What is measured, by one command.

noinst_PROGRAMS += %reldir%/engine %reldir%/mask
%canon_reldir%_engine_LDADD = libplrengine.la
%canon_reldir%_mask_LDADD = libplrnet.la libplrengine.la

EXTRA_DIST += %reldir%/docker.py

# Without a daemon: the engine, the mask. Figures count on an idle machine and an optimised build.
.PHONY: bench
bench: all
	@PLR_BACKEND_PATH='$(abs_top_builddir)/backends/modules' %reldir%/engine
	@%reldir%/mask
