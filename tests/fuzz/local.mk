# One program for each parser: fuzz_<name>.c with LLVMFuzzerTestOneInput, and corpus/<name>/.
#
#   check_PROGRAMS += %reldir%/fuzz_<name>
#   %canon_reldir%_fuzz_<name>_LDADD = $(fuzz_ldadd)
#   %canon_reldir%_fuzz_<name>_LDFLAGS = $(fuzz_ldflags)
#
# `make check` replays the corpora. With --enable-fuzzers the programs are libFuzzer's:
#   tests/fuzz/fuzz_<name> -max_total_time=600 /tmp/new tests/fuzz/corpus/<name>

if FUZZERS
fuzz_ldadd = libplrnet.la libplrengine.la
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_LTLIBRARIES += %reldir%/libreplay.la
%canon_reldir%_libreplay_la_SOURCES = %reldir%/replay.c
fuzz_ldadd = %reldir%/libreplay.la libplrnet.la libplrengine.la
fuzz_ldflags = $(AM_LDFLAGS)
endif

EXTRA_DIST += %reldir%/corpus

check_PROGRAMS += %reldir%/fuzz_docker_config
%canon_reldir%_fuzz_docker_config_LDADD = $(fuzz_ldadd)
%canon_reldir%_fuzz_docker_config_LDFLAGS = $(fuzz_ldflags)

check_PROGRAMS += %reldir%/fuzz_frames
%canon_reldir%_fuzz_frames_LDADD = $(fuzz_ldadd)
%canon_reldir%_fuzz_frames_LDFLAGS = $(fuzz_ldflags)

check_PROGRAMS += %reldir%/fuzz_image_name
%canon_reldir%_fuzz_image_name_LDADD = $(fuzz_ldadd)
%canon_reldir%_fuzz_image_name_LDFLAGS = $(fuzz_ldflags)

check_PROGRAMS += %reldir%/fuzz_json_stream
%canon_reldir%_fuzz_json_stream_LDADD = $(fuzz_ldadd)
%canon_reldir%_fuzz_json_stream_LDFLAGS = $(fuzz_ldflags)

check_PROGRAMS += %reldir%/fuzz_document
%canon_reldir%_fuzz_document_LDADD = $(fuzz_ldadd)
%canon_reldir%_fuzz_document_LDFLAGS = $(fuzz_ldflags)

check_PROGRAMS += %reldir%/fuzz_mask
%canon_reldir%_fuzz_mask_SOURCES = %reldir%/fuzz_mask.c $(mask_reference)
%canon_reldir%_fuzz_mask_LDADD = $(fuzz_ldadd)
%canon_reldir%_fuzz_mask_LDFLAGS = $(fuzz_ldflags)

check_PROGRAMS += %reldir%/fuzz_terminal
%canon_reldir%_fuzz_terminal_LDADD = libplrcli.la $(fuzz_ldadd)
%canon_reldir%_fuzz_terminal_LDFLAGS = $(fuzz_ldflags)

check_PROGRAMS += %reldir%/fuzz_manifest %reldir%/fuzz_image_config %reldir%/fuzz_layer_path
%canon_reldir%_fuzz_manifest_LDADD = $(fuzz_ldadd)
%canon_reldir%_fuzz_manifest_LDFLAGS = $(fuzz_ldflags)
%canon_reldir%_fuzz_image_config_LDADD = $(fuzz_ldadd)
%canon_reldir%_fuzz_image_config_LDFLAGS = $(fuzz_ldflags)
%canon_reldir%_fuzz_layer_path_SOURCES = %reldir%/fuzz_layer_path.c backends/local/image/layer_path.c
%canon_reldir%_fuzz_layer_path_LDADD = $(fuzz_ldadd)
%canon_reldir%_fuzz_layer_path_LDFLAGS = $(fuzz_ldflags)

check_PROGRAMS += %reldir%/fuzz_sandbox_request
%canon_reldir%_fuzz_sandbox_request_SOURCES = %reldir%/fuzz_sandbox_request.c \
	backends/local/protocol.c backends/local/sandbox/request.c
%canon_reldir%_fuzz_sandbox_request_LDADD = $(fuzz_ldadd)
%canon_reldir%_fuzz_sandbox_request_LDFLAGS = $(fuzz_ldflags)

check_PROGRAMS += %reldir%/fuzz_init_plan
%canon_reldir%_fuzz_init_plan_SOURCES = %reldir%/fuzz_init_plan.c $(init_decides)
%canon_reldir%_fuzz_init_plan_LDADD = $(fuzz_ldadd) libplrinit.la
%canon_reldir%_fuzz_init_plan_LDFLAGS = $(fuzz_ldflags)

check_PROGRAMS += %reldir%/fuzz_kubeconfig
%canon_reldir%_fuzz_kubeconfig_LDADD = libplrkubernetes.la libplrcheck.la $(fuzz_ldadd)
%canon_reldir%_fuzz_kubeconfig_LDFLAGS = $(fuzz_ldflags)

check_PROGRAMS += %reldir%/fuzz_kube_log %reldir%/fuzz_kube_watch
%canon_reldir%_fuzz_kube_log_SOURCES = %reldir%/fuzz_kube_log.c backends/kubernetes/resume.c
%canon_reldir%_fuzz_kube_log_LDADD = $(fuzz_ldadd)
%canon_reldir%_fuzz_kube_log_LDFLAGS = $(fuzz_ldflags)
%canon_reldir%_fuzz_kube_watch_SOURCES = %reldir%/fuzz_kube_watch.c $(kube_script) \
	backends/kubernetes/end.c backends/kubernetes/reply.c backends/kubernetes/watch.c
%canon_reldir%_fuzz_kube_watch_LDADD = $(fuzz_ldadd)
%canon_reldir%_fuzz_kube_watch_LDFLAGS = $(fuzz_ldflags)

check_PROGRAMS += %reldir%/fuzz_kube_marks
%canon_reldir%_fuzz_kube_marks_SOURCES = %reldir%/fuzz_kube_marks.c $(kube_script) \
	backends/kubernetes/log.c backends/kubernetes/resume.c
%canon_reldir%_fuzz_kube_marks_LDADD = $(fuzz_ldadd)
%canon_reldir%_fuzz_kube_marks_LDFLAGS = $(fuzz_ldflags)
