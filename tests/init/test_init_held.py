# SPDX-License-Identifier: MIT
"""plr-init with a socket: what it does while it is held, and the word that lets it go."""

import errno
import random
import signal
import struct

import pytest

from init_peer import (AT_EXEC, AT_GO, ENVIRONMENT_MAX, GO, HELD, KILL, NATIVE, RUNNING, Init, go,
                       header, kill, status)

pytestmark = pytest.mark.parametrize("architecture", ["amd64", "arm64"])


def test_nothing_runs_before_go(architecture):
    with Init(architecture, command=["sh", "-c", "echo ran; exit 7"]) as init:
        init.held()
        with open(f"/proc/{init.pid}/task/{init.pid}/children", encoding="ascii") as children:
            assert children.read() == ""
        init.say(go())
        assert init.word() == (RUNNING, b"")
        assert init.exited()["status"] == 7 << 8
        assert init.word() is None
        assert init.code() == 7
        assert init.output() == "ran\n"


def test_held_costs_one_small_process(architecture):
    with Init(architecture, command=["true"]) as init:
        init.held()
        while status(init.pid)["State"] != "S (sleeping)":  # a busy one never is
            pass
        if architecture == NATIVE:  # what the emulator takes is not ours
            assert status(init.pid)["Threads"] == "1"
            assert int(status(init.pid)["VmRSS"].split()[0]) < 200


@pytest.mark.parametrize("name", ["TERM", "INT", "USR1", "USR2", "QUIT", "WINCH", "RTMIN"])
def test_any_signal_ends_it_while_held(architecture, name):
    with Init(architecture, command=["echo", "ran"]) as init:
        init.held()
        init.signal(signal.Signals["SIG" + name])
        assert init.word() is None
        assert init.code() == 124
        assert init.output() == ""


def test_end_of_the_engine_ends_it_while_held(architecture):
    with Init(architecture, ["--keep", "--lease", "100"], ["echo", "ran"]) as init:
        init.held()
        init.connection.close()
        assert init.code() == 124
        assert init.output() == ""


@pytest.mark.parametrize("word", [
    kill(9), kill(15), header(GO, 0, version=1), header(0, 0), header(HELD, 0), header(99, 0),
    header(KILL, 0), header(KILL, 5) + b"12345", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 8,
], ids=repr)
def test_kill_and_nonsense_end_it_while_held(architecture, word):
    with Init(architecture, command=["echo", "ran"]) as init:
        init.held()
        init.say(word)
        assert init.code() == 124
        assert init.output() == ""


def test_a_signal_is_heard_in_the_middle_of_a_word(architecture):
    with Init(architecture, command=["echo", "ran"]) as init:
        init.held()
        init.say_and_see_it_read(header(GO, 100) + b"A=")
        init.signal(signal.SIGTERM)
        assert init.code() == 124


def test_a_word_may_come_byte_by_byte(architecture):
    with Init(architecture, command=["sh", "-c", "echo $LATE"]) as init:
        init.held()
        for byte in go("LATE=piece by piece"):
            init.say_and_see_it_read(bytes([byte]))
        assert init.word() == (RUNNING, b"")
        assert init.output() == "piece by piece\n"


def test_a_socket_that_is_not_there(architecture):
    with Init(architecture, ["--socket", "/nowhere/socket"], ["true"], channel=False) as init:
        assert init.code() == 125
        assert init.complaint() == f"plr-init: /nowhere/socket: errno {errno.ENOENT}\n"
    path = "/" + "x" * 108
    with Init(architecture, ["--socket", path], ["true"], channel=False) as init:
        assert init.code() == 125
        assert f"errno {errno.ENAMETOOLONG}\n" in init.complaint()


@pytest.mark.parametrize("options", [
    ["--unknown"], ["--lease"], ["--lease", ""], ["--lease", "-1"], ["--lease", "1s"],
    ["--grace-ms", "99999999999999999999"], ["--signal-word", ""], ["--signal-word", "a b"],
    ["--signal-word", "n" * 65], ["--socket", "/x", "--signal-word", "n"], ["true"],
], ids=" ".join)
def test_wrong_usage(architecture, options):
    with Init(architecture, options, ["echo", "ran"], channel=False) as init:
        assert init.code() == 125
        assert init.complaint().endswith(f": errno {errno.EINVAL}\n")
        assert init.output() == ""


