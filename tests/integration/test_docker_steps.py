# SPDX-License-Identifier: MIT
"""What steps get on a real daemon: commands, files, volumes, networks, images, and what is refused."""
import json
import os
import subprocess

import pytest

from docker_steps import document, end, output, step, warnings
from peer import Peer, reply


def temp(name, **fields):
    return {"metadata": {"name": name}, "temp": fields}


def host(name, path):
    return {"metadata": {"name": name}, "host": {"path": str(path)}}


def refusals(result):
    assert result.code == 2, result
    return result.stderr


@pytest.mark.also_podman
@pytest.mark.both_ways
def test_command_and_arguments_come_from_the_image(run):
    doc = document({"metadata": {"name": "both"}, "docker": {"image": "plr-test/entrypoint:1"}},
                   {"metadata": {"name": "args"}, "docker": {"image": "plr-test/entrypoint:1", "args": ["mine"]}})
    result = run(doc)
    assert result.code == 0, result
    assert "mine" in output(result, "args") and "mine" not in output(result, "both")


@pytest.mark.also_podman
@pytest.mark.both_ways
def test_a_command_that_is_not_there_or_cannot_run(run):
    result = run(document(step("none", command=["nope"], ignore_err=True),
                          step("dir", command=["/etc"], ignore_err=True)))
    assert result.code == 0
    assert (end(result, "none")["exit_code"], end(result, "dir")["exit_code"]) == (127, 126)
    assert end(result, "none")["message"] == 'exec: "nope": executable file not found in $PATH'


@pytest.mark.also_podman
@pytest.mark.both_ways
def test_files_have_their_bytes_modes_and_owners(run):
    doc = document(step("a", "stat -c '%a %u' /made/here/x /plain; od -An -tx1 /made/here/x | tr -d ' '",
                        docker={"user": "1000"},
                        files=[{"name": "x", "path": "/made/here/x", "mode": 0o750},
                               {"name": "x", "path": "/plain"}]),
                   files=[{"metadata": {"name": "x"}, "data": "AAH/Cg=="}])
    result = run(doc)
    assert (result.code, output(result, "a")) == (0, "750 1000\n644 1000\n0001ff0a\n")


@pytest.mark.once
@pytest.mark.not_in_a_pod("in words of its own")
def test_13_a_file_onto_memory_is_refused(run):
    doc = document(step("a", files=[{"name": "x", "path": "/m/sub/f"}, {"name": "x", "path": "/proc/x"}],
                        volumes=[{"name": "m", "path": "/m"}]),
                   files=[{"metadata": {"name": "x"}, "data": ""}], volumes=[temp("m", medium="memory")])
    text = refusals(run(doc))
    assert "/m/sub/f" in text and "memory volume" in text and "/proc" in text


@pytest.mark.also_podman
@pytest.mark.both_ways
def test_memory_volumes_are_shared_and_end_with_the_run(docker, run):
    doc = document(step("w", "echo kept >/m/f; grep ' /m ' /proc/mounts | cut -d' ' -f3", volumes=[{"name": "m", "path": "/m"}]),
                   step("r", "cat /m/f", volumes=[{"name": "m", "path": "/m"}]),
                   volumes=[temp("m", medium="memory", size_limit=1048576)])
    for mode in ("shared", "isolated"):
        result = run(doc, f"--network {mode}")
        assert (result.code, output(result, "w"), output(result, "r")) == (0, "tmpfs\n", "kept\n"), result


@pytest.mark.not_in_a_pod("the folder is on the node")
def test_a_missing_host_folder_is_made_and_said(run, host_folder):
    there = host_folder / "made"
    doc = document(step("a", "echo hi >/h/f", volumes=[{"name": "h", "path": "/h"}]), volumes=[host("h", there)])
    result = run(doc)
    assert (result.code, (there / "f").read_text()) == (0, "hi\n")
    assert any(str(there) in text and "did not exist" in text for text in warnings(result))
    assert warnings(run(doc)) == []
    subprocess.run(["rm", "-r", str(there)], check=True)


@pytest.mark.not_in_a_pod("devices want a plugin of the node")
def test_dev_shm_is_a_folder_and_devices_are_devices(run):
    doc = document(step("a", "test -d /s && test -c /dev/mine && head -c 3 /dev/mine | od -An -tx1 | tr -d ' '; "
                             "df /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2",
                        volumes=[{"name": "shm", "path": "/s"}], devices=[{"name": "zero", "path": "/dev/mine"}],
                        docker={"shm_size": 1048576}),
                   volumes=[host("shm", "/dev/shm"), host("zero", "/dev/zero")])
    result = run(doc)
    assert (result.code, output(result, "a")) == (0, "000000\n1024\n")


