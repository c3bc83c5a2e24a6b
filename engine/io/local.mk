# The loop and what waits in it. Part of libplrengine.la.

libplrengine_la_SOURCES = \
	%reldir%/child.c \
	%reldir%/child.h \
	%reldir%/loop.c \
	%reldir%/loop.h \
	%reldir%/op.c \
	%reldir%/op.h \
	%reldir%/timers.c \
	%reldir%/timers.h
