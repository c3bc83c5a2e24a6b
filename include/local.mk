# The public headers: a new one is added here, and tests/headers compiles it alone.

pipelineincludedir = $(includedir)/pipeline
pipelineinclude_HEADERS =
