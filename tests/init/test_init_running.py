# SPDX-License-Identifier: MIT
"""plr-init around a running command: signals, orphans, the end and its record, the lost engine."""

import fcntl
import os
import signal
import struct
import subprocess
import tempfile
import termios
import time

import pytest

from init_peer import (GO, KILL, LIMIT, RUNNING, Init, go, header, kill, members)

pytestmark = pytest.mark.parametrize("architecture", ["amd64", "arm64"])

SIGNALS = ["TERM", "INT", "HUP", "USR1", "USR2", "QUIT", "WINCH", "CONT", "ALRM", "PIPE"]

# Says each signal that it gets; the `sleep`s it leaves behind are the init's to end.
REPEATER = "".join(f"trap 'echo {name}' {name}; " for name in SIGNALS) + \
    "echo ready; while :; do sleep 1000 & wait $!; done"

DEAF = "trap '' TERM; echo ready; while :; do sleep 1000; done"


def bit(name):
    """Of a signal in a set of /proc."""
    return 1 << signal.Signals["SIG" + name] - 1


def started(init):
    """Let go, running, and the command has said so itself."""
    init.held()
    init.say(go())
    assert init.word() == (RUNNING, b"")
    assert init.line() == "ready\n"
    return init


def test_signals_reach_the_command(architecture):
    with Init(architecture, command=["sh", "-c", REPEATER]) as init:
        started(init)
        for name in SIGNALS:
            init.signal(signal.Signals["SIG" + name])
            assert init.line() == name + "\n"
        for name in SIGNALS:
            init.say(kill(signal.Signals["SIG" + name]))
            assert init.line() == name + "\n"
        init.say(kill(signal.SIGKILL))
        assert init.exited()["status"] == 9
        assert init.code() == 137


@pytest.mark.parametrize("script, wait_status, code", [
    ("exit 0", 0, 0), ("exit 255", 0xff00, 255), ("kill -9 $$", 9, 137), ("kill $$", 15, 143),
])
def test_its_end_is_the_inits(architecture, script, wait_status, code):
    with Init(architecture, command=["sh", "-c", script]) as init:
        init.held()
        init.say(go())
        assert init.word() == (RUNNING, b"")
        assert init.exited()["status"] == wait_status
        assert init.word() is None
        assert init.code() == code


def test_what_it_used(architecture):
    script = "dd if=/dev/zero of=/dev/null bs=32M count=1 2>/dev/null; ulimit -c 0; ulimit -S -t 2; " \
        "while :; do :; done"
    with Init(architecture, command=["sh", "-c", script]) as init:
        init.held()
        init.say(go())
        assert init.word() == (RUNNING, b"")
        end = init.exited()
        assert end["zero"] == 0
        assert end["status"] == signal.SIGXCPU
        assert 1200000 < end["user_us"] < 4000000  # the limit is taken by ticks
        assert end["system_us"] < 1000000
        assert 32 * 1024 < end["maxrss_kib"] < 1024 * 1024
        assert end["ran_us"] >= end["user_us"]


@pytest.mark.parametrize("options", [[], ["--detach"]], ids=["forked", "in place"])
def test_it_finds_the_signals_as_the_init_did(architecture, options):
    wrap = ["env", "--ignore-signal=CHLD", "--block-signal=USR1"]
    command = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]
    with Init(architecture, options, command, wrap=wrap) as init:
        init.held()
        init.say(go())
        found = dict(line.split(":\t") for line in init.output().splitlines())
        assert int(found["SigBlk"], 16) == bit("USR1")
        assert int(found["SigIgn"], 16) == bit("CHLD")
        assert init.code() == 0


@pytest.mark.parametrize("options", [[], ["--detach"]], ids=["forked", "in place"])
def test_it_finds_its_own_files_and_no_others(architecture, options):
    script = "ls /proc/self/fd; cat; echo error >&2"
    with Init(architecture, options, ["sh", "-c", script], stdin=subprocess.PIPE) as init:
        init.process.stdin.write(b"input\n")
        init.process.stdin.close()
        init.held()
        init.say(go())
        assert init.output() == "0\n1\n2\n3\ninput\n"  # 3 is the folder that ls reads
        assert init.complaint() == "error\n"


