# Man pages in scdoc, made in a clone, shipped made in a release. What another place knows better is
# put in from there: options from --help, the format from its tables, functions from the headers.

EXTRA_DIST += \
	%reldir%/document.awk \
	%reldir%/functions.awk \
	%reldir%/help.awk \
	%reldir%/libpipeline-runtime.3.in \
	%reldir%/pipeline-runtime.1.in

if MAN_PAGES
dist_man1_MANS += %reldir%/pipeline-runtime.1
dist_man3_MANS += %reldir%/libpipeline-runtime.3
dist_man5_MANS += %reldir%/pipeline-document.5
endif

if HAVE_SCDOC
SUFFIXES = .scd
.scd:
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SCDOC) < $< > $@.tmp && mv $@.tmp $@

man_sources = %reldir%/pipeline-runtime.1.scd %reldir%/libpipeline-runtime.3.scd \
	%reldir%/pipeline-document.5.scd
CLEANFILES += $(man_sources) $(dist_man1_MANS) $(dist_man3_MANS) $(dist_man5_MANS)

%reldir%/pipeline-runtime.1.scd: %reldir%/pipeline-runtime.1.in %reldir%/help.awk pipeline-runtime$(EXEEXT) $(backenddata_DATA)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && { \
	page=$(srcdir)/%reldir%/pipeline-runtime.1.in; \
	$(SED) -e '/@COMMANDS@/,$$d' -e 's/@VERSION@/$(PACKAGE_VERSION)/' $$page && echo '# COMMANDS' && echo && \
	for name in `./pipeline-runtime --help | $(SED) -n '/^Commands:/,/^$$/s/^  \([a-z]*\) .*/\1/p'`; do \
		PLR_BACKEND_PATH=$(abs_top_builddir)/backends/modules ./pipeline-runtime $$name --help > $@.help && \
		$(AWK) -v name=$$name -f $(srcdir)/%reldir%/help.awk $@.help || exit 1; done && \
	$(SED) '1,/@COMMANDS@/d' $$page; } > $@.tmp && rm -f $@.help && mv $@.tmp $@

%reldir%/pipeline-document.5.scd: %reldir%/document.awk pipeline-runtime$(EXEEXT) docs/meaning.md
	$(AM_V_GEN)$(MKDIR_P) $(@D) && ./pipeline-runtime schema --markdown > $@.md && \
	$(AWK) -v version=$(PACKAGE_VERSION) -f $(srcdir)/%reldir%/document.awk $@.md $(srcdir)/docs/meaning.md > $@.tmp && \
	rm -f $@.md && mv $@.tmp $@

%reldir%/libpipeline-runtime.3.scd: %reldir%/libpipeline-runtime.3.in %reldir%/functions.awk samples/embed/hello.c $(pipelineinclude_HEADERS)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && { page=$(srcdir)/%reldir%/libpipeline-runtime.3.in; \
	headers=; for name in spec engine run event error; do headers="$$headers $(top_srcdir)/include/pipeline/$$name.h"; done; \
	$(SED) -e '/@EXAMPLE@/,$$d' -e 's/@VERSION@/$(PACKAGE_VERSION)/' $$page && \
	$(SED) -e 1,3d -e 's/\\/&&/g' $(srcdir)/samples/embed/hello.c && \
	$(SED) -e '1,/@EXAMPLE@/d' -e '/@FUNCTIONS@/,$$d' $$page && \
	$(AWK) -f $(srcdir)/%reldir%/functions.awk $$headers && \
	$(SED) '1,/@FUNCTIONS@/d' $$page; } > $@.tmp && mv $@.tmp $@
endif