@pytest.mark.parametrize("mode", ["shared", "isolated"])
def test_names_and_aliases_resolve(run, mode):
    doc = {"services": [{"metadata": {"name": "redis"}, "aliases": ["cache"], "ready": {"tcp": 6379},
                         "docker": {"image": "redis:4-alpine"}}],
           "steps": [{"metadata": {"name": "ask"}, "docker": {"image": "redis:4-alpine", "command": ["/bin/sh", "-c"],
                      "args": ["redis-cli -h redis ping; redis-cli -h cache ping; echo $DOCKER_NETWORK_ID"]}}]}
    result = run(doc, f"--network {mode}")
    assert result.code == 0, result
    lines = output(result, "ask").splitlines()
    assert lines[:2] == ["PONG", "PONG"]
    # Only Docker's networks have an id.
    if result.events[0]["backend"] == "docker":
        assert lines[2].startswith("container:") == (mode == "shared") and len(lines[2]) > 60
    else:
        assert lines[2] == ""


@pytest.mark.once
@pytest.mark.each_version
@pytest.mark.also_podman
@pytest.mark.both_ways
@pytest.mark.parametrize("ready, good", [
    ({"exec": ["redis-cli", "ping"]}, True), ({"log": "Ready to accept"}, True), ({"tcp": 6379, "log": "Ready"}, True),
    ({"tcp": 1, "timeout": "2s"}, False), ({"exec": ["/bin/false"], "timeout": "2s"}, False),
    ({"http": ":6379/", "timeout": "2s"}, False)])
def test_readiness(run, ready, good):
    doc = {"services": [{"metadata": {"name": "redis"}, "ready": ready, "docker": {"image": "redis:4-alpine"}}],
           "steps": [step("after")]}
    result = run(doc)
    assert result.code == (0 if good else 1), result
    assert end(result, "redis")["reason"] == ("stopped" if good else "not-ready")


def test_published_ports_and_other_networks(docker, run):
    other = docker.post("/networks/create", {"Name": "other-net", "Labels": {}})["Id"]
    try:
        doc = document(step("a", "ls /sys/class/net | grep -c eth; echo up; sleep 60",
                            docker={"ports": [{"port": 80, "host": 18081}], "networks": ["other-net"]}))
        running = run.start(doc, "--network isolated")
        running.line("up\\n")
        [found] = [c for c in docker.get("/containers/json") if "io.pipeline-runtime.step" in c["Labels"]]
        assert {p.get("PublicPort") for p in found["Ports"]} == {18081}
        running.signal()
        result = running.finish()
        assert output(result, "a").startswith("2\n")
        result = run(document(step("a", docker={"networks": ["no-such-net"]})), "--network isolated")
        assert (result.code, end(result, "a")["reason"]) == (2, "configuration") or end(result, "a")["reason"] == "configuration"
        assert "no-such-net" in end(result, "a")["message"]
    finally:
        docker.delete(f"/networks/{other}")


@pytest.mark.parametrize("mode", ["host", pytest.param("none", marks=pytest.mark.not_in_a_pod("all share the network of the pod"))])
def test_host_and_none(run, mode):
    result = run(document(step("a", "ls /sys/class/net | wc -l"), step("b", "ip link | grep -c lo")), f"--network {mode}")
    assert result.code == 0, result
    assert (int(output(result, "a")) == 1) == (mode == "none")


@pytest.mark.once
@pytest.mark.daemon("docker-20.10", "moby-today")  # elsewhere a step's names and its name server are its own
def test_what_the_shared_network_cannot_do_is_refused(run):
    doc = document(step("a", docker={"dns": ["9.9.9.9"], "extra_hosts": ["x:1.2.3.4"], "networks": ["n"]}),
                   step("b", docker={"ports": [{"port": 1, "host": 99}, {"port": 2, "host": 99}]}))
    text = refusals(run(doc, "--network shared"))
    assert "name server" in text and "hosts of its own" in text and "other networks" in text
    assert "port 99 of the host is published twice" in text


@pytest.mark.once
def test_all_that_is_wrong_is_said_at_once(docker, run):
    doc = document(step("a", image="UPPER:case", resources={"limits": {"memory": 1000}},
                        volumes=[{"name": "colon", "path": "/t"}]), volumes=[host("colon", "/a:b")])
    text = refusals(run(doc))
    assert "UPPER" in text and "6 MiB" in text and "colon in it" in text
    assert docker.leftovers() == []


