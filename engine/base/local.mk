# Memory, text, errors, and documents with positions: all that knows nothing of pipelines.

noinst_LTLIBRARIES += libplrbase.la
libplrbase_la_CFLAGS = $(AM_CFLAGS) $(YAJL_CFLAGS)
libplrbase_la_LIBADD = $(YAJL_LIBS)
libplrbase_la_SOURCES =
