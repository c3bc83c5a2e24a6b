# SPDX-License-Identifier: MIT
"""plr-init as a step among others in a pod: when it runs, when it does not, and what it says of it."""

import os
import re
import signal
import subprocess
import time

import pytest

from init_peer import LIMIT, NATIVE, program, status
from init_pod import NOT_RUN, Pod, held, late, mark, wait_until

both = pytest.mark.parametrize("architecture", ["amd64", "arm64"])

CHAIN = ("step on-success 1 -", "step on-success 1 - 0", "step on-success 1 - 1")
EXITED = r"\x1eplr c0ffee exited (\d+)( \d+){6}\n\x1eplr c0ffee count( \d+){3}\n"


@both
def test_steps_release_each_other(architecture):
    with Pod(*CHAIN, form="serial") as pod:
        inits = [pod.shell(architecture, step, f"echo {step}; exit 0") for step in (2, 1)]
        for init in inits:
            held(init)
        assert pod.result(1) is None
        inits.append(pod.shell(architecture, 0, "echo 0"))
        for step, init in zip((2, 1, 0), inits):
            assert init.code() == 0
            output = init.output()
            assert output.startswith(mark("running") + f"{step}\n")
            assert re.search(EXITED, output).group(1) == "0"
            assert init.complaint() == ""
            assert pod.result(step) == "exited 0\n"


@both
@pytest.mark.parametrize("script, wait_status, code", [
    ("exit 3", 3 << 8, 3), ("kill -9 $$", 9, 137), ("exit 78", 78 << 8, 78)])
def test_its_end_is_the_commands(architecture, script, wait_status, code):
    why = "exit-78" if code == 78 else "failed-before"
    with Pod(*CHAIN, form="serial") as pod:
        after = held(pod.shell(architecture, 1, "echo ran"))
        init = pod.shell(architecture, 0, "printf unfinished; " + script)
        assert init.code() == code
        assert pod.result(0) == f"exited {wait_status}\n"
        assert re.search("unfinished.*" + EXITED, init.output().replace(mark("running"), "")).group(1) == \
            str(wait_status)
        assert after.code() == NOT_RUN
        assert after.output() == mark(f"skipped {why}") and after.complaint() == ""
        assert pod.result(1) == f"skipped {why}\n"


@both
def test_policies(architecture):
    plan = ("step on-success 1 -", "step on-failure 1 - 0", "step always 1 - 0", "step on-success 1 - 1",
            "step on-success 1 - 2", "step never 1 a 0", "step on-success 1 - 5")
    for code, ran in ((1, {1, 2}), (0, {2, 3, 4, 6})):
        with Pod(*plan) as pod:
            inits = {step: pod.shell(architecture, step, "true") for step in (1, 2, 3, 4, 6)}
            pod.shell(architecture, 0, f"exit {code}")
            for step, init in inits.items():
                assert init.code() == (0 if step in ran else NOT_RUN)
                assert (pod.result(step) == "exited 0\n") == (step in ran), (code, step)


@both
def test_the_hosts_words(architecture):
    plan = ("service on-success 1 d", "step on-success 1 -", "step on-success 1 - 1", "step on-success 1 dr 2",
            "step on-failure 1 - 3", "step on-failure 1 -", "hook on-success 1 -")
    with Pod(*plan) as pod:
        inits = {step: held(pod.shell(architecture, step, "echo $A $B")) for step in (1, 2, 3, 4, 5, 6)}
        pod.say("services ready")
        assert inits[1].code() == inits[2].code() == 0
        wait_until(lambda: pod.result(3) == "exited 0\n")
        held(inits[4])
        pod.say("outcome 3 failed")
        assert inits[4].code() == 0 and pod.result(4) == "exited 0\n"
        held(inits[5])
        pod.say("main failed")
        assert inits[5].code() == 0 and pod.result(5) == "exited 0\n"
        held(inits[6])
        pod.say(late(6, "A=one\ntwo"), late(5, "B=no"), late(6, "B=="), "go 6 1")
        assert inits[6].code() == 0 and "one two =\n" in inits[6].output()


@both
def test_a_service_does_not_wait(architecture):
    with Pod("service on-success 1 d", "step on-success 1 -") as pod:
        step = held(pod.shell(architecture, 1, "true"))
        service = pod.start(architecture, 0, ["sh", "-c", "echo $$; sleep 1000"], options=["--detach"])
        assert service.line() == mark("running")
        assert service.line() == "1\n"  # exec'd in place
        assert pod.result(0) == "running\n"
        pod.say("services failed")
        assert step.code() == NOT_RUN and pod.result(1) == "skipped failed-before\n"


