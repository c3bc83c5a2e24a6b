# SPDX-License-Identifier: MIT
"""The services are what their README says, and leave nothing: other tests lean on them."""
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from cgroups import cgroups_named
from rest import RestError
from services import SERVICES, Daemon

NAMES = ["alpine:3.6", "alpine:latest", "docker:18", "postgres:9-alpine", "redis:4-alpine"]


def output(docker, *args):
    return docker.cli("run", "--rm", *args).strip()


def wait_for(what, seconds=60):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def test_versions(docker):
    version = docker.get("/version")["ApiVersion"]
    assert version == {"docker-20.10": "1.41", "moby-today": "1.56"}[docker.name]


def test_images_as_users_have_them(docker):
    assert [name for name in docker.images() if not name.startswith("plr-test/")] == NAMES
    assert output(docker, "alpine:3.6", "sh", "-c", "echo $PATH; stat -c %a /tmp; id -un") == (
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n1777\nroot")
    assert output(docker, "plr-test/entrypoint:1") == "entrypoint cmd"
    assert output(docker, "plr-test/cmd:1") == "cmd"
    assert output(docker, "plr-test/user:1", "id", "-u") == "1000"
    assert output(docker, "plr-test/workdir:1", "pwd") == "/srv/work"
    assert output(docker, "plr-test/volume:1", "cat", "/seed/file") == "from-the-image"
    assert output(docker, "-v", f"{docker.socket}:/var/run/docker.sock", "docker:18", "version", "-f",
                  "{{.Server.APIVersion}}") == docker.get("/version")["ApiVersion"]
    with pytest.raises(RuntimeError, match="(?i)no command specified"):
        docker.cli("run", "--rm", "plr-test/nothing:1")


def test_image_with_a_stop_signal(docker):
    name = docker.cli("run", "-d", "plr-test/stopsignal:1").strip()
    wait_for(lambda: docker.cli("logs", name) == "waiting\n")
    docker.cli("stop", name)
    assert docker.inspect(name)["State"]["ExitCode"] == 7
    docker.cli("rm", "-v", name)


def test_databases_answer_on_published_ports(docker):
    redis = docker.cli("run", "-d", "-p", "6379:6379", "redis:4-alpine").strip()
    postgres = docker.cli("run", "-d", "-p", "5432:5432", "-e", "POSTGRES_USER=u", "-e", "POSTGRES_PASSWORD=p",
                          "-e", "POSTGRES_DB=d", "postgres:9-alpine").strip()

    def answers(*command):
        try:
            return docker.net(*command).strip()
        except RuntimeError:
            return None

    wait_for(lambda: answers("redis-cli", "ping") == "PONG")
    wait_for(lambda: answers("psql", "postgres://u:p@127.0.0.1/d", "-tc", "select 41+1") == "42")
    assert answers("psql", "postgres://u:wrong@127.0.0.1/d", "-c", "select 1") is None
    docker.cli("rm", "-fv", redis, postgres)


def test_registries(docker, registry, registry_auth):
    docker.cli("pull", f"{registry[0]}/alpine:3.6")
    address, user, password = registry_auth
    with pytest.raises(RuntimeError, match="no basic auth credentials"):
        docker.cli("pull", f"{address}/alpine:3.6")
    config = docker.state / "client"
    docker.cli("--config", config, "login", "-u", user, "-p", password, address)
    docker.cli("--config", config, "pull", f"{address}/alpine:3.6")


def test_daemon_is_killed_and_comes_back(docker):
    name = docker.cli("run", "-d", "alpine:3.6", "sh", "-c", "sleep 1; exit 5").strip()
    before = docker.pid
    docker.kill()
    assert not docker.answers() and not Path(f"/proc/{before}").exists()
    docker.start()
    assert docker.answers() and docker.pid != before
    wait_for(lambda: not docker.inspect(name)["State"]["Running"])
    assert docker.inspect(name)["State"]["ExitCode"] == 5
    docker.restart()
    docker.cli("rm", name)


def test_leftovers_are_seen_and_cleared(docker):
    docker.cli("create", "--label", "who=me", "alpine:3.6", "true")
    docker.cli("network", "create", "--label", "who=me", "net")
    docker.cli("volume", "create", "vol")
    assert [line.split()[0] for line in docker.leftovers()] == ["container", "network", "volume"]
    assert [line.split()[0] for line in docker.leftovers("who=me")] == ["container", "network"]
    docker.clear()
    assert docker.leftovers() == []


def test_podman_answers(podman):
    assert output(podman, "alpine:3.6", "echo", "hello") == "hello"
    with pytest.raises(RestError) as error:
        podman.inspect("nobody")
    assert error.value.status == 404


@pytest.fixture
def doomed(tmp_path):
    """A daemon of a process that dies."""
    owner = subprocess.Popen(["sleep", "1000"])
    daemon = Daemon("doomed", "docker")
    daemon._run(daemon.script, "bare", "--owner", str(owner.pid))
    yield daemon, owner
    owner.kill()
    owner.wait()
    daemon.down()


def test_nothing_outlives_the_owner(doomed):
    daemon, owner = doomed
    mounts = Path("/proc/self/mounts").read_text()
    first, dockerd = daemon.netns_pid, daemon.pid
    cgroup = daemon._run(SERVICES / "room", "cgroup", str(daemon.state)).strip()
    assert Path(f"/proc/{first}").exists() and Path(f"/proc/{dockerd}").exists()
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    wait_for(lambda: not daemon.state.exists())
    assert not Path(f"/proc/{first}").exists() and not Path(f"/proc/{dockerd}").exists()
    assert Path("/proc/self/mounts").read_text() == mounts
    assert cgroups_named(Path(cgroup).name) == []


def test_a_folder_that_is_no_room_is_left_alone(tmp_path):
    (tmp_path / "precious").touch()
    for verb in ("up", "down"):
        done = subprocess.run([SERVICES / "room", verb, tmp_path], capture_output=True, text=True)
        assert done.returncode and "left alone" in done.stderr
    assert (tmp_path / "precious").exists()


def test_a_container_in_the_hosts_pid_namespace_sees_the_room_only(docker):
    assert output(docker, "--pid", "host", "alpine:3.6", "cat", "/proc/1/comm") == "docker-init"
    assert str(os.getpid()) not in output(docker, "--pid", "host", "alpine:3.6", "ls", "/proc").split()
