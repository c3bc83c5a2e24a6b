# CUnit programs, one for each engine file, linked with the static engine so that hidden symbols
# resolve. A test that is one file, test_<file>.c, needs only its line in the list.

check_LTLIBRARIES += %reldir%/libharness.la
%canon_reldir%_libharness_la_SOURCES = %reldir%/harness.c %reldir%/harness.h \
	%reldir%/documents.c %reldir%/documents.h \
	%reldir%/play.c %reldir%/play.h

# What a program links that does not say otherwise.
LDADD = %reldir%/libharness.la libplrnet.la libplrengine.la $(CUNIT_LIBS)

unit_tests =
unit_tests += %reldir%/test_buf
unit_tests += %reldir%/test_decode
unit_tests += %reldir%/test_document
unit_tests += %reldir%/test_graph
unit_tests += %reldir%/test_map
unit_tests += %reldir%/test_schema
unit_tests += %reldir%/test_settings
unit_tests += %reldir%/test_spec
unit_tests += %reldir%/test_spec_check
unit_tests += %reldir%/test_spec_order
unit_tests += %reldir%/test_text
unit_tests += %reldir%/test_event
unit_tests += %reldir%/test_init_embed
%canon_reldir%_test_init_embed_LDADD = %reldir%/libharness.la libplrinit.la $(CUNIT_LIBS)
unit_tests += %reldir%/test_init_knowledge
%canon_reldir%_test_init_knowledge_SOURCES = %reldir%/test_init_knowledge.c $(init_decides)
%canon_reldir%_test_init_knowledge_LDADD = $(LDADD) libplrinit.la
unit_tests += %reldir%/test_limit %reldir%/test_lines %reldir%/test_mask
%canon_reldir%_test_mask_SOURCES = %reldir%/test_mask.c $(mask_reference)

# The part of plr-init that needs no kernel.
init_decides = init/knowledge.c init/plan.c init/scan.c

# What the mask is compared with, here and by its fuzz target.
mask_reference = %reldir%/mask_reference.c %reldir%/mask_reference.h

unit_tests += %reldir%/test_archive
unit_tests += %reldir%/test_credentials
unit_tests += %reldir%/test_docker_config
unit_tests += %reldir%/test_frames
unit_tests += %reldir%/test_helper
unit_tests += %reldir%/test_http
%canon_reldir%_test_http_SOURCES = %reldir%/test_http.c $(http_peer)
unit_tests += %reldir%/test_http_base
unit_tests += %reldir%/test_http_faults
%canon_reldir%_test_http_faults_SOURCES = %reldir%/test_http_faults.c $(http_peer) $(test_clock)
%canon_reldir%_test_http_faults_LDFLAGS = $(clock_ldflags)
unit_tests += %reldir%/test_http_tls
%canon_reldir%_test_http_tls_SOURCES = %reldir%/test_http_tls.c $(http_peer)
%canon_reldir%_test_http_tls_LDADD = $(LDADD) -lssl $(CRYPTO_LIBS)
http_peer = %reldir%/http_peer.c %reldir%/http_peer.h
test_clock = %reldir%/clock.c %reldir%/clock.h
clock_ldflags = $(AM_LDFLAGS) -Wl,--wrap=clock_gettime,--wrap=timerfd_settime
unit_tests += %reldir%/test_image_name
unit_tests += %reldir%/test_init_lines
unit_tests += %reldir%/test_json_stream
unit_tests += %reldir%/test_layer_path
%canon_reldir%_test_layer_path_SOURCES = %reldir%/test_layer_path.c backends/local/image/layer_path.c
unit_tests += %reldir%/test_manifest
unit_tests += %reldir%/test_store
%canon_reldir%_test_store_SOURCES = %reldir%/test_store.c backends/local/store.c
unit_tests += %reldir%/test_api
unit_tests += %reldir%/test_child
unit_tests += %reldir%/test_clauses
unit_tests += %reldir%/test_hold
unit_tests += %reldir%/test_loop
unit_tests += %reldir%/test_module %reldir%/test_network %reldir%/test_op
unit_tests += %reldir%/test_options
unit_tests += %reldir%/test_late
unit_tests += %reldir%/test_output
unit_tests += %reldir%/test_random
unit_tests += %reldir%/test_release
unit_tests += %reldir%/test_result
unit_tests += %reldir%/test_rules
unit_tests += %reldir%/test_run
unit_tests += %reldir%/test_wind_down

# Parts of the Docker backend that ask nobody.
unit_tests += %reldir%/test_docker_create %reldir%/test_docker_end \
	%reldir%/test_docker_resume %reldir%/test_docker_where
docker_LDADD = %reldir%/libharness.la libplrdocker.la libplrcheck.la libplrnet.la libplrinit.la \
	libplrengine.la $(CUNIT_LIBS)
%canon_reldir%_test_docker_create_LDADD = $(docker_LDADD)
%canon_reldir%_test_docker_end_LDADD = $(docker_LDADD)
%canon_reldir%_test_docker_resume_LDADD = $(docker_LDADD)
%canon_reldir%_test_docker_where_LDADD = $(docker_LDADD)

# Parts of the Kubernetes backend, asking at most a scripted server.
unit_tests += %reldir%/test_kube_client %reldir%/test_kube_config %reldir%/test_kube_preflight
kube_LDADD = %reldir%/libharness.la libplrkubernetes.la libplrcheck.la libplrnet.la libplrinit.la \
	libplrengine.la $(CUNIT_LIBS)
