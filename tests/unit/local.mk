# CUnit programs, one for each engine file, linked with the static engine so that hidden symbols
# resolve. A test that is one file, test_<file>.c, needs only its line in the list.

check_LTLIBRARIES += %reldir%/libharness.la
%canon_reldir%_libharness_la_SOURCES = %reldir%/harness.c %reldir%/harness.h

# What a program links that does not say otherwise.
LDADD = %reldir%/libharness.la libplrnet.la libplrengine.la $(CUNIT_LIBS)

unit_tests =
unit_tests += %reldir%/test_event
unit_tests += %reldir%/test_init_embed
%canon_reldir%_test_init_embed_LDADD = %reldir%/libharness.la libplrinit.la $(CUNIT_LIBS)

# Those of net/ link it before the engine, whose base it uses.
unit_tests += %reldir%/test_archive
%canon_reldir%_test_archive_LDADD = libplrnet.la $(LDADD)
unit_tests += %reldir%/test_docker_config
%canon_reldir%_test_docker_config_LDADD = libplrnet.la $(LDADD)
unit_tests += %reldir%/test_frames
%canon_reldir%_test_frames_LDADD = libplrnet.la $(LDADD)
unit_tests += %reldir%/test_http_base
%canon_reldir%_test_http_base_LDADD = libplrnet.la $(LDADD)
unit_tests += %reldir%/test_image_name
%canon_reldir%_test_image_name_LDADD = libplrnet.la $(LDADD)
unit_tests += %reldir%/test_json_stream
%canon_reldir%_test_json_stream_LDADD = libplrnet.la $(LDADD)

if HAVE_CUNIT
check_PROGRAMS += $(unit_tests)
else
check-local:
	@echo "the unit tests need CUnit (libcunit1-dev): install it and run configure again" >&2; exit 1
endif

# The same programs under valgrind, without configuring again.
check-valgrind:
	$(MAKE) $(AM_MAKEFLAGS) check VALGRIND=valgrind TESTS='$(check_PROGRAMS)'
.PHONY: check-valgrind