@both
def test_a_detached_step_is_met_when_it_runs(architecture):
    with Pod("step on-success 1 d", "step on-success 1 - 0") as pod:
        after = held(pod.shell(architecture, 1, "true"))
        init = pod.shell(architecture, 0, "sleep 1000", options=["--detach"])
        assert after.code() == 0 and pod.result(1) == "exited 0\n"
        init.signal(signal.SIGKILL)
        assert init.code() != 0 and pod.result(0) == "running\n"


@both
def test_attempts(architecture):
    """Those after the first wait for the host; which one is the last, the others see by themselves."""
    with Pod("step on-success 3 -", "step on-failure 1 - 0", "step on-success 1 - 0") as pod:
        others = [held(pod.shell(architecture, step, "true")) for step in (1, 2)]
        later = [held(pod.shell(architecture, 0, "exit $CODE", attempt=attempt, env={**os.environ, "CODE": code}))
                 for attempt, code in ((2, "0"), (3, "7"))]
        assert pod.shell(architecture, 0, "exit 5").code() == 5
        for init in others + later:
            held(init)
        pod.say("go 0 2")
        assert later[0].code() == 0
        assert later[1].code() == NOT_RUN and pod.result(0, 3) is None and later[1].output() == ""
        assert others[0].code() == NOT_RUN and pod.result(1) == "skipped nothing-failed\n"
        assert others[1].code() == 0 and pod.result(2) == "exited 0\n"
    with Pod("step on-success 2 -", "step on-failure 1 - 0") as pod:
        after = held(pod.shell(architecture, 1, "true"))
        pod.record(0, "exited 256\n")
        held(after)
        pod.record(0, "exited 256\n", attempt=2)
        assert after.code() == 0 and pod.result(1) == "exited 0\n"


@both
def test_ignored_errors(architecture):
    with Pod("step on-success 1 i", "step on-success 1 - 0") as pod:
        after = held(pod.shell(architecture, 1, "true"))
        assert pod.shell(architecture, 0, "exit 5").code() == 5
        assert after.code() == 0 and pod.result(1) == "exited 0\n"


@both
def test_held_by_the_host(architecture):
    with Pod("step on-success 1 h", "step on-success 1 h 0") as pod:
        first, second = (held(pod.shell(architecture, step, "true")) for step in (0, 1))
        pod.say("go 0 1")
        assert first.code() == 0 and pod.result(0) == "exited 0\n"
        held(second)
        pod.say("outcome 1 skipped")
        assert second.code() == NOT_RUN and second.output() == "" and pod.result(1) is None


@both
def test_cancelled(architecture):
    plan = ("step on-success 1 -", "step on-success 1 - 0", "step always 1 - 0", "step on-failure 1 - 0",
            "step always 1 - 2")
    with Pod(*plan) as pod:
        inits = {step: held(pod.shell(architecture, step, "true")) for step in (1, 2, 3, 4)}
        init = pod.shell(architecture, 0, "trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done")
        assert [init.line(), init.line()] == [mark("running"), "up\n"]
        pod.say("cancelled graceful 1", "stop 0 1 15")
        assert inits[1].code() == NOT_RUN and pod.result(1) == "skipped cancelled\n"
        assert init.code() == 0 and pod.result(0) == "stopped 0\n"
        assert mark("stopped 0")[:-1] in init.output()
        held(inits[2])
        pod.say("outcome 0 failed")
        for step in (2, 3, 4):
            assert inits[step].code() == 0 and pod.result(step) == "exited 0\n"


@both
@pytest.mark.parametrize("words", ["cancelled graceful 0", "cancelled now 1", "stop 1 1 15"])
def test_cancelled_before_its_turn(architecture, words):
    with Pod("step on-success 1 -", "step always 1 - 0") as pod:
        init = held(pod.shell(architecture, 1, "true"))
        pod.say(words)
        assert init.code() == NOT_RUN and init.output() == mark("skipped cancelled")
        assert pod.result(1) == "skipped cancelled\n"


@both
def test_stop_with_a_grace_of_its_own(architecture):
    with Pod("step on-success 1 -") as pod:
        init = pod.shell(architecture, 0, "trap '' TERM; echo up; while :; do sleep 0.01; done",
                         options=["--grace-ms", "300"])
        assert [init.line(), init.line()] == [mark("running"), "up\n"]
        before = time.monotonic()
        pod.say("stop 0 1 15")
        assert init.code() == 137 and pod.result(0) == "stopped 9\n"
        assert 0.29 < time.monotonic() - before < LIMIT


@both
def test_each_stop_is_sent_once(architecture):
    with Pod("step on-success 1 -") as pod:
        init = pod.shell(architecture, 0, "trap 'echo USR1' USR1; trap 'echo HUP; exit 4' HUP; echo up; "
                         "while :; do sleep 0.01; done")
        assert [init.line(), init.line()] == [mark("running"), "up\n"]
        for _ in range(2):
            pod.say("stop 0 1 10", "stop 1 1 9", "stop 0 2 9")
            assert init.line() == "USR1\n"
        pod.say("stop 0 1 1")
        assert init.line() == "HUP\n"
        assert init.code() == 4 and pod.result(0) == "stopped 1024\n"