%canon_reldir%_test_kube_client_SOURCES = %reldir%/test_kube_client.c $(http_peer) $(test_clock)
%canon_reldir%_test_kube_client_LDFLAGS = $(clock_ldflags)
%canon_reldir%_test_kube_client_LDADD = $(kube_LDADD)
%canon_reldir%_test_kube_config_LDADD = $(kube_LDADD)
%canon_reldir%_test_kube_preflight_SOURCES = %reldir%/test_kube_preflight.c $(http_peer)
%canon_reldir%_test_kube_preflight_LDADD = $(kube_LDADD)

# Parts of the local backend that ask nobody.
unit_tests += %reldir%/test_cgroup
%canon_reldir%_test_cgroup_SOURCES = %reldir%/test_cgroup.c \
	backends/local/sandbox/cgroup.c backends/local/sandbox/files.c
%canon_reldir%_test_cgroup_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=mkdir,--wrap=rmdir
unit_tests += %reldir%/test_filter
%canon_reldir%_test_filter_SOURCES = %reldir%/test_filter.c backends/local/sandbox/filter.c
unit_tests += %reldir%/test_local_pure
%canon_reldir%_test_local_pure_LDADD = %reldir%/libharness.la libplrlocal.la libplrcheck.la libplrnet.la \
	libplrengine.la $(CUNIT_LIBS)

# Parts of the Kubernetes backend that ask nobody, or a client that the test plays.
unit_tests += %reldir%/test_kube_end %reldir%/test_kube_log %reldir%/test_kube_resume \
	%reldir%/test_kube_watch
kube_script = %reldir%/kube_script.c %reldir%/kube_script.h
%canon_reldir%_test_kube_end_SOURCES = %reldir%/test_kube_end.c backends/kubernetes/end.c
%canon_reldir%_test_kube_log_SOURCES = %reldir%/test_kube_log.c $(kube_script) \
	backends/kubernetes/log.c backends/kubernetes/resume.c
%canon_reldir%_test_kube_resume_SOURCES = %reldir%/test_kube_resume.c \
	backends/kubernetes/resume.c
%canon_reldir%_test_kube_watch_SOURCES = %reldir%/test_kube_watch.c $(kube_script) \
	backends/kubernetes/reply.c backends/kubernetes/watch.c

kube_subject = %reldir%/kube_subject.c %reldir%/kube_subject.h
unit_tests += %reldir%/test_kube_check %reldir%/test_kube_layout %reldir%/test_kube_lease %reldir%/test_kube_pod %reldir%/test_kube_template \
	%reldir%/test_kube_yaml
%canon_reldir%_test_kube_check_SOURCES = %reldir%/test_kube_check.c $(kube_subject)
%canon_reldir%_test_kube_check_LDADD = $(kube_LDADD)
%canon_reldir%_test_kube_layout_SOURCES = %reldir%/test_kube_layout.c $(kube_subject)
%canon_reldir%_test_kube_layout_LDADD = $(kube_LDADD)
%canon_reldir%_test_kube_lease_SOURCES = %reldir%/test_kube_lease.c $(kube_subject)
%canon_reldir%_test_kube_lease_LDADD = $(kube_LDADD)
%canon_reldir%_test_kube_pod_SOURCES = %reldir%/test_kube_pod.c $(kube_subject)
%canon_reldir%_test_kube_pod_LDADD = $(kube_LDADD)
%canon_reldir%_test_kube_template_SOURCES = %reldir%/test_kube_template.c $(kube_subject)
%canon_reldir%_test_kube_template_LDADD = $(kube_LDADD)
%canon_reldir%_test_kube_yaml_LDADD = $(kube_LDADD)

# Shared objects that test_module tries to load.
check_LTLIBRARIES += %reldir%/modules/no_entry.la %reldir%/modules/wrong_version.la \
	%reldir%/modules/not_whole.la
%canon_reldir%_modules_no_entry_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
%canon_reldir%_modules_not_whole_la_LDFLAGS = $(%canon_reldir%_modules_no_entry_la_LDFLAGS)
%canon_reldir%_modules_wrong_version_la_LDFLAGS = $(%canon_reldir%_modules_no_entry_la_LDFLAGS)

# The command's parts stand on the public headers, and so do their tests.
unit_tests += %reldir%/test_cli_options %reldir%/test_cli_sink %reldir%/test_cli_terminal \
	%reldir%/test_cli_view
%canon_reldir%_test_cli_options_LDADD = libplrcli.la $(LDADD)
%canon_reldir%_test_cli_sink_LDADD = libplrcli.la $(LDADD)
%canon_reldir%_test_cli_terminal_LDADD = libplrcli.la $(LDADD)
%canon_reldir%_test_cli_view_LDADD = libplrcli.la $(LDADD)

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

# What a build with built-in backends does otherwise than one with modules, which has all tests: it
# finds and opens backends, exports and installs. The scripts look at more than that, but take seconds.
builtin_tests = %reldir%/test_api %reldir%/test_module %reldir%/test_options %reldir%/test_run \
	tests/oom/oom_run
check-builtin:
	$(MAKE) $(AM_MAKEFLAGS) check check_PROGRAMS='$(builtin_tests)' \
		TESTS='$(builtin_tests) $(dist_check_SCRIPTS)'
.PHONY: check-builtin
