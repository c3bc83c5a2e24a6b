# SPDX-License-Identifier: MIT
"""What a step of a pod says goes through plr-init: byte for byte, in order, and counted."""

import itertools
import os
import re
import signal
import subprocess
import sys

import pytest

from init_peer import LIMIT, NATIVE, status
from init_pod import NONCE, Pod, children, mark, wait_until
from test_init_pod import both

STEP = "step on-success 1 -"
COUNT = re.compile(rb"\x1eplr c0ffee count (\d+) (\d+) (\d+)\n")
END = re.compile(rb"\x1eplr c0ffee (exited|stopped) (\d+)(?: \d+){6}\n")
EVERY = 16384


def read_all(init):
    init.code()
    return init.rest[0]


def is_count_of(match, data):
    """By the words of words.h: how many, their sum, and the sum of all sums until then."""
    data = data.replace(b"\r", b"")
    sums = sum(itertools.accumulate(data))
    return [int(n) for n in match.groups()] == [len(data), sum(data) & 0xffffffff, sums & 0xffffffff]


def take_apart(stream):
    """What the step wrote, after a look at all that the init says in it; the counts' bytes; and how the step ended."""
    begin = mark("running").encode()
    assert stream.startswith(begin)
    end = END.search(stream)
    pieces, counts, at, n = [], [], len(begin), 0
    for match in COUNT.finditer(stream, at, end.start()):
        pieces.append(stream[at:match.start()])
        assert pieces[-1].endswith(b"\n"), "a count stands where a line ends"
        n += len(pieces[-1]) - pieces[-1].count(b"\r")
        assert int(match[1]) == n and (counts or is_count_of(match, pieces[0]))
        counts.append(n)
        at = match.end()
    said = b"".join(pieces) + stream[at:end.start()]
    assert is_count_of(COUNT.fullmatch(stream, end.end()), said)
    return said, counts, int(end[2])


def python(pod, architecture, script, *words):
    return pod.start(architecture, 0, [sys.executable, "-c", "import os, sys\n" + script, *words])


@both
def test_byte_for_byte(architecture):
    """All bytes there are, with what looks like a mark, and without a newline at the end."""
    said = bytes(range(256)) * 3 + mark("held").encode() + b"\0\0\x1e\r\n\r\r\n" + b"no newline"
    with Pod(STEP) as pod:
        init = python(pod, architecture, f"os.write(1, {said!r})")
        assert take_apart(read_all(init)) == (said, [], 0)


