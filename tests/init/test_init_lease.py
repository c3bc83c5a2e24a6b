# SPDX-License-Identifier: MIT
"""What plr-init does in a pod whose host says nothing any more: the lease, and the kubelet's question for it."""

import os
import signal
import subprocess
import time

import pytest

from init_peer import NATIVE, program
from init_pod import Pod, has_looked, mark, wait_until

both = pytest.mark.parametrize("architecture", ["amd64", "arm64"])

ONE = ("step on-success 1 -",)
TWO = (*ONE, "step on-success 1 - 0")


def lease(seconds, containers, grace_ms=60000):
    return ("--lease", str(seconds), "--containers", str(containers), "--grace-ms", str(grace_ms))


@both
@pytest.mark.parametrize("does, grace_ms, told, signal_number", [("echo told; trap - TERM; kill $$", 60000, ["told\n"], 15),
                                                                ("", 300, [], 9)], ids=["TERM", "KILL after the grace"])
def test_without_renewal_the_command_ends(architecture, does, grace_ms, told, signal_number):
    """Nobody takes that for an end of its own. The lease counts from when the second container is there."""
    with Pod(*TWO, form="serial") as pod:
        init = pod.shell(architecture, 0, f"trap '{does}' TERM; echo up; while :; do sleep 0.05; done",
                         options=lease(1, 2, grace_ms))
        assert [init.line(), init.line()] == [mark("running"), "up\n"]
        after = pod.shell(architecture, 1, "echo ran", options=lease(60, 2))
        assert [init.line() for _ in (0, *told)] == [mark("lost"), *told]
        assert init.code() == 128 + signal_number and pod.result(0) == f"stopped {signal_number}\n"
        assert after.process.poll() is None


@both
def test_without_renewal_a_held_one_ends(architecture):
    with Pod(*TWO, form="serial") as pod:
        (pod.folder / "results" / "s0").mkdir()
        init = pod.shell(architecture, 1, "echo ran", options=lease(1, 2))
        assert init.code() == 124 and init.output() == mark("lost") and pod.result(1) is None


def test_each_text_renews_it():
    """Whichever of the files it is in. While the init is stopped its lease begins to count, runs out, and a text comes:
    when it goes on it finds that, and has the whole lease from then on."""
    with Pod(*ONE) as pod:
        init = pod.shell(NATIVE, 0, "echo up; sleep 1000", options=lease(1, 2))
        assert [init.line(), init.line()] == [mark("running"), "up\n"]
        init.signal(signal.SIGSTOP)
        (pod.folder / "results/s1").mkdir()
        time.sleep(1.1)  # a lease is whole seconds, by a clock that nobody can set
        pod.files["lease"] = "1"
        pod.write()
        goes_on = time.monotonic()
        init.signal(signal.SIGCONT)
        assert init.line() == mark("lost") and time.monotonic() - goes_on >= 1


def test_it_does_not_count_while_containers_are_still_made():
    with Pod(*TWO, form="serial") as pod:
        init = pod.shell(NATIVE, 0, "echo up; sleep 1000", options=lease(1, 2))
        assert [init.line(), init.line()] == [mark("running"), "up\n"]
        time.sleep(1.1)  # as above
        (pod.folder / "results/.look").mkdir()
        wait_until(lambda: has_looked(init))
        (pod.folder / "results/s1").mkdir()
        assert init.line() == mark("lost") and init.code() == 143


def test_zero_is_never():
    with Pod(*ONE) as pod:
        init = pod.shell(NATIVE, 0, f"echo up; read x <{pod.gate}; exit 3", options=lease(0, 1))
        assert [init.line(), init.line()] == [mark("running"), "up\n"]
        pod.write()
        wait_until(lambda: has_looked(init))
        pod.open_gate()
        assert init.code() == 3 and mark("lost") not in init.output()


def ask(architecture, pod, seconds, containers=1):
    """As a kubelet does."""
    line = [*program(architecture), "--pod", str(pod.folder), "--lease", str(seconds), "--containers", str(containers)]
    return subprocess.run([*line, "--leased"], check=False).returncode


@both
def test_the_kubelets_question(architecture):
    with Pod(*ONE) as pod:
        (pod.folder / "results" / "s0").mkdir()
        words = pod.folder / "words" / "words"

        def age(seconds):
            os.utime(words, (0, time.time() - seconds))

        age(50)
        assert ask(architecture, pod, 600) == 0 and ask(architecture, pod, 40) == 1
        assert ask(architecture, pod, 40, containers=2) == 0, "the kubelet may still be busy with the second"
        age(901)
        assert ask(architecture, pod, 40, containers=2) == 1 and ask(architecture, pod, 3600, containers=2) == 0
        pod.write()
        assert ask(architecture, pod, 40) == 0
