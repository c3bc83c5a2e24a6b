# SPDX-License-Identifier: MIT
"""The fixtures: daemons, registries, a peer that misbehaves, and the command under test.

    docker              a real daemon (services.Daemon), each test once on each kind; it must be empty again after
    podman              the same on Podman's socket
    registry            ("127.0.0.1:5000", None, None), registry_auth: ("127.0.0.1:5001", user, password)
    peer                peer(daemon) or peer(): a scripted daemon (peer.Peer) on a socket of its own
    pipeline_runtime    the command: pipeline_runtime("--output json run -", document=..., env=..., cwd=...)
    run                 the command on `docker`: run(document, "--env A=b") with events
    local               the same on the local backend, each test as root, as an ordinary user, and as one without ids to give
    kube                the same on each kind of cluster (kube_runner.KubeRunner), in a namespace that must be empty after
    layout              the test once in each: one pod for a run, and one for each step
    proxy               a peer between `kube` and the API server

The command is $PLR_BUILD/pipeline-runtime. `pytest --daemon docker-20.10` takes one kind of daemon only. Marks:
`daemon("docker-20.10", "podman")` names the kinds of a test that uses `docker` or `run`; `both_ways` makes `run`
reach the daemon by its socket and, in a second round, by TCP, where no file is shared with it; `also_podman` adds
Podman's socket; `parts` is for tests of `kube` that end parts of the cluster, or have its keys or registry: it must be the tests' own;
`not_in_a_pod(why)` is for what is true of all backends but Kubernetes; `each_version` is for what ./check runs on the
older Kubernetes, too, `once` for what it runs on one kind of each backend only (tests/README.md has both rules).
"""
import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from inspect import signature
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from api_peer import ApiPeer  # noqa: E402
from kube import CLUSTERS  # noqa: E402
from kube_runner import KubeRunner  # noqa: E402
from peer import Peer  # noqa: E402
from local_runner import LocalRunner, LocalStore  # noqa: E402
from runner import Runner  # noqa: E402
from services import DAEMONS  # noqa: E402

LEFT_OUT = pytest.StashKey()
TOP = Path(__file__).resolve().parent.parent.parent


KINDS = ["docker-20.10", "moby-today"]
LOCAL = ["local-root", "local-user"]
KUBE = [*CLUSTERS]
ON_REQUEST = ["kube-1.20"]  # only if --daemon names it
SECOND = ["docker-20.10", "local-root", "local-nobody"]  # what is marked `once` has moby-today and local-user
IMAGES = ["alpine:3.6", "alpine:latest", "redis:4-alpine", "postgres:9-alpine",
          *(f"plr-test/{name}:1" for name in ("entrypoint", "cmd", "nothing", "user", "workdir", "env", "stopsignal"))]


def pytest_addoption(parser):
    parser.addoption("--daemon", action="append", choices=[*KINDS, "podman", *LOCAL, "local-nobody", *KUBE, "none"],
                     help="only the tests of this kind of daemon (none: that need no kind), instead of all")
    parser.addoption("--sparing", action="store_true", help="what is marked `once` on one kind of each backend only")


def pytest_configure(config):
    config.addinivalue_line("markers", "daemon(kind...): on these kinds instead of both of Docker's")
    config.addinivalue_line("markers", "also_podman: on Podman's socket, too")
    config.addinivalue_line("markers", "not_in_a_pod(why): a scenario of all backends but Kubernetes")
    config.addinivalue_line("markers", "parts: ends parts of the cluster, or has its keys or registry")
    config.addinivalue_line("markers", "each_version: depends on what changes with the version of Kubernetes")
    config.addinivalue_line("markers", "once: decided by the engine, whatever the version of Docker and whoever runs it")
    config.addinivalue_line("markers", "dns: names in the cluster's DNS, which that of 1.20 does not have")
    config.addinivalue_line("markers", "both_ways: by the daemon's socket, and by TCP, where no file is shared")