@both
@pytest.mark.parametrize("line", [b"x" * 98 + b"\r\n", b"\n", b"y" * 40000 + b"\n"], ids=["short", "empty", "long"])
def test_much(architecture, line):
    n = 10000000 // len(line)
    with Pod(STEP) as pod:
        init = python(pod, architecture, f"for i in range(100): sys.stdout.buffer.write({line!r} * {n // 100})")
        rest, counts, _ = take_apart(read_all(init))
        assert rest == line * (n // 100 * 100)
        steps = [b - a for a, b in zip([0, *counts], counts)]
        assert EVERY <= min(steps) and max(steps) <= 2 * EVERY + len(line)


@both
def test_much_in_one_line(architecture):
    with Pod(STEP) as pod:
        init = python(pod, architecture, "sys.stdout.write('x' * 10000000)")
        assert take_apart(read_all(init)) == (b"x" * 10000000, [], 0)


@both
def test_both_streams_are_one_and_in_order(architecture):
    with Pod(STEP) as pod:
        init = python(pod, architecture, "for i in range(5000): os.write(1 + i % 2, b'%d\\n' % i)")
        assert take_apart(read_all(init))[0] == b"".join(b"%d\n" % i for i in range(5000))
        assert init.complaint() == ""


@both
def test_a_command_that_closes_both(architecture):
    """And goes on: nobody waits for it, or runs in circles."""
    with Pod(STEP) as pod:
        init = python(pod, architecture, "os.write(1, b'up\\n')\nos.close(1), os.close(2)\nopen(sys.argv[1]).readline()",
                      str(pod.gate))
        assert init.line() == mark("running") and init.line() == "up\n"
        # It has let go of the pipe of a command that has, and sleeps: one that is busy never does.
        wait_until(lambda: set(pipes(init.pid)) <= {0, 1, 2} and status(init.pid)["State"].startswith("S"))
        pod.open_gate()
        assert init.code() == 0
        assert END.match(init.rest[0])


def pipes(pid):
    folder = f"/proc/{pid}/fd"
    return [int(fd) for fd in os.listdir(folder) if os.readlink(f"{folder}/{fd}").startswith("pipe:")]


def sleep_in_a_pipe(pid):
    """Which one it is, counted from its begin, or None."""
    with open(f"/proc/{pid}/wchan", encoding="ascii") as wchan:
        return int(status(pid)["voluntary_ctxt_switches"]) if "pipe_" in wchan.read() else None


def blocked(init):
    """Whether the command waits for room in its pipe and the init, meanwhile, for room in its own."""
    try:
        child, = children(init.pid)
        sleep = sleep_in_a_pipe(child)
        return sleep is not None and status(init.pid)["State"].startswith("S") and sleep_in_a_pipe(child) == sleep
    except (OSError, IndexError, ValueError):
        return False


@both
def test_a_reader_who_does_not_read(architecture):
    """He holds the command back, but no word of the host's, and loses nothing."""
    with Pod(STEP) as pod:
        init = python(pod, architecture, "while True: os.write(1, b'y' * 99 + b'\\n')")
        wait_until(lambda: blocked(init))
        pod.say("stop 0 1 15")
        wait_until(lambda: pod.result(0) == "stopped 15\n")
        rest, _, status = take_apart(read_all(init))
        assert status == 15 and rest == (b"y" * 99 + b"\n") * (len(rest) // 100) and len(rest) > 100000


def test_a_reader_who_never_reads():
    """The end comes all the same."""
    with Pod(STEP) as pod:
        init = python(pod, NATIVE, "while True: os.write(1, b'y' * 99 + b'\\n')")
        wait_until(lambda: blocked(init))
        init.signal(signal.SIGTERM)
        assert init.process.wait(timeout=90) == 143


def test_a_reader_who_is_gone():
    """The command learns it when it writes to its pipe for the second time; what it makes of it is its own affair. What
    the init meets there is not passed on."""
    script = "import select, signal\nsignal.signal(signal.SIGPIPE, signal.SIG_DFL)\nopen(sys.argv[1]).readline()\n" \
        "os.write(1, b'first')\nbroken = select.poll()\nbroken.register(1, 0)\nbroken.poll()\n" \
        "signal.signal(signal.SIGPIPE, signal.SIG_IGN)\ntry:\n os.write(1, b'second')\nexcept BrokenPipeError: os._exit(7)"
    with Pod(STEP) as pod:
        init = python(pod, NATIVE, script, str(pod.gate))
        assert init.line() == mark("running")
        init.process.stdout.close()
        pod.open_gate()
        assert init.process.wait(timeout=LIMIT) == 7
        assert pod.result(0) == f"exited {7 << 8}\n"


@both
def test_a_runtime_on_a_busy_node(architecture):
    """Nothing of it is left in our pipe, but it may have it in hand, and needs longer where a million others run: only
    when these are gone the init ends. It alone would have been given 0.2 s."""
    with Pod(STEP) as pod:
        load = pod.folder / "load"
        load.write_text("9.1 9.1 9.1 1000000/1000001 7\n")
        busy = ["sh", "-c", 'mount --bind "$0" /proc/loadavg && exec "$@"', str(load)]
        init = pod.shell(architecture, 0, "seq 100000 115000", wrap=busy)
        while not END.match(init.line().encode()):
            pass
        assert COUNT.fullmatch(init.line().encode())
        with pytest.raises(subprocess.TimeoutExpired):
            init.process.wait(1)
        load.write_text("9.1 9.1 9.1 1/1000001 7\n")
        assert init.code() == 0


@both
def test_what_is_left_behind_holds_the_pipe(architecture):
    """It is ended, and what it said until then is there."""
    with Pod(STEP) as pod:
        script = "sh -c 'echo left; echo >$0; exec sleep 1000' $0 & read x <$0; exit 3"
        init = pod.start(architecture, 0, ["sh", "-c", script, str(pod.gate)])
        assert init.code() == 3
        assert take_apart(init.rest[0]) == (b"left\n", [], 3 << 8)


def test_another_users_process_holds_the_pipe():
    """It cannot be ended, and writes on and on: what was said before is there, and then it is over. Nothing is said of
    the end, which only the kernel can bring about."""
    wrap = ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt && mkfifo -m 666 /mnt/ready && "
            'cp /usr/bin/setpriv /mnt/become && chmod 4755 /mnt/become && exec "$@"', "sh",
            "setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"]
    script = "echo first; (/mnt/become --reuid=0 sh -c 'echo >/mnt/ready; exec yes' &); read line </mnt/ready; exit 3"
    with Pod(STEP) as pod:
        init = pod.shell(NATIVE, 0, script, wrap=wrap)
        assert init.code() == 3
        stream = init.rest[0].decode()
        assert stream.startswith(mark("running") + "first\n") and f"{NONCE} exited" not in stream
        assert pod.result(0) is None
