# Kubernetes: one pod for a run.

noinst_LTLIBRARIES += libplrkubernetes.la
libplrkubernetes_la_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(YAML_CFLAGS)
libplrkubernetes_la_LIBADD = $(YAML_LIBS)
libplrkubernetes_la_SOURCES = \
	%reldir%/attempt.c \
	%reldir%/attempt_look.c \
	%reldir%/attempt_report.c \
	%reldir%/auth.c \
	%reldir%/auth.h \
	%reldir%/call.c \
	%reldir%/call.h \
	%reldir%/check.c \
	%reldir%/check.h \
	%reldir%/check_mounts.c \
	%reldir%/check_network.c \
	%reldir%/check_parts.h \
	%reldir%/check_rights.c \
	%reldir%/client.c \
	%reldir%/client.h \
	%reldir%/end.c \
	%reldir%/end.h \
	%reldir%/errand.c \
	%reldir%/errand.h \
	%reldir%/exec_plugin.c \
	%reldir%/exec_plugin.h \
	%reldir%/images.c \
	%reldir%/images.h \
	%reldir%/kube.h \
	%reldir%/kubeconfig.c \
	%reldir%/kubeconfig.h \
	%reldir%/kubeconfig_entry.c \
	%reldir%/kubeconfig_entry.h \
	%reldir%/layout.c \
	%reldir%/layout.h \
	%reldir%/layout_run.c \
	%reldir%/log.c \
	%reldir%/log.h \
	%reldir%/module.c \
	%reldir%/names.c \
	%reldir%/names.h \
	%reldir%/plan.c \
	%reldir%/pod.c \
	%reldir%/pod.h \
	%reldir%/pod_command.c \
	%reldir%/pod_container.c \
	%reldir%/pod_files.c \
	%reldir%/pod_hold.c \
	%reldir%/pod_hosts.c \
	%reldir%/pod_network.c \
	%reldir%/pod_parts.h \
	%reldir%/pod_probes.c \
	%reldir%/pod_volumes.c \
	%reldir%/preflight.c \
	%reldir%/preflight.h \
	%reldir%/probe.c \
	%reldir%/registries.c \
	%reldir%/registries.h \
	%reldir%/reply.c \
	%reldir%/reply.h \
	%reldir%/resources.c \
	%reldir%/resources.h \
	%reldir%/resume.c \
	%reldir%/resume.h \
	%reldir%/role.c \
	%reldir%/role.h \
	%reldir%/run.c \
	%reldir%/run_pod.c \
	%reldir%/run_pod_create.c \
	%reldir%/secret.c \
	%reldir%/secret.h \
	%reldir%/service.c \
	%reldir%/service.h \
	%reldir%/settings.c \
	%reldir%/settings.h \
	%reldir%/setup.c \
	%reldir%/show.c \
	%reldir%/stop.c \
	%reldir%/sweep.c \
	%reldir%/teardown.c \
	%reldir%/template.c \
	%reldir%/template.h \
	%reldir%/template_read.c \
	%reldir%/watch.c \
	%reldir%/watch.h \
	%reldir%/words.c \
	%reldir%/yaml.c \
	%reldir%/yaml.h \
	%reldir%/yaml_read.c \
	%reldir%/yaml_read.h

backenddata_DATA += backends/modules/kubernetes.options
if BUILTIN_BACKENDS
builtin_backends += kubernetes
builtin_backend_libraries += libplrkubernetes.la
backends/modules/kubernetes.options: $(builtin_backend_libraries) backends/tables$(EXEEXT)
	$(AM_V_GEN)$(publish_backend)
else
backends/modules/kubernetes.options: %reldir%/kubernetes.la backends/tables$(EXEEXT)
	$(AM_V_GEN)$(publish_backend)
pkglib_LTLIBRARIES += %reldir%/kubernetes.la
%canon_reldir%_kubernetes_la_SOURCES =
%canon_reldir%_kubernetes_la_LIBADD = libplrkubernetes.la libplrcheck.la libplrnet.la libplrinit.la libplrbase.la
%canon_reldir%_kubernetes_la_LDFLAGS = $(MODULE_LDFLAGS)
endif
