# The command. It links the installed library and nothing else. With main.c:
#
#   bin_PROGRAMS += pipeline-runtime
#   pipeline_runtime_LDADD = libpipeline-runtime.la
#   pipeline_runtime_SOURCES = %reldir%/main.c
