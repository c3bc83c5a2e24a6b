# SPDX-License-Identifier: MIT
"""plr-init as the pause process, with lines instead of a socket, and where there is no room."""

import contextlib
import errno
import os
import re
import signal
import time

import pytest

from init_peer import AT_FORK, LIMIT, NATIVE, Init, go, kill, status

both = pytest.mark.parametrize("architecture", ["amd64", "arm64"])

NONCE = "n0nce~/+" + "x" * 56  # the longest there can be


def says(words):
    return f"\x1eplr {NONCE} {words}\n"


def wait_until(condition):
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end


def is_init(init):
    """Whether unshare has come so far."""
    with contextlib.suppress(OSError, IndexError):
        return status(init.pid)["Name"].startswith("plr-init")
    return False


@both
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_pause_ends_on_a_signal(architecture, number):
    with Init(architecture) as init:
        init.held()
        init.signal(signal.SIGUSR1)
        init.signal(signal.SIGHUP)
        wait_until(lambda: int(status(init.pid)["ShdPnd"], 16) == 0)
        assert init.process.poll() is None
        init.signal(number)
        assert init.code() == 0


def test_pause_needs_no_engine():
    with Init(NATIVE, channel=False) as init:
        wait_until(lambda: is_init(init) and status(init.pid)["SigBlk"] == "fffffffffffbfeff")
        init.signal(signal.SIGTERM)
        assert init.code() == 0


@both
def test_pause_ends_with_its_engine(architecture):
    with Init(architecture) as init:
        init.held().connection.close()
        assert init.code() == 0
    with Init(architecture) as init:
        init.held().say(kill(15))
        assert init.code() == 0


@both
def test_pause_keeps_its_lease(architecture):
    with Init(architecture, ["--lease", "1"]) as init:
        init.held()
        before = time.monotonic()
        init.connection.close()
        assert init.code() == 0
        assert 0.99 < time.monotonic() - before < LIMIT


@both
def test_pause_may_outlive_its_engine(architecture):
    with Init(architecture, ["--keep"]) as init:
        init.held()
        folder = f"/proc/{init.pid}/fd"
        before = len(os.listdir(folder))
        init.connection.close()
        wait_until(lambda: len(os.listdir(folder)) == before - 1)
        init.signal(signal.SIGUSR1)
        wait_until(lambda: int(status(init.pid)["ShdPnd"], 16) == 0)
        init.signal(signal.SIGTERM)
        assert init.code() == 0


@both
def test_pause_reaps(architecture):
    """What another process of its namespace leaves behind."""
    with Init(architecture) as init:
        init.held()
        orphan = 'mkfifo $0/p; (echo >$0/p &) ; read x <$0/p'
        os.system(f"nsenter -t {init.pid} -p sh -c '{orphan}' {init.folder.name}")
        path = f"/proc/{init.pid}/task/{init.pid}/children"
        wait_until(lambda: not open(path, encoding="ascii").read())


@both
def test_lines_instead_of_a_socket(architecture):
    script = "printf 'no newline'; exit 5"
    with Init(architecture, ["--signal-word", NONCE], ["sh", "-c", script], channel=False) as init:
        assert init.line() == says("held")
        for _ in range(3):
            init.signal(signal.SIGUSR1)
            assert init.line() == says("held")
        init.signal(signal.SIGUSR2)
        output = init.output()
        assert says("running") in output  # before, behind or within what the command says
        exited = re.escape(says("exited 1280")[:-1]) + r"( \d+){6}\n"
        assert re.fullmatch("no newline" + exited, output.replace(says("running"), ""))
        assert init.code() == 5


@both
def test_lines_tell_what_failed(architecture):
    with Init(architecture, ["--signal-word", NONCE], ["/etc/passwd"], channel=False) as init:
        assert init.line() == says("held")
        init.signal(signal.SIGUSR2)
        assert init.output() == says("errno 13 3")
        assert init.code() == 126


@both
def test_a_question_before_the_init_is_there(architecture):
    """Lost when nothing is blocked yet, answered when it is; either way the next one is answered."""
    for wrap, answers in (["sh", "-c", 'kill -USR1 $$; exec "$@"', "sh"], 1), \
            (["env", "--block-signal=USR1", "python3", "-c",
              "import os, sys; os.kill(1, 10); os.execvp(sys.argv[1], sys.argv[1:])"], 2):
        with Init(architecture, ["--signal-word", NONCE], ["true"], channel=False,
                  wrap=wrap) as init:
            for _ in range(answers):
                assert init.line() == says("held")
            init.signal(signal.SIGUSR1)
            assert init.line() == says("held")
            init.signal(signal.SIGUSR2)
            assert init.line() == says("running")
            assert init.code() == 0


@both
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT, signal.SIGWINCH])
def test_any_other_signal_ends_it(architecture, number):
    with Init(architecture, ["--signal-word", NONCE], ["echo", "ran"], channel=False) as init:
        assert init.line() == says("held")
        init.signal(number)
        assert init.code() == 124
        assert init.output() == ""


@both
def test_after_the_word_its_signals_are_the_commands(architecture):
    script = "trap 'echo USR1' USR1; trap 'echo USR2; exit 0' USR2; echo ready; " \
        "while :; do sleep 1000 & wait $!; done"
    with Init(architecture, ["--signal-word", NONCE], ["sh", "-c", script],
              channel=False) as init:
        assert init.line() == says("held")
        init.signal(signal.SIGUSR2)
        assert sorted([init.line(), init.line()]) == [says("running"), "ready\n"]
        init.signal(signal.SIGUSR1)
        assert init.line() == "USR1\n"
        init.signal(signal.SIGUSR2)
        assert init.line() == "USR2\n"


@both
@pytest.mark.parametrize("late, says_what", [
    (b"", "early\n"), (b"A=late\0B=two\nlines\0", "late two\nlines\n"), (b"A=late", "errno 22 1"), (None, "errno 2 1"),
    (b"A=" + b"x" * (128 * 1024) + b"\0", "errno 7 1")], ids=["empty", "two", "cut", "missing", "too-long"])
def test_late_environment_lies_in_a_file(architecture, tmp_path, late, says_what):
    file = tmp_path / "late"
    with Init(architecture, ["--signal-word", NONCE, "--late", str(file)], ["sh", "-c", "echo $A${B+ \"$B\"}"],
              channel=False, env={"A": "early", "PATH": os.environ["PATH"]}) as init:
        assert init.line() == says("held")
        if late is not None:
            file.write_bytes(late)
        init.signal(signal.SIGUSR2)
        if says_what.startswith("errno"):
            assert init.output() == says(says_what) and init.code() == 125
        else:
            output = init.output().replace(says("running"), "")
            assert output[:output.index("\x1e")] == says_what


@both
def test_lines_and_exec_in_place(architecture):
    with Init(architecture, ["--signal-word", NONCE, "--detach"], ["sh", "-c", "echo $$"],
              channel=False) as init:
        assert init.line() == says("held")
        init.signal(signal.SIGUSR2)
        assert init.output() == says("running") + "1\n"


def test_no_room_for_a_process():
    """Only natively: an emulator needs a thread itself."""
    wrap = ["setpriv", "--reuid=12345", "--clear-groups", "prlimit", "--nproc=1"]
    with Init(NATIVE, command=["true"], wrap=wrap) as init:
        init.held().say(go())
        assert init.errno() == (errno.EAGAIN, AT_FORK)
        assert init.code() == 125