@both
def test_a_signal_from_outside(architecture):
    """The kubelet's: whether the step failed or its pod ends, the host knows."""
    with Pod("step on-success 1 -", "step on-success 1 - 0") as pod:
        after = held(pod.shell(architecture, 1, "true"))
        init = pod.shell(architecture, 0, "trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done")
        assert [init.line(), init.line()] == [mark("running"), "up\n"]
        init.signal(signal.SIGTERM)
        assert init.code() == 0 and pod.result(0) == "stopped 0\n"
        after.signal(signal.SIGTERM)
        assert after.code() == NOT_RUN and pod.result(1) is None


@both
def test_a_command_that_is_not_there(architecture):
    with Pod("step on-success 1 -", "step on-success 1 - 0") as pod:
        after = held(pod.shell(architecture, 1, "true"))
        init = pod.start(architecture, 0, ["/no/such"])
        assert init.code() == 127 and init.output() == mark("errno 2 3")
        assert pod.result(0) == f"exited {127 << 8}\n"
        assert after.code() == NOT_RUN and pod.result(1) == "skipped failed-before\n"


@both
@pytest.mark.parametrize("garbage", [
    b"", b"exited", b"exited \n", b"exited 65536\n", b"exited 0", b"exited 0 0\n", b"exited 0\nexited 0\n",
    b"exited -1\n", b"EXITED 0\n", b"\0" * 100, b"\xff\n" * 99, b"exited 0\n" + b"x" * 1000000, b"skipped\n",
    b"skipped so\n", b"running 0\n", b"exited 18446744073709551616\n"], ids=range(16))
def test_garbage_in_a_record(architecture, garbage):
    with Pod("step on-success 1 -", "step on-success 1 - 0") as pod:
        pod.record(0, garbage)
        init = held(pod.shell(architecture, 1, "true"))
        held(init)
        pod.record(0, "exited 0\n")
        assert init.code() == 0 and pod.result(1) == "exited 0\n"


@both
@pytest.mark.parametrize("spoil, can_be_mended", [
    ("rm -f result; mkfifo result", True), ("rm -f result; ln -s /dev/zero result", True),
    ("rm -f result; ln -s . result", True), ("mkfifo next; ln -sf next result", True),
    ("rm -f result; mkdir result", False), ("mkdir next", False), ("rm -rf * ; chmod 0 .", True)])
def test_what_a_step_can_do_to_its_own_record(architecture, spoil, can_be_mended):
    """The others neither hang nor fall over; the host is told to look for itself if need be."""
    with Pod("step on-success 1 -", "step on-success 1 - 0") as pod:
        after = held(pod.shell(architecture, 1, "true"))
        init = pod.shell(architecture, 0, f"cd {pod.folder}/s0/own; read x <{pod.gate}; {spoil}; echo spoilt; "
                         f"read x <{pod.gate}")
        assert init.line() == mark("running")
        pod.open_gate()
        assert init.line() == "spoilt\n"
        held(after)
        pod.open_gate()
        assert init.code() == 0
        assert mark(("exited" if can_be_mended else "stopped") + " 0")[:-1] in init.output()
        if not can_be_mended:
            held(after)
            pod.say("outcome 0 passed")
        assert after.code() == 0 and pod.result(1) == "exited 0\n"


@both
def test_its_folder_may_be_renamed(architecture):
    with Pod("step on-success 1 -") as pod:
        init = pod.shell(architecture, 0, f"mv {pod.folder}/s0 {pod.folder}/away; echo up; sleep 1000")
        assert [init.line(), init.line()] == [mark("running"), "up\n"]
        pod.say("stop 0 1 15")
        assert init.code() == 143 and pod.result(0) == "stopped 15\n"


@both
def test_garbage_in_the_words(architecture):
    with Pod("step on-success 1 -", "step on-success 1 - 0") as pod:
        init = held(pod.shell(architecture, 1, "true"))
        pod.files["words"] = b"\0\xff go 1\ngo\ngo 1 \noutcome 9 passed\noutcome 0\nstop 1 1 0\nstop 1 1 65\ngo 1 2\n" \
            b"cancelled\ncancelled graceful 2\nlate 1 %\nservices\nmain ended\n" + b"x" * 200000 + b"\ngo 1 1"
        pod.write()
        held(init)
        pod.files["words"] += b"\n"
        pod.write()
        assert init.code() == 125 and init.output() == mark("errno 22 1")  # what came late cannot be read