def test_orphans_are_reaped(architecture):
    script = "p=$(true & echo $!); while [ -d /proc/$p ]; do :; done; echo reaped"
    with Init(architecture, command=["sh", "-c", script]) as init:
        init.held()
        init.say(go())
        assert init.line() == "reaped\n"


def test_what_it_leaves_behind_is_gone_before_its_record(architecture):
    script = "trap '' TERM HUP; for i in 1 2 3; do (setsid sleep 1000 &); done; echo ready; exit 3"
    with Init(architecture, command=["sh", "-c", script]) as init:
        init.held()
        namespace = init.namespace()
        assert len(members(namespace)) == 1
        init.say(go())
        assert init.word() == (RUNNING, b"")
        assert init.exited()["status"] == 3 << 8
        assert "sleep" not in members(namespace)
        assert init.code() == 3


# A step of user 1000 with a program that makes its processes root's: out of reach for its init.
BECOMING_ROOT = ["unshare", "-m", "sh", "-c",
                 "mount -t tmpfs none /mnt && mkfifo -m 666 /mnt/ready && "
                 'cp /usr/bin/setpriv /mnt/become && chmod 4755 /mnt/become && exec "$@"', "sh",
                 "setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"]


def test_kill_ends_a_step_that_has_become_root(architecture):
    with Init(architecture, command=["/mnt/become", "--reuid=0", "sh", "-c", DEAF],
              wrap=BECOMING_ROOT) as init:
        started(init)
        init.say(kill(9))
        assert init.word() is None
        assert init.code() == 137


def test_no_record_while_something_is_left(architecture):
    script = "(/mnt/become --reuid=0 sh -c 'echo >/mnt/ready; exec sleep 1000' &); " \
        "read line </mnt/ready; exit 3"
    with Init(architecture, command=["sh", "-c", script], wrap=BECOMING_ROOT) as init:
        init.held()
        namespace = init.namespace()
        init.say(go())
        assert init.word() == (RUNNING, b"")
        assert init.word() is None
        assert init.code() == 3
        assert members(namespace) == []


@pytest.mark.parametrize("link, leaves, record", [
    ("pid:[4026531836]", True, False),  # the machine's own namespace, by its fixed number
    ("", True, False),
    ("", False, True),
    ("pid:[4026532999]", True, True),
])
def test_it_looks_before_it_kills(architecture, link, leaves, record):
    """As PID 1 of a namespace made for it, with a /proc that says what it likes. What it leaves
    alone goes with it, but then it cannot say so."""
    wrap = ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /proc && mkdir -p /proc/self/ns && "
            f'{{ [ -z "{link}" ] || ln -s "{link}" /proc/self/ns/pid; }} && exec "$@"', "sh"]
    script = "sleep 1000 & exit 3" if leaves else "exit 3"
    with Init(architecture, command=["sh", "-c", script], wrap=wrap) as init:
        init.held()
        init.say(go())
        assert init.word() == (RUNNING, b"")
        if record:
            assert init.exited()["status"] == 3 << 8
        assert init.word() is None
        assert init.code() == 3


def test_kill_in_a_namespace_of_others_spares_them(architecture):
    """Not PID 1: only the process group of the command goes. Inside a namespace made for it, where
    the init also has a child that is none of its business."""
    script = 'sleep 1000 & other=$!; sh -c \'sleep 1000 & exec "$@"\' sh "$@"; code=$?; ' \
        'kill -0 $other && flock -w 60 $0 echo spared; exit $code'
    with tempfile.NamedTemporaryFile() as lock:
        command = f"exec 9>{lock.name}; flock 9; sleep 1000 & {DEAF}"
        with Init(architecture, command=["sh", "-c", command],
                  wrap=["sh", "-c", script, lock.name]) as init:
            started(init)
            init.say(kill(9))
            assert init.exited()["status"] == 9
            assert init.output() == "spared\n"
            assert init.code() == 137


