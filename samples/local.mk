# Documents that a user can run.

EXTRA_DIST += \
	%reldir%/README.md \
	%reldir%/1_hello_world.json \
	%reldir%/2_on_success.json \
	%reldir%/3_on_failure.json \
	%reldir%/4_volume_host.json \
	%reldir%/5_volume_temp.json \
	%reldir%/5_volume_tmpfs.json \
	%reldir%/6_redis.json \
	%reldir%/7_redis_multi.json \
	%reldir%/8_postgres.json \
	%reldir%/9_working_dir.json \
	%reldir%/10_docker.json \
	%reldir%/11_requires_auth.json \
	%reldir%/12_graph.json \
	%reldir%/13_hooks.json \
	%reldir%/14_readiness.json \
	%reldir%/15_retry.json \
	%reldir%/16_secrets.json \
	%reldir%/17_exit_78.json \
	%reldir%/18_resources.json \
	%reldir%/kubernetes/1_hello_world.json \
	%reldir%/kubernetes/2_redis.json \
	%reldir%/embed/Makefile \
	%reldir%/embed/blocking.c \
	%reldir%/embed/hello.c \
	%reldir%/embed/poll.c \
	%reldir%/embed/read.h \
	%reldir%/embed/threads.c \
	%reldir%/plugin/Makefile \
	%reldir%/plugin/exit.json \
	%reldir%/plugin/hello.json \
	%reldir%/plugin/lines.json \
	%reldir%/plugin/path.json \
	%reldir%/plugin/process.c \
	%reldir%/plugin/process.options
