# SPDX-License-Identifier: MIT
"""Many pipelines in one process: descriptors and memory stay flat, and nothing is left afterwards."""
import json
import re
import subprocess
from pathlib import Path

import pytest

from docker_steps import document, step


def many(runner, backend, option, value, rounds, runs, at_once, wrap=()):
    """(runs, failed, descriptors, KiB) after each round, and the text."""
    # The sanitizer keeps freed memory for a while; a leak it tells of itself.
    env = runner.environment({"ASAN_OPTIONS": "quarantine_size_mb=1"})
    program = Path(runner.program).parent / "tests/integration/many_runs"
    done = subprocess.run([*wrap, program, backend, option, value, str(rounds), str(runs), str(at_once)], text=True, env=env,
                          input=json.dumps(document(step("a", "echo a"))), capture_output=True, timeout=390)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = [tuple(map(int, re.findall(r"\d+", line))) for line in done.stdout.splitlines()]
    assert seen[-1][:2] == (rounds * runs, 0), done.stdout
    return seen, done


@pytest.mark.daemon("docker-20.10")
@pytest.mark.timeout(400)
def test_200_pipelines_in_one_engine(docker, pipeline_runtime):
    seen, done = many(pipeline_runtime, "docker", "docker-host", docker.host, 10, 20, 8)
    # A few idle connections to the daemon come and go; what leaks grows with each of 160 runs.
    assert seen[-1][2] - seen[1][2] <= 4, done.stdout
    # The sanitizer's own books grow by 6 KiB a run, and it tells of leaks at the end; without it: 0.1 MiB in 270 runs.
    assert seen[-1][3] - seen[1][3] < 4096, done.stdout
    assert docker.leftovers() == []


@pytest.mark.timeout(400)
def test_50_pipelines_at_once_on_kubernetes(kube):
    """Three rounds: after the first nothing grows."""
    seen, done = many(kube, "kubernetes", "kube-config", kube.namespace.kubeconfig, 3, 50, 50, kube.cluster.enter)
    # Connections to the API server are kept for the next call, by as many calls as there were at once: some ten more
    # or fewer after a round. What a run leaks is there a hundred times after the two others.
    assert seen[-1][2] - seen[0][2] < 50, done.stdout
    assert seen[-1][3] - seen[0][3] < 4096, done.stdout