@pytest.mark.not_in_a_pod("in the words of the kubelet")
def test_never_pulled_and_absent(run):
    result = run(document(step("a", image="plr-test/absent:1", docker={"pull_policy": "never"})))
    assert (end(result, "a")["reason"], result.code) == ("image", 1)
    assert "pull_policy is never" in end(result, "a")["message"]


def test_pulled_if_absent_with_progress(docker, registry, run):
    image = f"{registry[0]}/alpine:3.6"
    result = run(document(step("a", "echo here", image=image)))
    assert (result.code, output(result, "a")) == (0, "here\n")
    pulls = [e for e in result.events if e["event"] == "pull"]
    assert pulls and all(image in e["image"] for e in pulls)
    assert [e for e in run(document(step("a", image=image))).events if e["event"] == "pull"] == []


def test_latest_goes_on_with_what_is_there_if_the_registry_is_gone(docker, run):
    docker.cli("tag", "alpine:3.6", "127.0.0.1:1/alpine:latest")
    try:
        result = run(document(step("a", "echo old", image="127.0.0.1:1/alpine")))
        assert (result.code, output(result, "a")) == (0, "old\n")
        assert any("going on with the image that is there" in text for text in warnings(result))
        result = run(document(step("a", image="127.0.0.1:1/alpine", docker={"pull_policy": "always"})))
        assert (end(result, "a")["reason"], result.code) == ("infrastructure", 3)
    finally:
        docker.cli("rmi", "127.0.0.1:1/alpine:latest")


@pytest.mark.also_podman
@pytest.mark.both_ways
def test_a_user_a_folder_and_an_environment(run):
    doc = document(step("a", "id -u; pwd; echo $A; env | grep -c '^A='", docker={"user": "1000"}, working_dir="/new/one",
                        environment={"A": "own"}))
    result = run(doc, "--env A=host")
    assert (result.code, output(result, "a")) == (0, "1000\n/new/one\nown\n1\n")


@pytest.mark.once
@pytest.mark.also_podman
@pytest.mark.both_ways
def test_hooks_get_late_environment(run):
    doc = {"steps": [step("a", "exit 3")], "hooks": {"always": [step("h", "echo $PIPELINE_RESULT $PIPELINE_FAILED_STEPS")]}}
    result = run(doc)
    assert (result.code, output(result, "h")) == (1, "failed a\n")


def test_held_by_signals_where_no_file_is_shared(docker, pipeline_runtime):
    """Over TCP: the next step waits in its container, is asked and told by signals, and its init's answers are no
    output, wherever they come in the stream; a step that imitates them writes just that."""
    forged = "\x1eplr 0123456789abcdef0123456789abcdef exited 0 0 0 0 0 0 0\n"
    with Peer(upstream=docker.socket) as there:
        args = f"--backend docker --docker-host tcp://127.0.0.1:{there.port} --output json run -"
        doc = {"services": [{"metadata": {"name": "redis"}, "ready": {"tcp": 6379}, "docker": {"image": "redis:4-alpine"}}],
               "steps": [step("a", "printf 'no newline'; until [ -e /tmp/end ]; do sleep 0.1; done; exit 3"),
                         step("b", f"printf '\\036{forged[1:-1]}\\n'; echo two", run_policy="always")],
               "hooks": {"always": [step("h", "echo $PIPELINE_RESULT $PIPELINE_FAILED_STEPS")]}}
        running = pipeline_runtime.start(args, doc)
        running.event(event="step", step="b", to="prepared")
        [container] = docker.containers("io.pipeline-runtime.step=a")
        docker.cli("exec", container["Id"], "touch", "/tmp/end")
        result = running.finish()
    assert (result.code, end(result, "a")["exit_code"], output(result, "a")) == (1, 3, "no newline"), result
    assert (output(result, "b"), output(result, "h")) == (forged + "two\n", "failed a\n"), result
    assert end(result, "redis")["reason"] == "stopped" and not any(e.get("gap") for e in result.events)
    told = there.seen("POST", r"/containers/[^/]+/kill\?signal=12")
    assert len(told) == len({request.path for request in told}) == 4, "each is told once"
    assert len(there.seen("POST", r"/containers/[^/]+/kill\?signal=10")) >= 4


