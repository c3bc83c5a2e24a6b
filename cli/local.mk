# The command. It links the installed library and nothing else; all but main.c is a convenience
# library, so that unit tests reach it.

noinst_LTLIBRARIES += libplrcli.la
libplrcli_la_CPPFLAGS = $(AM_CPPFLAGS) -DPLR_PKGLIBDIR='"$(pkglibdir)"' \
	-DPLR_PKGLIBEXECDIR='"$(pkglibexecdir)"'
libplrcli_la_SOURCES = \
	%reldir%/backend.c \
	%reldir%/backend_command.c \
	%reldir%/backend.h \
	%reldir%/cli.c \
	%reldir%/cli.h \
	%reldir%/completion.c \
	%reldir%/diagnostic.c \
	%reldir%/diagnostic.h \
	%reldir%/graph.c \
	%reldir%/image.c \
	%reldir%/input.c \
	%reldir%/input.h \
	%reldir%/logdir.c \
	%reldir%/logdir.h \
	%reldir%/options.c \
	%reldir%/options.h \
	%reldir%/ps.c \
	%reldir%/registry.c \
	%reldir%/registry.h \
	%reldir%/run.c \
	%reldir%/run.h \
	%reldir%/run_options.c \
	%reldir%/schema.c \
	%reldir%/signals.c \
	%reldir%/signals.h \
	%reldir%/sink.c \
	%reldir%/sink.h \
	%reldir%/stop.c \
	%reldir%/style.c \
	%reldir%/style.h \
	%reldir%/sweep.c \
	%reldir%/text.c \
	%reldir%/text.h \
	%reldir%/validate.c \
	%reldir%/version.c \
	%reldir%/view/json.c \
	%reldir%/view/model.c \
	%reldir%/view/model.h \
	%reldir%/view/plain.c \
	%reldir%/view/pretty.c \
	%reldir%/view/screen.h \
	%reldir%/view/summary.c \
	%reldir%/view/table.c \
	%reldir%/view/terminal.c \
	%reldir%/view/terminal.h \
	%reldir%/view/view.h \
	%reldir%/view/window.c \
	%reldir%/view/words.c \
	%reldir%/view/words.h

bin_PROGRAMS += pipeline-runtime
pipeline_runtime_LDADD = libplrcli.la libpipeline-runtime.la
pipeline_runtime_SOURCES = %reldir%/main.c

# Completion, as `pipeline-runtime completion` prints it with the backends that are built.
bashcompletiondir = $(datadir)/bash-completion/completions
zshcompletiondir = $(datadir)/zsh/site-functions
fishcompletiondir = $(datadir)/fish/vendor_completions.d
bashcompletion_DATA = %reldir%/completion/pipeline-runtime
zshcompletion_DATA = %reldir%/completion/_pipeline-runtime
fishcompletion_DATA = %reldir%/completion/pipeline-runtime.fish
CLEANFILES += $(bashcompletion_DATA) $(zshcompletion_DATA) $(fishcompletion_DATA)
complete = $(AM_V_GEN)$(MKDIR_P) $(@D) && PLR_BACKEND_PATH=$(abs_top_builddir)/backends/modules \
	./pipeline-runtime completion
%reldir%/completion/pipeline-runtime: pipeline-runtime$(EXEEXT) $(backenddata_DATA)
	$(complete) bash > $@.tmp && mv $@.tmp $@
%reldir%/completion/_pipeline-runtime: pipeline-runtime$(EXEEXT) $(backenddata_DATA)
	$(complete) zsh > $@.tmp && mv $@.tmp $@
%reldir%/completion/pipeline-runtime.fish: pipeline-runtime$(EXEEXT) $(backenddata_DATA)
	$(complete) fish > $@.tmp && mv $@.tmp $@
