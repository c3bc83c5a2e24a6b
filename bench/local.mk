# What is measured, by one command.

noinst_PROGRAMS += %reldir%/mask
%canon_reldir%_mask_LDADD = libplrnet.la libplrengine.la

EXTRA_DIST += %reldir%/docker.py