@both
@pytest.mark.parametrize("plan", [
    [], ["step on-success 1"], ["step on-success 0 -"], ["step on-success 1000 -"], ["step on-success 1 x"],
    ["step on-success 1 - 0"], ["step on-success 1 - 1", "step on-success 1 - 0"], ["step on-success 1 - 7"],
    ["pipeline on-success 1 -"], ["step sometimes 1 -"], [""]])
def test_garbage_for_a_plan(architecture, plan):
    with Pod(*plan) as pod:
        init = pod.shell(architecture, 0, "true")
        assert init.code() == 125 and init.complaint().startswith("plr-init: ")
        assert pod.result(0) is None


@both
def test_it_does_not_run_twice(architecture):
    """A container that is started again, whatever the reason."""
    with Pod("step on-success 1 -") as pod:
        assert pod.shell(architecture, 0, "echo ran").code() == 0
        again = pod.shell(architecture, 0, "echo ran")
        assert again.code() == NOT_RUN and again.output() == again.complaint() == "" and pod.result(0) == "exited 0\n"


@both
def test_a_folder_that_comes_late(architecture):
    with Pod("step on-success 1 -", "step on-success 1 - 0") as pod:
        init = held(pod.shell(architecture, 1, "true"))
        (pod.folder / "results/s0").mkdir()
        held(init)
        pod.record(0, "exited 0\n")
        assert init.code() == 0 and pod.result(1) == "exited 0\n"


def blind_looks(init):
    """How often it has waited; 0 until it is itself."""
    try:
        now = status(init.pid)
        return int(now["voluntary_ctxt_switches"]) if now["Name"].startswith("plr-init") else 0
    except (OSError, IndexError):
        return 0


def test_without_inotify():
    """There are few of them for all containers of a user: then it looks every now and then."""
    with Pod("step on-success 1 -", "step on-success 1 - 0") as pod:
        limit = "/proc/sys/user/max_inotify_instances"
        init = pod.shell(NATIVE, 1, "true", wrap=[
            "unshare", "--user", "--map-root-user", "sh", "-c", f'echo 0 >{limit} && exec "$@"', "sh"])
        began = wait_until(lambda: blind_looks(init))
        wait_until(lambda: blind_looks(init) > began + 3)
        assert pod.result(1) is None
        pod.record(0, "exited 0\n")
        assert init.code() == 0 and pod.result(1) == "exited 0\n"


def test_a_pipe_that_does_not_block():
    """The command made it so, and has filled it."""
    script = "import os; os.set_blocking(1, False); os.set_blocking(2, False)\n" \
        "try:\n while os.write(1, b'x' * 4096): pass\nexcept BlockingIOError: pass"
    with Pod("step on-success 1 -") as pod:
        init = pod.start(NATIVE, 0, ["python3", "-c", script])
        wait_until(lambda: pod.result(0) == "exited 0\n")
        assert mark("exited 0")[:-1] in init.output()


@both
def test_the_first_start_waits_for_an_image(architecture):
    """Whatever is said and done: only the second start is the step's."""
    with Pod("step on-success 1 h") as pod:
        pod.say("go 0 1")
        first = pod.shell(architecture, 0, "echo ran", options=["--image-later"])
        held(first)
        assert (pod.folder / "results/s0/first").exists() and pod.result(0) is None
        first.signal(signal.SIGTERM)
        assert first.code() == NOT_RUN and first.output() == ""
        second = pod.shell(architecture, 0, "echo ran", options=["--image-later"])
        assert second.code() == 0
        assert "ran\n" in second.output() and pod.result(0) == "exited 0\n"


@both
def test_a_first_start_that_is_in_its_image_already(architecture):
    """Nobody could pull the one that was to hold its place."""
    with Pod("step on-success 1 -") as pod:
        init = pod.shell(architecture, 0, "echo ran", options=["--image-later"])
        held(init)
        pod.say("image 0 2", "image 1 1")
        held(init)
        assert pod.result(0) is None
        pod.say("image 0 1")
        assert init.code() == 0 and "ran\n" in init.output() and pod.result(0) == "exited 0\n"


@both
def test_a_question_before_the_turn_is_not_asked(architecture):
    with Pod("step on-success 1 dh") as pod:
        def ask():
            words = [*program(architecture), "--begun", str(pod.folder / "results/s0/result"), "--", "sh", "-c", "exit 0"]
            return subprocess.run(words, stdin=subprocess.DEVNULL, timeout=LIMIT, check=False).returncode

        init = held(pod.shell(architecture, 0, "sleep 100", options=["--detach"]))
        assert ask() == 1
        pod.say("go 0 1")
        wait_until(lambda: pod.result(0) == "running\n")
        assert ask() == 0
        pod.record(0, "exited 0\n")
        assert ask() == 1
        init.signal(signal.SIGKILL)