def test_an_init_that_does_not_answer_is_done_without(docker, pipeline_runtime):
    with Peer(upstream=docker.socket) as there:
        there.play("POST", r"/containers/[^/]+/kill\?signal=10", reply("409 Conflict", b'{"message":"no such luck"}'))
        args = f"--backend docker --docker-host tcp://127.0.0.1:{there.port} --output json run -"
        result = pipeline_runtime(args, document(step("a", "echo one"), step("b", "echo two; exit 4")))
    assert (output(result, "a"), output(result, "b"), end(result, "b")["exit_code"]) == ("one\n", "two\n", 4), result
    assert any("plr-init cannot be used" in text and "no such luck" in text for text in warnings(result))


def test_where_files_seem_shared_and_are_not(docker, pipeline_runtime):
    """A socket of another machine, forwarded: the daemon does not see our folder."""
    command = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o mode=755 none /mnt && exec "$@"', "sh",
               pipeline_runtime.program, "--backend", "docker", "--docker-host", docker.host, "--docker-folder", "/mnt",
               "--output", "json", "run", "-"]
    doc = document(step("a", "echo one"), step("b", "echo two"))
    done = subprocess.run(command, input=json.dumps(doc).encode(), capture_output=True, timeout=60,
                          env=pipeline_runtime.environment(), cwd="/")
    assert done.returncode == 0, done
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["text"] for e in events if e["event"] == "output"] == ["one\n", "two\n"]
    assert any("no file can be shared" in e.get("message", "") for e in events)
    assert not any("plr-init cannot be used" in e.get("message", "") for e in events), "they are held by signals"


@pytest.mark.once
def test_dry_run_shows_the_requests_and_no_secret(docker, run, tmp_path):
    doc = document(step("a", secrets=[{"name": "s", "env": "S"}]),
                   secrets=[{"metadata": {"name": "s"}, "data": "top-secret-word"}])
    result = run(doc, "--dry-run --network isolated")
    assert result.code == 0, result
    text = result.text + result.stderr
    assert "alpine:3.6" in text and "isolated" in text and "top-secret-word" not in text
    assert docker.leftovers() == []


@pytest.mark.also_podman
@pytest.mark.both_ways
def test_binary_output_is_exact(run):
    result = run(document(step("a", "head -c 300000 /dev/zero | tr '\\0' '\\377'; printf '\\0\\n'")))
    pieces = [e for e in result.events if e["event"] == "output"]
    import base64
    data = b"".join(base64.b64decode(e["base64"]) if "base64" in e else e["text"].encode() for e in pieces)
    assert data == b"\xff" * 300000 + b"\0\n"


@pytest.mark.once
@pytest.mark.not_in_a_pod("all share the network of the pod")
@pytest.mark.both_ways
def test_thirty_steps_at_once(run):
    doc = document(*[step(f"s{i}", f"echo {i}", depends_on=["first"]) for i in range(30)], step("first"))
    result = run(doc, "--network none", limit=120)
    assert result.code == 0, result
    assert all(output(result, f"s{i}") == f"{i}\n" for i in range(30))


@pytest.mark.also_podman
def test_sweep_removes_what_a_killed_engine_left(docker, run, pipeline_runtime):
    running = run.start(document(step("a", 'trap "" TERM; echo up; sleep 60'), volumes=[temp("t")]), "--network isolated")
    running.line("up\\n")
    running.kill()
    running.finish(check=False)
    folders = [f for f in os.listdir(pipeline_runtime.temporary) if f"-{running.pid}-" in f]
    left = docker.leftovers()
    assert left and len(folders) == 1
    sweep = f"--backend docker --docker-host {docker.host} sweep"
    dry = pipeline_runtime(f"{sweep} --dry-run")
    assert dry.code == 0 and len(docker.leftovers()) == len(left), dry
    assert "container" in dry.text and "network" in dry.text and "volume" in dry.text
    assert pipeline_runtime(f"{sweep} --older-than 1h").code == 0
    assert len(docker.leftovers()) == len(left)
    done = pipeline_runtime(sweep)
    assert done.code == 0, done
    assert docker.leftovers() == []
    assert os.listdir(pipeline_runtime.temporary) == []


@pytest.mark.once
@pytest.mark.also_podman
def test_a_sweep_spares_the_living(docker, run, pipeline_runtime):
    running = run.start(document(step("a", "echo up; sleep 2; echo still here")))
    running.line("up\\n")
    assert pipeline_runtime(f"--backend docker --docker-host {docker.host} sweep").code == 0
    result = running.finish()
    assert (result.code, output(result, "a")) == (0, "up\nstill here\n")
