# Everything `make check` runs. A new test is one line in the local.mk of its folder.

include tests/unit/local.mk
include tests/oom/local.mk
include tests/fuzz/local.mk
include tests/install/local.mk
include tests/schema/local.mk

dist_check_SCRIPTS += \
	%reldir%/arrows.sh \
	%reldir%/format.sh \
	%reldir%/headers/headers.sh \
	%reldir%/known.sh \
	%reldir%/symbols.sh

# known.sh reads it.
EXTRA_DIST += %reldir%/README.md

# For pytest, which ./check runs: whole folders.
EXTRA_DIST += %reldir%/services %reldir%/cluster %reldir%/init %reldir%/local %reldir%/integration %reldir%/cli %reldir%/conftest.py %reldir%/cgroups.py \
	%reldir%/pytest.ini %reldir%/skips.txt

# What ./check and ./quickstart stand on. (./check itself is in dist-hook: here make would take it for
# its own target of that name, and test before each release.)
EXTRA_DIST += quickstart .ci/run %reldir%/count %reldir%/install-packages

# Hosts for tests/integration.
noinst_PROGRAMS += tests/integration/many_runs tests/integration/host
tests_integration_many_runs_LDADD = libpipeline-runtime.la
tests_integration_host_LDADD = libpipeline-runtime.la

# The network of a room alone, for tests/local/test_net.py.
noinst_PROGRAMS += tests/local/net_room
tests_local_net_room_LDADD = libplrbase.la
tests_local_net_room_SOURCES = tests/local/net_room.c $(plr_sandbox_net)
EXTRA_DIST += %reldir%/local