def pytest_generate_tests(metafunc):
    if "docker_daemon" in metafunc.fixturenames:
        marks = list(metafunc.definition.iter_markers("daemon"))
        kinds = [*marks[0].args] if marks else [*KINDS]
        if metafunc.definition.get_closest_marker("also_podman"):
            kinds.append("podman")
        # What asks for nothing but `run` is true of each backend.
        wanted = set(signature(metafunc.function).parameters)
        if not marks and "run" in wanted and not {"docker", "bad_registry", "pipeline_runtime"} & wanted:
            kinds += LOCAL + KUBE
        metafunc.parametrize("docker_daemon", kinds, indirect=True, scope="session")
    if "cluster" in metafunc.fixturenames:
        metafunc.parametrize("cluster", KUBE, indirect=True, scope="session")
    if "way" in metafunc.fixturenames and metafunc.definition.get_closest_marker("both_ways"):
        metafunc.parametrize("way", ["socket", "tcp"], indirect=True)


def kind_of(item):
    """The kind of daemon that a test runs on."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    if "docker_daemon" in params:
        return params["docker_daemon"]
    if "cluster" in params:
        return params["cluster"]
    for fixture in ("local", "samples_store"):
        if fixture in params:
            return f"local-{params[fixture]}"
    return "podman" if "podman" in item.fixturenames else "none"


def pytest_collection_modifyitems(config, items):
    # Podman's room has a socket only, the local backend has not even that.
    items[:] = [item for item in items if kind_of(item) in ("none", *KINDS) or
                getattr(item, "callspec", None) is None or item.callspec.params.get("way") != "tcp"]
    items[:] = [item for item in items if kind_of(item) not in KUBE or not item.get_closest_marker("not_in_a_pod")]
    kinds = config.getoption("daemon")
    items[:] = [item for item in items if kind_of(item) not in ON_REQUEST or
                kinds and kind_of(item) in kinds and not item.get_closest_marker("dns")]
    others = [item for item in items if kinds and kind_of(item) not in kinds]
    parts = [item for item in items if kind_of(item) == "kube-own" and item.get_closest_marker("parts")]
    spared = [item for item in items if config.getoption("sparing") and item.get_closest_marker("once") and
              kind_of(item) in SECOND and (not kinds or kind_of(item) in kinds)]
    config.hook.pytest_deselected(items=others + parts + spared)
    items[:] = [item for item in items if item not in set(others + parts + spared)]
    config.stash[LEFT_OUT] = Counter(f"they are for {kind_of(item)}, and --daemon names others" for item in others)
    config.stash[LEFT_OUT]["they meddle with the cluster, and that is the user's (tests/README.md)"] = len(parts)
    config.stash[LEFT_OUT]["they run on another kind of the same backend, and once is enough"] = len(spared)


def pytest_report_collectionfinish(config):
    return [f"{n} tests left out: {why}" for why, n in sorted(config.stash[LEFT_OUT].items()) if n]


@pytest.fixture(scope="session")
def _daemons():
    """Each is started when the first test wants it, and lives until the last test."""
    started = {}
    yield lambda kind: started.setdefault(kind, None) or started.update({kind: DAEMONS[kind]().up()}) or started[kind]
    for daemon in started.values():
        if daemon:
            daemon.down()


@pytest.fixture(scope="session")
def _stores(build):
    """The same of the local backend's."""
    started = {}
    archive = Path(subprocess.check_output([TOP / "tests/services/images", "build"], text=True).strip(), "images.tar")

    def store(kind):
        if kind not in started:
            started[kind] = LocalStore(build, kind.removeprefix("local-"), archive, IMAGES)
        return started[kind]

    yield store
    for one in started.values():
        one.down()


@pytest.fixture(scope="session")
def _clusters():
    """The same of Kubernetes."""
    started = {}

    def cluster(kind):
        if kind not in started:
            started[kind] = CLUSTERS[kind]().up()
        return started[kind]

    yield cluster
    for one in started.values():
        one.down()


@pytest.fixture(scope="session")
def cluster(request, _clusters):
    return _clusters(request.param)


