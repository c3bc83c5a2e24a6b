# SPDX-License-Identifier: MIT
"""plr-init with a socket that is connected already (--fd): the same words as on a path."""

import socket

import pytest

from init_peer import HELD, LIMIT, RUNNING, Init, go

pytestmark = pytest.mark.parametrize("architecture", ["amd64", "arm64"])


def start(architecture, options=(), command=()):
    """An Init whose channel is one end of a pair; the other is its connection."""
    ours, its = socket.socketpair()
    ours.settimeout(LIMIT)
    init = Init(architecture, ["--fd", str(its.fileno()), *options], command, channel=False,
                pass_fds=[its.fileno()])
    init.fd = its.fileno()
    its.close()
    init.connection = ours
    return init


def test_words_go_over_it(architecture):
    with start(architecture, command=["sh", "-c", "echo $LATE; exit 7"]) as init:
        assert init.word() == (HELD, b"")
        init.say(go("LATE=value"))
        assert init.word() == (RUNNING, b"")
        assert init.exited()["status"] == 7 << 8
        assert init.word() is None
        assert init.code() == 7
        assert init.output() == "value\n"


@pytest.mark.parametrize("options", [[], ["--detach"]])
def test_the_command_does_not_get_it(architecture, options):
    with start(architecture, options, ["sh", "-c", "ls /proc/$$/fd"]) as init:
        assert init.word() == (HELD, b"")
        init.say(go())
        assert init.code() == 0
        assert str(init.fd) not in init.output().split()


def test_its_end_ends_the_init_while_held(architecture):
    with start(architecture, command=["echo", "ran"]) as init:
        assert init.word() == (HELD, b"")
        init.connection.close()
        assert init.code() == 124
        assert init.output() == ""


@pytest.mark.parametrize("options", [["--fd", "77"], ["--fd", "x"], ["--fd", "99999999999"],
                                     ["--fd", "0", "--socket", "/x"],
                                     ["--fd", "0", "--signal-word", "x"]])
def test_what_is_wrong_is_said(architecture, options):
    with Init(architecture, options, ["echo", "ran"], channel=False) as init:
        assert init.code() == 125
        assert init.output() == ""