def test_as_nobody_in_particular(architecture):
    wrap = ["unshare", "-m", "sh", "-c", "mount -o remount,bind,ro / && exec \"$@\"", "sh",
            "setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--no-new-privs",
            "--bounding-set=-all", "--inh-caps=-all"]
    with Init(architecture, command=["sh", "-c", "(sleep 1000 &); id -u; exit 4"],
              wrap=wrap) as init:
        init.held()
        init.say(go())
        assert init.word() == (RUNNING, b"")
        assert init.exited()["status"] == 4 << 8
        assert init.output() == "1000\n"


def test_the_engine_goes(architecture):
    with Init(architecture, command=["sh", "-c", REPEATER]) as init:
        started(init).connection.close()
        assert init.line() == "TERM\n"


def test_the_engine_goes_and_the_grace_runs_out(architecture):
    with Init(architecture, ["--grace-ms", "100"], ["sh", "-c", DEAF]) as init:
        started(init).connection.close()
        assert init.code() == 137


def test_the_lease_is_kept(architecture):
    with Init(architecture, ["--lease", "1"], ["sh", "-c", REPEATER]) as init:
        started(init)
        before = time.monotonic()
        init.connection.close()
        init.signal(signal.SIGUSR1)
        assert init.line() == "USR1\n"
        assert init.line() == "TERM\n"
        assert 0.99 < time.monotonic() - before < LIMIT


def test_kept_it_goes_on(architecture):
    with Init(architecture, ["--keep"], ["sh", "-c", "echo ready; read line; echo $line; exit 5"],
              stdin=subprocess.PIPE) as init:
        started(init).connection.close()
        init.process.stdin.write(b"still here\n")
        init.process.stdin.close()
        assert init.output() == "still here\n"
        assert init.code() == 5


@pytest.mark.parametrize("word", [go(), header(GO, 1 << 20), header(77, 0), header(KILL, 0),
                                  header(KILL, 8) + bytes(8)], ids=repr)
def test_nonsense_is_the_end_of_the_engine(architecture, word):
    with Init(architecture, command=["sh", "-c", REPEATER]) as init:
        started(init).say(word)
        assert init.word() is None
        assert init.line() == "TERM\n"


def test_exec_in_place(architecture):
    script = "echo $$; trap 'echo TERM; exit 6' TERM; echo ready; while :; do sleep 1000 & wait; done"
    with Init(architecture, ["--detach"], ["sh", "-c", script]) as init:
        init.held()
        init.say(go("LATE=1"))
        assert init.word() == (RUNNING, b"")
        assert init.word() is None  # close-on-exec
        assert [init.line(), init.line()] == ["1\n", "ready\n"]
        init.signal(signal.SIGTERM)
        assert init.line() == "TERM\n"
        assert init.code() == 6


def test_on_a_terminal(architecture):
    """Ctrl-C reaches the command once, and a change of size while held ends nothing."""
    master, slave = os.openpty()
    try:
        with Init(architecture, command=["sh", "-c", "stty -echo; " + REPEATER], stdin=slave,
                  stdout=slave, wrap=["setsid", "--ctty"]) as init:
            init.held()
            init.process.stdout = os.fdopen(os.dup(master), "rb")
            fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 90, 0, 0))
            init.say(go())
            assert init.word() == (RUNNING, b"")
            assert init.line() == "ready\r\n"
            os.write(master, b"\x03\x1c")
            assert sorted([init.line(), init.line()]) == ["INT\r\n", "QUIT\r\n"]
            init.signal(signal.SIGUSR1)
            assert init.line() == "USR1\r\n"
            init.say(kill(9))
            assert init.exited()["status"] == 9
    finally:
        os.close(master)
        os.close(slave)


def test_alone(architecture):
    with Init(architecture, command=["sh", "-c", "exit 3"], channel=False) as init:
        assert init.code() == 3
    with Init(architecture, command=["no-such-command"], channel=False) as init:
        assert init.code() == 127
        assert init.complaint() == "plr-init: no-such-command: errno 2\n"
