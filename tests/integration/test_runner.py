# SPDX-License-Identifier: MIT
"""The runner catches what no run may do. The command here is a script that does it."""
import json
import os
import signal

import pytest

from runner import Failed, Runner, Running

DOCUMENT = {"steps": []}


@pytest.fixture
def stand_in(tmp_path):
    """stand_in(SCRIPT): a Runner whose command is this shell script."""

    def make(script):
        program = tmp_path / "pipeline-runtime"
        program.write_text("#!/bin/sh\n" + script)
        program.chmod(0o755)
        runners.append(Runner(tmp_path, tmp_path))
        return runners[-1]

    runners = []
    yield make
    for runner in runners:
        runner.end()


def test_document_environment_and_result(stand_in, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    runner = stand_in('cat; echo; echo "{\\"home\\":\\"$HOME\\",\\"own\\":\\"$OWN\\",\\"host\\":\\"$DOCKER_HOST\\"}"; echo "$@" >&2; exit 3')
    result = runner("run -", DOCUMENT, env={"OWN": "yes"})
    assert [json.loads(line) for line in result.stdout.splitlines()] == [DOCUMENT, {"home": str(runner.home), "own": "yes", "host": ""}]
    assert (result.code, result.stderr) == (3, "run -\n")


EVENTS = [{"event": "output", "sequence": 1, "step": "a", "stream": "stdout", "text": "x\n"},
          {"event": "output", "sequence": 2, "step": "b", "stream": "stderr", "base64": "/w=="},
          {"event": "output", "sequence": 3, "step": "a", "stream": "stdout", "text": "cut", "notice": True},
          {"event": "step", "sequence": 4, "step": "a", "to": "ended", "end": {"reason": "exit"}},
          {"event": "run-ended", "sequence": 5, "outcome": "passed"}]


def test_events_as_output_and_ends(stand_in):
    result = stand_in("cat")("run", "\n".join(map(json.dumps, EVENTS)))
    assert (result.output(), result.output("a"), result.output(stream="stderr")) == (b"x\n\xff", b"x\n", b"\xff")
    assert (result.ends, result.ended["outcome"]) == ({"a": {"reason": "exit"}}, "passed")


def test_an_event_that_is_missing_is_noticed(stand_in):
    result = stand_in("cat")("run", "\n".join(map(json.dumps, EVENTS[:2] + EVENTS[3:])))
    with pytest.raises(AssertionError):
        result.ends


def test_a_command_that_hangs_is_killed(stand_in):
    with pytest.raises(Failed, match="did not end in time"):
        stand_in("exec sleep 1000")("run", limit=0.3)


def test_a_child_that_stays_is_noticed(stand_in, monkeypatch):
    monkeypatch.setattr(Running, "STRAGGLERS", 1)
    running = stand_in('sleep 1000 & echo $!').start("run")
    child = int(running.line(str.strip))
    try:
        with pytest.raises(Failed, match="still holds"):
            running.finish()
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("words", ["==1==ERROR: AddressSanitizer: heap-use-after-free", "x.c:1:2: runtime error: overflow",
                                   "==1==ERROR: LeakSanitizer: detected memory leaks"])
def test_a_sanitizer_that_speaks_fails_the_run(stand_in, words):
    with pytest.raises(Failed, match="Sanitizer|runtime error"):
        stand_in(f"echo '{words}' >&2; exit 0")("run")


def test_waits_for_lines_and_sends_signals(stand_in):
    running = stand_in("trap 'echo \"{\\\"got\\\":\\\"int\\\",\\\"n\\\":1}\"; exit 130' INT; echo '{\"up\":1}'; while :; do sleep 0.01; done").start("run")
    running.event(up=1)
    running.signal(signal.SIGINT)
    assert running.event(got="int")["n"] == 1
    assert running.finish().code == 130


def test_a_line_that_never_comes(stand_in):
    running = stand_in("echo this").start("run")
    with pytest.raises(Failed, match="did not come: that"):
        running.line("that")


def test_what_a_test_left_running_is_ended(stand_in):
    runner = stand_in("exec sleep 100")
    running = runner.start("run")
    runner.end()
    assert running.process.returncode == -signal.SIGKILL
