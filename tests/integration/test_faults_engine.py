# SPDX-License-Identifier: MIT
"""What becomes of a run whose engine is interrupted or dies, on a real daemon."""
import signal

import pytest

from docker_steps import document, end, output, step

pytestmark = pytest.mark.once

TRAP = "trap 'echo told; exit 0' TERM; echo up; while :; do sleep 0.1; done"
DEAF = "trap '' TERM; echo up; while :; do sleep 0.1; done"


def sweep(pipeline_runtime, docker, *flags):
    return pipeline_runtime(["sweep", "--backend", "docker", "--docker-host", docker.host, *flags])


@pytest.mark.also_podman
@pytest.mark.both_ways
def test_41_first_interrupt_is_graceful(run):
    running = run.start(document(step("a", TRAP), step("b", "echo cleaned", run_policy="always"), step("c")))
    running.line('"text":"up')
    running.signal(signal.SIGINT)
    result = running.finish()
    assert result.code == 130, result
    assert output(result, "a") == "up\ntold\n" and output(result, "b") == "cleaned\n", result
    assert (end(result, "a")["reason"], end(result, "c")["reason"]) == ("cancelled", "skipped"), result


@pytest.mark.also_podman
@pytest.mark.both_ways
def test_41_second_interrupt_kills(run):
    running = run.start(document(step("a", DEAF), step("b", "echo cleaned", run_policy="always")), "--grace 1h")
    running.line('"text":"up')
    running.signal(signal.SIGINT)
    running.event(event="step", step="a", to="stopping")
    running.signal(signal.SIGINT)
    result = running.finish()
    assert result.code == 130 and output(result, "b") == "", result


def test_41_terminated_is_told_apart(run):
    running = run.start(document(step("a", TRAP)))
    running.line('"text":"up')
    running.signal(signal.SIGTERM)
    assert running.finish().code == 143


# Where the engine is when it is killed: an event that says so.
STATES = {
    "preparing": dict(event="step", step="a", to="preparing"),
    "running": dict(event="step", step="a", to="running"),
    "held": dict(event="step", step="b", to="prepared"),
    "stopping": dict(event="step", step="a", to="stopping"),
}


@pytest.mark.parametrize("state", STATES)
def test_42_killed_engine_leaves_what_a_sweep_removes(docker, run, pipeline_runtime, state):
    service = step("s", "sleep 1000")
    steps = [step("a", DEAF, timeout="1s" if state == "stopping" else "1h"), step("b", "echo never")]
    running = run.start(document(*steps, services=[service], volumes=[{"metadata": {"name": "v"}, "temp": {}}]),
                        "--grace 2s")
    running.event(**STATES[state])
    running.kill()
    running.finish(check=False)
    # Its owner is dead: whatever there is goes, and a second sweep finds nothing. What it had asked for when it was
    # killed, a daemon that is busy makes a moment later: that goes with the next.
    for _ in range(5):
        result = sweep(pipeline_runtime, docker)
        assert result.code == 0, result
        if result.text == "nothing to remove\n":
            break
    assert (docker.leftovers(), result.text) == ([], "nothing to remove\n"), result


def test_42_a_sweep_spares_a_run_that_lives(docker, run, pipeline_runtime):
    running = run.start(document(step("a", TRAP)))
    running.line('"text":"up')
    assert sweep(pipeline_runtime, docker).code == 0
    assert docker.leftovers() != []
    running.signal(signal.SIGINT)
    assert running.finish().code == 130


def test_42_a_dry_run_removes_nothing(docker, run, pipeline_runtime):
    running = run.start(document(step("a", DEAF)))
    running.line('"text":"up')
    running.kill()
    running.finish(check=False)
    before = docker.leftovers()
    result = sweep(pipeline_runtime, docker, "--dry-run")
    assert result.code == 0 and before != [] and result.stdout, result
    assert docker.leftovers() == before
    assert sweep(pipeline_runtime, docker).code == 0


def test_keep_on_failure_is_listed_and_swept(docker, run, pipeline_runtime):
    result = run(document(step("a", "exit 3")), "--keep-on-failure")
    assert result.code == 1 and docker.leftovers() != [], result
    assert result.ended["run"] in result.stderr and "sweep" in result.stderr, result
    looks = [line.strip() for line in result.stderr.splitlines() if line.startswith("    docker ")]
    assert [line.split()[1] for line in looks] == ["logs", "inspect", "commit", "rm"], result
    kept = docker.leftovers()[0].split()[1].lstrip("/")  # container NAME ...
    assert looks[0] == f"docker logs {kept}" and looks[-1] == f"docker rm -f {kept}", looks
    swept = sweep(pipeline_runtime, docker)
    assert swept.code == 0 and docker.leftovers() == [], swept


def test_policies_refuse_before_anything_is_created(docker, run):
    privileged = step("p", docker={"privileged": True})
    result = run(document(privileged), "--forbid privileged")
    assert result.code == 2 and docker.leftovers() == [], result


def test_the_pipelines_time_limit(run):
    result = run(document(step("a", TRAP), step("b", "echo cleaned", run_policy="always")), "--timeout 15s")  # it has begun by then
    assert result.code == 1 and result.ended["outcome"] == "timeout", result
    assert output(result, "b") == "cleaned\n", result
