# Memory, text, errors, and documents with positions: all that knows nothing of pipelines.

noinst_LTLIBRARIES += libplrbase.la
libplrbase_la_CFLAGS = $(AM_CFLAGS) $(YAJL_CFLAGS)
libplrbase_la_LIBADD = $(YAJL_LIBS)
libplrbase_la_SOURCES = \
	%reldir%/arena.c \
	%reldir%/arena.h \
	%reldir%/buf.c \
	%reldir%/buf.h \
	%reldir%/cleanup.h \
	%reldir%/decode.c \
	%reldir%/decode.h \
	%reldir%/document.c \
	%reldir%/document.h \
	%reldir%/error.c \
	%reldir%/error.h \
	%reldir%/findings.c \
	%reldir%/findings.h \
	%reldir%/json.c \
	%reldir%/json.h \
	%reldir%/map.c \
	%reldir%/map.h \
	%reldir%/owner.c \
	%reldir%/owner.h \
	%reldir%/path.c \
	%reldir%/path.h \
	%reldir%/settings.c \
	%reldir%/settings.h \
	%reldir%/text.c \
	%reldir%/text.h
