# The public headers: a new one is added here, and tests/headers compiles it alone.

pipelineincludedir = $(includedir)/pipeline
pipelineinclude_HEADERS = \
	%reldir%/pipeline/backend.h \
	%reldir%/pipeline/engine.h \
	%reldir%/pipeline/error.h \
	%reldir%/pipeline/event.h \
	%reldir%/pipeline/pipeline.h \
	%reldir%/pipeline/run.h \
	%reldir%/pipeline/spec.h
