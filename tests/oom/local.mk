# Tests that fail each allocation in turn: the linker sends the allocator's calls through
# failing_malloc.c, so only such programs can link it. A test of one file test_<name>.c:
#
#   check_PROGRAMS += %reldir%/oom_<name>
#   %canon_reldir%_oom_<name>_SOURCES = %reldir%/oom_<name>.c $(failing_malloc)
#   %canon_reldir%_oom_<name>_LDFLAGS = $(AM_LDFLAGS) $(failing_malloc_ldflags)

failing_malloc = %reldir%/failing_malloc.c %reldir%/failing_malloc.h
failing_malloc_ldflags = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup,--wrap=asprintf

oom_host = %reldir%/oom_host.c %reldir%/oom_host.h

EXTRA_DIST += $(failing_malloc)

check_PROGRAMS += %reldir%/oom_document
%canon_reldir%_oom_document_SOURCES = %reldir%/oom_document.c $(failing_malloc)
%canon_reldir%_oom_document_LDFLAGS = $(AM_LDFLAGS) $(failing_malloc_ldflags)

if HAVE_CUNIT
check_PROGRAMS += %reldir%/oom_output
endif
%canon_reldir%_oom_output_SOURCES = %reldir%/oom_output.c $(failing_malloc)
%canon_reldir%_oom_output_LDFLAGS = $(AM_LDFLAGS) $(failing_malloc_ldflags)

check_PROGRAMS += %reldir%/oom_net
%canon_reldir%_oom_net_SOURCES = %reldir%/oom_net.c $(failing_malloc)
%canon_reldir%_oom_net_LDFLAGS = $(AM_LDFLAGS) $(failing_malloc_ldflags)

check_PROGRAMS += %reldir%/oom_run
%canon_reldir%_oom_run_SOURCES = %reldir%/oom_run.c $(oom_host) $(failing_malloc)
%canon_reldir%_oom_run_LDFLAGS = $(AM_LDFLAGS) $(failing_malloc_ldflags)

check_PROGRAMS += %reldir%/oom_local
%canon_reldir%_oom_local_SOURCES = %reldir%/oom_local.c $(oom_host) $(failing_malloc)
%canon_reldir%_oom_local_LDFLAGS = $(AM_LDFLAGS) $(failing_malloc_ldflags)
