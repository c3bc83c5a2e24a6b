# SPDX-License-Identifier: MIT
"""The fixtures: daemons, registries, a peer that misbehaves, and the command under test.

    docker              a real daemon (services.Daemon), each test once on each kind; it must be empty again after
    podman              the same on Podman's socket
    registry            ("127.0.0.1:5000", None, None), registry_auth: ("127.0.0.1:5001", user, password)
    peer                peer(daemon) or peer(): a scripted daemon (peer.Peer) on a socket of its own
    pipeline_runtime    the command: pipeline_runtime("--output json run -", document=..., env=..., cwd=...)
    run                 the command on `docker`: run(document, "--env A=b") with events
    local               the same on the local backend, each test as root and as an ordinary user

The command is $PLR_BUILD/pipeline-runtime. `pytest --daemon docker-20.10` takes one kind of daemon only.
"""
import os
import shlex
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from peer import Peer  # noqa: E402
from local_runner import LocalRunner  # noqa: E402
from runner import Runner  # noqa: E402
from services import DAEMONS  # noqa: E402

TOP = Path(__file__).resolve().parent.parent.parent


def pytest_addoption(parser):
    parser.addoption("--daemon", action="append", choices=["docker-20.10", "moby-today"],
                     help="this kind of daemon only, instead of all")


def pytest_generate_tests(metafunc):
    if "docker_daemon" in metafunc.fixturenames:
        kinds = metafunc.config.getoption("daemon") or ["docker-20.10", "moby-today"]
        for mark in metafunc.definition.iter_markers("daemon"):
            kinds = [kind for kind in kinds if kind in mark.args]
        metafunc.parametrize("docker_daemon", kinds, indirect=True, scope="session")


def pytest_configure(config):
    config.addinivalue_line("markers", "daemon(kind...): only on these kinds, because the others differ there")


@pytest.fixture(scope="session")
def _daemons():
    """Each is started when the first test wants it, and lives until the last test."""
    started = {}
    yield lambda kind: started.setdefault(kind, None) or started.update({kind: DAEMONS[kind]().up()}) or started[kind]
    for daemon in started.values():
        if daemon:
            daemon.down()


@pytest.fixture(scope="session")
def docker_daemon(request, _daemons):
    return _daemons(request.param)


def _left_as_found(daemon):
    images = daemon.images()
    yield daemon
    if not daemon.answers():
        daemon.start()
    left = daemon.leftovers()
    daemon.clear()
    for image in set(daemon.images()) - set(images):
        daemon.delete(f"/images/{image}", force="1")
    assert left == [], f"left in {daemon.name}"


@pytest.fixture
def docker(docker_daemon):
    """Fails a test that leaves a container, network or volume; images that it pulled are removed."""
    yield from _left_as_found(docker_daemon)


@pytest.fixture
def podman(_daemons):
    yield from _left_as_found(_daemons("podman"))


@pytest.fixture
def registry():
    return "127.0.0.1:5000", None, None


@pytest.fixture
def registry_auth():
    return "127.0.0.1:5001", "tester", "s3cret-word"


@pytest.fixture
def peer(tmp_path):
    """peer(): a script only. peer(daemon): passes on to the daemon what the script does not answer."""
    peers = []

    def make(upstream=None):
        made = Peer(unix=tmp_path / f"peer{len(peers)}.sock", upstream=upstream and upstream.socket)
        made.host = f"unix://{tmp_path}/peer{len(peers)}.sock"
        peers.append(made)
        return made

    yield make
    for made in peers:
        made.close()


@pytest.fixture
def bad_registry(docker):
    """A registry on a port of the daemon's loopback that passes on to the real one what is not in its script."""
    with Peer(netns=docker.netns_pid, upstream=5000) as made:
        yield made


@pytest.fixture(scope="session")
def build():
    build = Path(os.environ.get("PLR_BUILD", TOP / "build" / "sanitized"))
    if not (build / "pipeline-runtime").exists():
        pytest.fail(f"no pipeline-runtime in {build}: build it, and name the folder in PLR_BUILD")
    return build


@pytest.fixture
def pipeline_runtime(build, tmp_path_factory):
    runner = Runner(build, tmp_path_factory.mktemp("home"))
    yield runner
    runner.end()


@pytest.fixture(params=["root", "user"])
def local(request, build):
    runner = LocalRunner(build, request.param)
    yield runner
    runner.end()


@pytest.fixture
def run(docker, pipeline_runtime):
    """run(document, "more flags"): on the real daemon, with JSON events; run.start() to meddle while it runs."""

    def arguments(flags):
        flags = shlex.split(flags) if isinstance(flags, str) else list(flags)
        return ["--backend", "docker", "--docker-host", docker.host, "--output", "json", "run", *flags, "-"]

    def call(document, flags="", **kwargs):
        return pipeline_runtime(arguments(flags), document, **kwargs)

    call.start = lambda document, flags="", **kwargs: pipeline_runtime.start(arguments(flags), document, **kwargs)
    return call
