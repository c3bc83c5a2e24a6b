# What backends share that talk to something: HTTP, streams, archives, registry credentials.
# It does not contain libplrbase.la: whoever links it links that once.

noinst_LTLIBRARIES += libplrnet.la
libplrnet_la_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(ARCHIVE_CFLAGS) $(JSONC_CFLAGS) $(CRYPTO_CFLAGS)
libplrnet_la_LIBADD = $(CURL_LIBS) $(ARCHIVE_LIBS) $(JSONC_LIBS) $(CRYPTO_LIBS)
libplrnet_la_SOURCES = \
	%reldir%/http.h
