# What backends share that talk to something: HTTP, streams, archives, registry credentials.
# It does not contain libplrbase.la: whoever links it links that once.

noinst_LTLIBRARIES += libplrnet.la
libplrnet_la_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(JSONC_CFLAGS) $(CRYPTO_CFLAGS)
libplrnet_la_LIBADD = $(CURL_LIBS) $(JSONC_LIBS) $(CRYPTO_LIBS)

libplrnet_la_SOURCES = \
	%reldir%/archive.c \
	%reldir%/archive.h \
	%reldir%/credentials.c \
	%reldir%/credentials.h \
	%reldir%/digest.c \
	%reldir%/digest.h \
	%reldir%/docker_config.c \
	%reldir%/docker_config.h \
	%reldir%/file.c \
	%reldir%/file.h \
	%reldir%/frames.c \
	%reldir%/frames.h \
	%reldir%/helper.c \
	%reldir%/helper.h \
	%reldir%/http.c \
	%reldir%/http.h \
	%reldir%/http_base.c \
	%reldir%/http_base.h \
	%reldir%/http_call.c \
	%reldir%/http_call.h \
	%reldir%/image_name.c \
	%reldir%/image_name.h \
	%reldir%/image_resolve.c \
	%reldir%/image_resolve.h \
	%reldir%/init_end.c \
	%reldir%/init_end.h \
	%reldir%/init_lines.c \
	%reldir%/init_lines.h \
	%reldir%/json_skim.c \
	%reldir%/json_skim.h \
	%reldir%/json_stream.c \
	%reldir%/json_stream.h \
	%reldir%/jsonc.c \
	%reldir%/jsonc.h \
	%reldir%/manifest.c \
	%reldir%/manifest.h \
	%reldir%/platform.c \
	%reldir%/platform.h \
	%reldir%/registry.c \
	%reldir%/registry.h \
	%reldir%/registry_auth.c \
	%reldir%/registry_auth.h \
	%reldir%/registry_call.h \
	%reldir%/registry_get.c