@pytest.fixture
def kube(cluster, build, tmp_path_factory):
    runner = KubeRunner(build, tmp_path_factory.mktemp("home"), cluster.namespace())
    yield runner
    runner.end()


@pytest.fixture(params=["one-pod", "pod-per-step"])
def layout(request, kube):
    """All that `kube` runs is in this layout; its name."""
    kube.flags = ["--kube-layout", request.param]
    return request.param


@pytest.fixture
def proxy(cluster, kube):
    """The API without TLS by way of a peer, which sees the requests and may be told to misbehave; `kube` uses it."""
    with Peer(netns=cluster.netns_pid, upstream=cluster.path) as made:
        kube.own["KUBECONFIG"] = str(kube.namespace.write_kubeconfig("peer", server=f"http://127.0.0.1:{made.port}"))
        yield made


@pytest.fixture
def api_peer(cluster, kube):
    """api_peer("user:password", user={...}): a reverse proxy before the API server, and the environment that leads to
    it by a kubeconfig with that user."""
    with contextlib.ExitStack() as made:
        def make(password=None, user=None):
            peer = made.enter_context(ApiPeer(cluster, kube.namespace.token(), password))
            config = kube.namespace.write_kubeconfig("before", user, server=f"http://127.0.0.1:{peer.port}")
            return {"KUBECONFIG": str(config)}, peer

        yield make


@pytest.fixture(scope="session")
def docker_daemon(request):
    if request.param in KUBE:
        return request.getfixturevalue("_clusters")(request.param)
    if request.param in LOCAL:
        return request.getfixturevalue("_stores")(request.param)
    return request.getfixturevalue("_daemons")(request.param)


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
    if docker_daemon.name in KUBE:
        yield docker_daemon
    elif isinstance(docker_daemon, LocalStore):
        yield docker_daemon
        assert docker_daemon.leftovers() == [], f"left in {docker_daemon.name}"
    else:
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


@pytest.fixture(params=["root", "user", "nobody"])
def local(request, build):
    runner = LocalRunner(build, request.param)
    yield runner
    runner.end()


@pytest.fixture
def way(request, docker):
    """How `run` reaches the daemon: a command to put before, and an environment."""
    return docker.ways[getattr(request, "param", "socket")] if hasattr(docker, "ways") else None


@pytest.fixture
def run(docker, way, build, pipeline_runtime, tmp_path_factory):
    """run(document, "more flags"): on the real daemon, with JSON events; run.start() to meddle while it runs. A test
    that asks for this and for no daemon is a scenario of all backends."""
    if way is None:
        runner = (LocalRunner(build, docker.user, docker.store) if isinstance(docker, LocalStore) else
                  KubeRunner(build, tmp_path_factory.mktemp("home"), docker.namespace()))
        yield runner
        runner.end()
        return
    before, reach = way

    def start(document, flags="", env=None, wrap=(), **kwargs):
        flags = shlex.split(flags) if isinstance(flags, str) else list(flags)
        args = ["--backend", "docker", "--output", "json", "run", *flags, "-"]
        return pipeline_runtime.start(args, document, env={**reach, **(env or {})}, wrap=[*before, *wrap],
                                      **kwargs)

    def call(*args, **kwargs):
        return start(*args, **kwargs).finish()

    def command():
        """The command line and the environment, for who starts it in a way of their own."""
        args = [*before, pipeline_runtime.program, "--backend", "docker", "--output", "json", "run", "-"]
        return args, pipeline_runtime.environment(reach)

    call.start = start
    call.command = command
    yield call


@pytest.fixture
def host_folder():
    """A folder of this machine that ordinary users can reach and write to, unlike tmp_path."""
    path = Path(tempfile.mkdtemp(prefix="plr-host-"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def image_program(build):
    return build / "libexec" / "plr-image"


@pytest.fixture
def image_folder():
    """A folder that ordinary users can reach."""
    path = Path(tempfile.mkdtemp(prefix="plr-image-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)