def test_late_environment_replaces_and_adds(architecture):
    environment = {"PATH": "/usr/bin:/bin", "KEPT": "1", "SAME": "old", "SAMENESS": "2"}
    with Init(architecture, command=["env", "-0"], env=environment) as init:
        init.held()
        init.say(go("SAME=new\nline", "ADDED==", "SAM=", "ADDED=twice"))
        found = init.output().split("\0")[:-1]
        assert sorted(found) == ["ADDED=twice", "KEPT=1", "PATH=/usr/bin:/bin", "SAM=",
                                 "SAME=new\nline", "SAMENESS=2"]


def test_late_path_finds_the_command(architecture):
    with Init(architecture, command=["true"], wrap=["/usr/bin/env", "PATH=/nowhere"]) as init:
        init.held()
        init.say(go("PATH=/usr/bin"))
        assert init.word() == (RUNNING, b"")
        assert init.code() == 0


def test_the_largest_environment_and_one_byte_more(architecture):
    entries = [f"V{i}=" + "x" * (1024 - len(f"V{i}=") - 1) for i in range(128)]
    with Init(architecture, command=["sh", "-c", "echo ${#V0} ${#V127}"]) as init:
        init.held()
        init.say(go(*entries))
        assert init.word() == (RUNNING, b"")
        assert init.output() == "1020 1018\n"
    with Init(architecture, command=["echo", "ran"]) as init:
        init.held()
        init.say(header(GO, ENVIRONMENT_MAX + 1))
        assert init.errno() == (errno.E2BIG, AT_GO)
        assert init.code() == 125
        assert init.output() == ""


def well_formed(payload):
    """What words.h says of GO's payload."""
    if not payload:
        return True
    if payload[-1:] != b"\0":
        return False
    return all(entry.find(b"=") > 0 for entry in payload[:-1].split(b"\0"))


def test_random_environments(architecture):
    chance = random.Random(20240229)
    seen = set()
    for _ in range(40):
        payload = bytes(chance.choices(b"AB=\0\xff\n", (6, 3, 4, 3, 1, 1), k=chance.randrange(13)))
        with Init(architecture, command=["/bin/true"]) as init:
            init.held()
            init.say(header(GO, len(payload)) + payload)
            expected = well_formed(payload)
            seen.add(expected)
            if expected:
                assert init.word() == (RUNNING, b""), payload
                assert init.exited()["status"] == 0
            else:
                assert init.errno() == (errno.EINVAL, AT_GO), payload
                assert init.code() == 125
    assert seen == {True, False}


@pytest.mark.parametrize("command, error, code", [
    (["no-such-command"], errno.ENOENT, 127),
    (["/no/such/command"], errno.ENOENT, 127),
    ([""], errno.ENOENT, 127),
    (["/etc/passwd"], errno.EACCES, 126),
    (["/etc"], errno.EACCES, 126),
    (["/etc/passwd/x"], errno.ENOTDIR, 126),
    (["shadow"], errno.EACCES, 126),  # found in PATH, but not executable
    (["./shadow"], errno.EACCES, 126),
    (["n" * 5000], errno.ENOENT, 127),
], ids=lambda value: str(value)[:30])
@pytest.mark.parametrize("options", [[], ["--detach"]], ids=["forked", "in place"])
def test_a_command_that_cannot_be_executed(architecture, command, error, code, options):
    with Init(architecture, options, command, cwd="/etc",
              env={"PATH": "/nowhere:/usr/bin:/usr/sbin:/etc/passwd:/etc"}) as init:
        init.held()
        init.say(go())
        if options:
            assert init.word() == (RUNNING, b"")
        assert init.errno() == (error, AT_EXEC)
        assert init.code() == code


@pytest.mark.parametrize("path, folder", [
    (None, "/"), ("/nowhere:/usr/bin", "/"), ("/nowhere:", "/usr/bin"), ("::/nowhere", "/usr/bin"),
])
def test_where_the_command_is_looked_for(architecture, path, folder):
    wrap = ["/usr/bin/env", "-i", "-C", folder, *([f"PATH={path}"] if path else [])]
    with Init(architecture, command=["printf", "%s %s", "found", "it"], wrap=wrap) as init:
        init.held()
        init.say(go())
        assert init.output() == "found it"


def test_errno_is_the_whole_of_a_failed_go(architecture):
    with Init(architecture, command=["/nowhere"]) as init:
        init.held()
        init.say(go("A=1") + go() + struct.pack("<Q", 0))  # what follows is not read
        assert init.errno() == (errno.ENOENT, AT_EXEC)
        assert init.code() == 127
