# Man pages: written in scdoc (<page>.scd), made in a clone, shipped made in a release.

if HAVE_SCDOC
SUFFIXES = .scd
.scd:
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SCDOC) < $< > $@.tmp && mv $@.tmp $@
endif
