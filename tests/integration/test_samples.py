# SPDX-License-Identifier: MIT
"""Every sample runs on each kind of daemon and says what samples/README.md promises."""
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from local_runner import LocalRunner
from services import SERVICES

SAMPLES = Path(__file__).parents[2] / "samples"

# name: (exit code, {step: what it writes to stdout, or why it is skipped}); services are left out.
EXPECTED = {
    "1_hello_world": (0, {"greet": b"hello world\n"}),
    "2_on_success": (0, {"build": b"built\n", "publish": b"published\n", "apologise": "nothing-failed"}),
    "3_on_failure": (1, {"build": b"", "publish": "failed-before", "notify": b"somebody should look at this\n",
                         "clean": b"cleaned up\n"}),
    "4_volume_host": (0, {"write": b"written to the machine\n", "read": re.compile(rb"\w+ \w+ .*\n")}),
    "5_volume_temp": (0, {"write": b"", "read": b"left by write\n"}),
    "5_volume_tmpfs": (0, {"write": b"", "read": b"kept in memory\ntmpfs\n"}),
    "6_redis": (0, {"ping": b"PONG\n"}),
    "7_redis_multi": (0, {"set": b"OK\nOK\n", "get": b"first\nsecond\n"}),
    "8_postgres": (0, {"query": b"42\n"}),
    "9_working_dir": (0, {"where": b"/var/tmp\n", "made": b"/made/for/this/step\n"}),
    "10_docker": (0, {"ask": re.compile(rb"(localhost/)?docker:18\n")}),
    "11_requires_auth": (0, {"private": b"from a registry with a password\n"}),
    "12_graph": (0, {"fetch": b"fetched\n", "build": b"built\n", "lint": b"one complaint that does not count\n",
                     "test": b"tested\n", "publish": b"published\n", "report": "nothing-failed"}),
    "13_hooks": (0, {"work": b"work is done\n", "celebrate": b"the run has passed\n", "mourn": "nothing-failed",
                     "sweep-up": b"swept\n"}),
    "14_readiness": (0, {"count": b"1\n"}),
    "15_retry": (0, {"flaky": b"it works the second time\n"}),
    "16_secrets": (0, {"leak": re.compile(rb"the token has 28 bytes and reads \*+\n")}),
    "17_exit_78": (0, {"decide": b"nothing to do today\n", "work": "exit-78", "clean": b"cleaned up\n"}),
    "18_resources": (0, {"small": b"67108864\n"}),
}


def read(name):
    return json.loads((SAMPLES / f"{name}.json").read_text())


def check(run, daemon, name):
    document = read(name)
    # The socket of the daemon under test is not where a user's is.
    flags = [f"--volume={document['volumes'][0]['metadata']['name']}={daemon.socket}"] if name == "10_docker" else []
    look(run(document, flags, limit=120), document, name)


def look(result, document, name, otherwise=None):
    code, steps = EXPECTED[name]
    assert result.code == code, result
    for step, wanted in {**steps, **(otherwise or {})}.items():
        if isinstance(wanted, str):
            assert result.ends[step]["skip"] == wanted, result
        elif isinstance(wanted, bytes):
            assert result.output(step, "stdout") == wanted, result
        else:
            assert wanted.fullmatch(result.output(step, "stdout")), result
    for secret in document.get("secrets", []):
        assert secret["data"].encode() not in result.stdout, result


def test_no_sample_is_forgotten():
    assert {path.stem for path in SAMPLES.glob("*.json")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_sample(run, docker, name):
    check(run, docker, name)


# Podman's room has no registry.
@pytest.mark.parametrize("name", [name for name in EXPECTED if name != "11_requires_auth"])
def test_sample_on_podman(podman, pipeline_runtime, name):
    def run(document, flags, **kwargs):
        args = ["--backend", "docker", "--docker-host", podman.host, "--output", "json", "run", *flags, "-"]
        return pipeline_runtime(args, document, **kwargs)

    check(run, podman, name)


@pytest.fixture(scope="session")
def registries(tmp_path_factory):
    """A room with the registries, and how to get into its network."""
    state = tmp_path_factory.mktemp("registries")
    env = dict(os.environ, PLR_STATE=str(state))
    subprocess.run([SERVICES / "room", "up", state, "--owner", str(os.getpid())], env=env, check=True)
    subprocess.run([SERVICES / "registry", "up"], env=env, check=True)
    yield ["nsenter", f"--net=/proc/{(state / 'room.pid').read_text().split()[0]}/ns/net"]
    subprocess.run([SERVICES / "room", "down", state], env=env, check=True)


@pytest.fixture(scope="session", params=["root", "user"])
def samples_store(request, build):
    runner = LocalRunner(build, request.param)
    yield runner
    runner.end()


# Without the one that wants a daemon's socket. What a step may use is kept by control groups, which the user lacks.
@pytest.mark.parametrize("name", [name for name in EXPECTED if name != "10_docker"])
def test_sample_on_the_local_backend(samples_store, registries, host_folder, name):
    """Each image is pulled from the registry on loopback, once for each user."""
    document = read(name)
    for step in document["steps"] + document.get("services", []) + sum(document.get("hooks", {}).values(), []):
        image = step["docker"]["image"]
        step["docker"]["image"] = image if "/" in image else f"127.0.0.1:5000/{image}"
    flags = [f"--volume=shelf={host_folder}"] if name == "4_volume_host" else []
    result = samples_store(document, ["--rootfs", "image", *flags], wrap=registries, limit=120)
    if name == "18_resources" and samples_store.user != "root":
        assert any("memory limit" in event.get("message", "") for event in result.events), result
    else:
        look(result, document, name)


# Without those that want the machine's own, a folder that must be the node's and a daemon.
@pytest.mark.each_version
@pytest.mark.parametrize("name", [name for name in EXPECTED if name not in ("4_volume_host", "10_docker")])
def test_sample_on_kubernetes(kube, name):
    document = read(name)
    result = kube(document, limit=120)
    # A pod's log has both streams in one.
    look(result, document, name, {"build": b"it broke\n"} if name == "3_on_failure" else {})


def test_sample_as_a_person_runs_it(docker, pipeline_runtime):
    """The file by its name, DOCKER_HOST from the environment, plain output."""
    result = pipeline_runtime([SAMPLES / "1_hello_world.json"], env={"DOCKER_HOST": docker.host})
    assert result.code == 0, result
    assert result.text == "greet | hello world\n", result
