# SPDX-License-Identifier: MIT
"""The thin line through every room of the house: hello world on each kind of daemon."""
import json
import signal
from pathlib import Path

import pytest

pytestmark = pytest.mark.each_version

SAMPLE = json.loads((Path(__file__).parents[2] / "samples/1_hello_world.json").read_text())
SLOW = {"steps": [{"metadata": {"name": "slow"}, "docker": {
    "image": "alpine:3.6", "command": ["sh", "-c"], "args": ["trap 'echo told; exit 9' TERM; echo up; sleep 100 & wait"]}}]}


@pytest.mark.both_ways
def test_hello_world(run):
    result = run(SAMPLE)
    assert result.code == 0, result
    assert result.output("greet") == b"hello world\n", result
    assert (result.ends["greet"]["reason"], result.ends["greet"]["exit_code"]) == ("exit", 0), result
    assert result.ended["outcome"] == "passed", result


def test_hello_world_on_podman(podman, pipeline_runtime):
    result = pipeline_runtime(["--backend", "docker", "--docker-host", podman.host, "--output", "json", "run", "-"], SAMPLE)
    assert result.code == 0, result
    assert result.output("greet") == b"hello world\n", result


def test_an_interrupt_is_passed_on_and_nothing_stays(run):
    running = run.start(SLOW)
    running.line("up")
    running.signal(signal.SIGINT)
    result = running.finish()
    assert result.code == 130, result
    assert result.output("slow") == b"up\ntold\n", result
    assert result.ended["outcome"] == "cancelled", result
