#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make install` put on the machine is what a user needs: `make installcheck` builds a host
# program with pkg-config's flags alone, shared, static and as C++, and runs it on an installed
# backend; the command runs, and the man pages are where man looks.
#
# From the Makefile: CC, DESTDIR and the folders with DESTDIR before them: bindir, includedir, libdir,
# mandir, pkglibdir, pkglibexecdir.

here=$(dirname "$0")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
status=0

export PKG_CONFIG_PATH="$libdir/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
[ -z "$DESTDIR" ] || export PKG_CONFIG_SYSROOT_DIR="$DESTDIR"
export LD_LIBRARY_PATH="$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
unset PLR_BACKEND_PATH PLR_LIBEXEC_PATH
# Moved: not where it was configured for.
[ -z "$DESTDIR" ] || export PLR_BACKEND_PATH="$pkglibdir" PLR_LIBEXEC_PATH="$pkglibexecdir"

fail()
{
    echo "install: $*" >&2
    status=1
}

# Name, compiler and source, then the flags of the link.
try()
{
    name=$1
    compiler=$2
    shift 2
    # shellcheck disable=SC2046,SC2086 # flags are words
    $compiler $(pkg-config --cflags pipeline-runtime) "$here/host.c" -o "$work/$name" "$@" ||
        { fail "$name does not build"; return; }
    "$work/$name" || fail "$name does not run"
}

pkg-config --exists pipeline-runtime || fail "pkg-config does not find pipeline-runtime"
# shellcheck disable=SC2046
try shared "$CC" $(pkg-config --libs pipeline-runtime)
# shellcheck disable=SC2046
try c++ "${CXX:-g++} -x c++" -x none $(pkg-config --libs pipeline-runtime)
# The static library with the shared ones that it says it needs. (All of them static takes more -dev
# packages than the library itself does: libarchive's for lz4, for one.)
# shellcheck disable=SC2046
try static "$CC" "$libdir/libpipeline-runtime.a" \
    $(pkg-config --libs $(pkg-config --print-requires-private pipeline-runtime | sed 's/ .*//'))

# The samples, as they are for users to build: their own Makefile, and a document for each thread.
cp -r "$here/../../samples/embed" "$work/embed"
chmod -R u+w "$work/embed"
echo '{"steps": [{"metadata": {"name": "hello"}, "docker": {"image": "none"},
    "environment": {"FAKE": "out hello world"}}]}' >"$work/hello.json"
if make -C "$work/embed" CC="$CC" >/dev/null; then
    "$work/embed/hello" fake || fail "samples/embed/hello does not run"
    for name in poll blocking threads; do
        wanted=1
        [ $name != threads ] || wanted=8
        found=$("$work/embed/$name" fake "$work/hello.json" </dev/null | grep -c 'hello world$')
        [ "$found" = $wanted ] || fail "samples/embed/$name: hello world $found times, not $wanted"
    done
else
    fail "samples/embed does not build"
fi

# A backend of one's own: against the headers alone, and not if they are of another version.
cp -r "$here/../../samples/plugin" "$work/plugin"
chmod -R u+w "$work/plugin"
plugin()
{
    (cd "$work/plugin" && "$bindir/pipeline-runtime" --plugin "$@" 2>&1)
}
if make -C "$work/plugin" CC="$CC" >/dev/null; then
    found=$(plugin process.so hello.json) || fail "samples/plugin: a run fails: $found"
    [ "$(echo "$found" | grep -c '^hello | hello world$')" = 1 ] || fail "samples/plugin: $found"
    found=$(plugin process.so lines.json) || fail "samples/plugin: a run fails: $found"
    [ "$(echo "$found" | grep -c '^lines | [0-9]*$')" = 100000 ] || fail "samples/plugin loses lines"
    [ "$(echo "$found" | grep -c '^lines | done$')" = 1 ] || fail "samples/plugin: no stderr"
    plugin "$work/plugin/process.so" --env CODE=7 exit.json >/dev/null
    [ $? = 1 ] || fail "samples/plugin: a step that exits with 7 does not fail the run"
    found=$(plugin process.so --process-path /nowhere path.json) || fail "samples/plugin: $found"
    echo "$found" | grep -q '^path | /nowhere$' || fail "samples/plugin has no option: $found"
    found=$(plugin process.so ../hello.json) && fail "samples/plugin runs an image: $found"
    readelf -d "$work/plugin/process.so" | grep -q 'lib.*pipeline' && fail "a plugin needs the library"
    sed -i 's/= PLR_BACKEND_VERSION,/= PLR_BACKEND_VERSION + 1,/' "$work/plugin/process.c"
    make -C "$work/plugin" CC="$CC" >/dev/null
    found=$(plugin process.so hello.json) && fail "a plugin of another version runs"
    echo "$found" | grep -q 'process.so is made for version .* of the backend interface' ||
        fail "a plugin of another version is refused without a word: $found"
else
    fail "samples/plugin does not build"
fi

# Who embeds the library, or runs without Docker, loads no curl: other programs and modules need that.
if [ -e "$pkglibdir/local.so" ]; then
    for file in "$bindir/pipeline-runtime" "$libdir/libpipeline-runtime.so" "$pkglibdir/local.so"; do
        found=$(readelf -d "$file" | grep -oE '\[lib(curl|archive|crypto|seccomp|json-c)\.so[^]]*') &&
            fail "$file needs $found"
    done
fi
for file in "$pkglibexecdir/plr-sandbox" "$pkglibexecdir/plr-image"; do
    [ -x "$file" ] || fail "no $file"
done
found=$("$bindir/pipeline-runtime" --backend local --rootfs host "$here/../../samples/1_hello_world.json" 2>&1)
[ "$(echo "$found" | grep -c '^greet | hello world$')" = 1 ] || fail "no hello world from a sandbox: $found"

"$bindir/pipeline-runtime" version || fail "the installed command does not run"
ls "$includedir/pipeline/pipeline.h" >/dev/null || fail "no headers"
for page in man1/pipeline-runtime.1 man5/pipeline-document.5 man3/libpipeline-runtime.3; do
    [ -s "$mandir/$page" ] || fail "no man page $page"
done
# Beside man-db's libpipeline, not on top of it.
for name in "$libdir"/libpipeline.* "$includedir"/pipeline.h "$libdir"/pkgconfig/libpipeline.pc; do
    [ ! -e "$name" ] || [ -z "$DESTDIR" ] || fail "$name is not ours to install"
done

[ $status -ne 0 ] || echo "install: ok"
exit $status
