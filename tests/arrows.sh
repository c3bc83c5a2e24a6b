#!/bin/sh
# SPDX-License-Identifier: MIT
# The arrows of the house (CONTRIBUTING.md): which room may include which. Reads every #include of
# ours, made from the root of the house, or from the same folder by name alone.

cd "$top_srcdir" || exit 1
status=0
seen=0

fail()
{
    echo "$1 includes $2: $3"
    status=1
}

# The room of a file, the longest that fits.
room()
{
    case $1 in
    engine/base/*) echo base ;;
    engine/io/*) echo io ;;
    engine/rules.* | engine/rules_graph.*) echo rules ;;
    engine/host.*) echo host ;;
    engine/*) echo engine ;;
    include/* | pipeline/*) echo include ;;
    backends/builtin.h) echo builtin ;;
    backends/check.[ch]) echo check ;;
    backends/tables.c) echo tables ;;
    backends/local/image/main.c) echo puller ;;
    backends/*/*) n=${1#backends/}; echo "backends/${n%%/*}" ;;
    net/*) echo net ;;
    init/*) echo init ;;
    cli/*) echo cli ;;
    *) echo "?" ;;
    esac
}

# What a room may include besides itself.
allowed()
{
    case $1 in
    include) echo "" ;;
    base) echo "include" ;;
    io) echo "include base" ;;
    rules) echo "" ;;
    engine) echo "include base io rules builtin host" ;;
    host) echo "include base io engine" ;;
    # It reads what plr-init says.
    net) echo "include base init" ;;
    # Its tasks decide by themselves, as plr-init does.
    backends/fake) echo "include base rules" ;;
    check) echo "include base net" ;;
    # A backend speaks plr-init's words and carries its bytes.
    backends/*) echo "include net base init check" ;;
    # A program of its own, on the loop and the table of functions that modules get.
    puller) echo "include base io host backends/local" ;;
    tables) echo "include builtin" ;;
    init) echo "rules" ;;
    cli) echo "include" ;;
    esac
}

ours='s/^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]\([^">]*\)[">].*/\1/p'
for file in $(find include engine net backends init cli -name '*.[chS]' 2>/dev/null); do
    from=$(room "$file")
    for header in $(sed -n "$ours" "$file"); do
        case $header in
        curl/*)
            case $file in
            net/http.c | net/http_call.[ch]) ;;
            *) fail "$file" "$header" "only net/http.c and its http_call may" ;;
            esac
            ;;
        archive.h | archive_entry.h)
            case $file in
            backends/local/image/unpack*.c) ;;
            *) fail "$file" "$header" "only the files that unpack may" ;;
            esac
            ;;
        openssl/*)
            case $file in
            net/digest.c) ;;
            *) fail "$file" "$header" "only net/digest.c may" ;;
            esac
            ;;
        esac
        # init is freestanding: the compiler's own headers are all that it has.
        if [ "$from" = init ]; then
            case $header in
            stdint.h | stddef.h | stdbool.h | stdarg.h | limits.h | stdalign.h) continue ;;
            linux/* | asm/*) continue ;;
            esac
        fi
        case $header in
        */*) target=$header ;;
        *)
            target=${file%/*}/$header
            if [ ! -f "$target" ]; then
                [ "$from" = init ] && fail "$file" "$header" "init has no libc"
                continue
            fi
            ;;
        esac
        to=$(room "$target")
        [ "$to" = "?" ] && continue # a system's header in a folder: sys/socket.h, json-c/json.h
        seen=$((seen + 1))
        [ "$to" = "$from" ] && continue
        case " $(allowed "$from") " in
        *" $to "*) ;;
        *) fail "$file" "$header" "no arrow leads from $from to $to" ;;
        esac
    done
done

echo "$seen includes looked at"
[ "$seen" -gt 0 ] || { echo "nothing to look at: is this the source tree?"; exit 1; }
exit $status
