# SPDX-License-Identifier: MIT
"""The fields of a document as a container sees them, on real daemons."""
import base64
import json
import os
import re
import signal
import tempfile

import pytest

from docker_steps import IMAGE, document, end, output, step, warnings
from peer import HTTP_500

WAIT = "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done"
NAMESPACE = "readlink /proc/self/ns/net"


def passed(result, **outputs):
    """The run passed and its steps wrote this."""
    assert result.code == 0, result
    for name, text in outputs.items():
        assert output(result, name) == text, result
    return result


def temp(name, **fields):
    return {"metadata": {"name": name}, "temp": fields}


def host(name, path):
    return {"metadata": {"name": name}, "host": {"path": str(path)}}


def at(path, name="v"):
    """A step's list of volumes."""
    return [{"name": name, "path": path}]


@pytest.mark.not_in_a_pod("modes are 0777 at most")
def test_files_are_byte_exact_with_mode_and_owner(run):
    data = bytes(range(256)) * 300
    files = [{"metadata": {"name": "blob"}, "data": base64.b64encode(data).decode()},
             {"metadata": {"name": "empty"}, "data": ""}]
    doc = document(
        step("bytes", "cat /etc/new/blob", files=[{"name": "blob", "path": "/etc/new/blob"}]),
        step("kept", "stat -c '%a %u:%g %s' /etc/blob /etc/empty; head -c 5 /etc/passwd",
             files=[{"name": "blob", "path": "/etc/blob", "mode": 0o4751}, {"name": "empty", "path": "/etc/empty"}]),
        step("owned", "stat -c %u:%g /tmp/blob", docker={"user": "1234:567"},
             files=[{"name": "blob", "path": "/tmp/blob"}]),
        step("named", "stat -c %u:%g /tmp/blob", docker={"user": "nobody"},
             files=[{"name": "blob", "path": "/tmp/blob"}]),
        files=files)
    result = passed(run(doc), kept=f"4751 0:0 {len(data)}\n644 0:0 0\nroot:", owned="1234:567\n", named="0:0\n")
    assert result.output("bytes", "stdout") == data


@pytest.mark.once
def test_a_file_under_a_memory_volume_is_refused(docker, run):
    doc = document(step("a", volumes=at("/mem"), files=[{"name": "f", "path": "/mem/below/f"}]),
                   volumes=[temp("v", medium="memory")], files=[{"metadata": {"name": "f"}, "data": "eA=="}])
    result = run(doc)
    assert result.code == 2 and "/mem/below/f" in result.stderr and "hides it" in result.stderr, result
    assert docker.leftovers() == []


def test_a_file_in_a_temp_volume_is_there(run):
    doc = document(step("a", "cat /disk/f", volumes=at("/disk"), files=[{"name": "f", "path": "/disk/f"}]),
                   volumes=[temp("v")], files=[{"metadata": {"name": "f"}, "data": "eA=="}])
    passed(run(doc), a="x")


@pytest.mark.not_in_a_pod("the folder is on the node")
def test_a_missing_host_folder_is_made_and_said(host_folder, run):
    path = host_folder / "not" / "there"
    result = passed(run(document(step("a", "echo x >/h/f", volumes=at("/h")), volumes=[host("v", path)])))
    assert (path / "f").read_text() == "x\n"
    assert [text for text in warnings(result) if str(path) in text and "did not exist" in text], result
    again = passed(run(document(step("a", volumes=at("/h")), volumes=[host("v", path)])))
    assert warnings(again) == [], again


def test_a_folder_below_dev_is_no_device(run):
    passed(run(document(step("a", "echo x >/shm/plr-test-fields", volumes=at("/shm")),
                        step("b", "cat /shm/plr-test-fields; rm /shm/plr-test-fields", volumes=at("/shm")),
                        volumes=[host("v", "/dev/shm")])), b="x\n")


@pytest.mark.once
def test_environment(run):
    passed(run(document(step("a", 'printf "<%s>" "$TEXT" "$EMPTY"; [ "${EMPTY+set}" ] && echo set',
                             environment={"TEXT": "one\n two=2 \"'\n", "EMPTY": ""}))),
           a="<one\n two=2 \"'\n><>set\n")


@pytest.mark.once
def test_environment_of_the_host_and_secrets(run):
    script = 'echo "$A $B"; [ "$C" = "the-se""cret" ] && echo secret'
    doc = document(step("a", script, environment={"A": "document", "C": "document"},
                        secrets=[{"name": "token", "env": "C"}]),
                   secrets=[{"metadata": {"name": "token"}, "data": "the-secret"}])
    passed(run(doc, "--env A=host --env B=host --env C=host"), a="document host\nsecret\n")


@pytest.mark.not_in_a_pod("users are numbers")
def test_user_and_working_dir(run):
    passed(run(document(step("number", "echo $(id -u):$(id -g)", docker={"user": "1234:567"}),
                        step("name", "id -un", docker={"user": "nobody"}),
                        step("image", "id -u", image="plr-test/user:1"),
                        step("here", "pwd", image="plr-test/workdir:1"),
                        step("made", "pwd; stat -c %a .", working_dir="/was/not/there"))),
           number="1234:567\n", name="nobody\n", image="1000\n", here="/srv/work\n", made="/was/not/there\n755\n")


def test_shm_size(run):
    passed(run(document(step("a", "df -k /dev/shm | awk 'NR == 2 { print $2 }'", docker={"shm_size": 8 << 20}))),
           a="8192\n")


def test_memory_volume_is_shared_and_temp_volume_starts_empty(run):
    doc = document(step("a", "ls /m /t; echo x | tee /m/f /t/f; grep ' /m ' /proc/mounts | cut -d ' ' -f 3",
                        volumes=at("/m", "m") + at("/t", "t")),
                   step("b", "cat /other/f /t/f; grep -c ' /other ' /proc/mounts",
                        volumes=at("/other", "m") + at("/t", "t")),
                   volumes=[temp("m", medium="memory"), temp("t")])
    # Twice: nothing of the first is seen by the second. What is left in the daemon, the fixture tells.
    for _ in range(2):
        passed(run(doc), a="/m:\n\n/t:\nx\ntmpfs\n", b="x\nx\n1\n")


def test_limits_are_the_containers(docker, run):
    limits = {"cpu": 500, "memory": 64 << 20, "pids": 50}
    running = run.start(document(step("a", WAIT, resources={"limits": limits,
                                                            "requests": {"cpu": 250, "memory": 32 << 20}})))
    running.line('"text":"up')
    [container] = docker.containers("io.pipeline-runtime.step=a")
    config = docker.inspect(container["Id"])["HostConfig"]
    running.signal(signal.SIGINT)
    assert running.finish().code == 130
    wanted = {"NanoCpus": 500_000_000, "Memory": 64 << 20, "MemorySwap": 64 << 20, "PidsLimit": 50,
              "CpuShares": 256, "MemoryReservation": 32 << 20}
    assert {name: config[name] for name in wanted} == wanted


@pytest.mark.parametrize("command, code, words", [
    (["/no/such/program"], 127, "no such file"), (["no-such-program"], 127, "not found"),
    (["/etc/passwd"], 126, "permission denied")])
def test_a_command_that_cannot_be_run(run, command, code, words):
    result = run(document(step("a", command=command)))
    ended = end(result, "a")
    assert (result.code, ended["reason"], ended["exit_code"]) == (1, "exit", code), result
    assert command[0] in ended["message"] and words in ended["message"], result


# Redis stands for any server that others find by name.
def server(**fields):
    return {"metadata": {"name": "server"}, "docker": {"image": "redis:4-alpine"}, "ready": {"tcp": 6379}, **fields}


def ping(name):
    return step("ping", f"redis-cli -h {name} ping", image="redis:4-alpine")


@pytest.mark.once
@pytest.mark.parametrize("mode", ["shared", "isolated"])
@pytest.mark.parametrize("name", ["server", "cache.example"])
def test_names_and_aliases_resolve(run, mode, name):
    passed(run(document(ping(name), services=[server(aliases=["cache.example"])]), f"--network {mode}"), ping="PONG\n")


@pytest.mark.parametrize("mode", ["shared", "isolated"])
def test_services_find_each_other(run, mode):
    """Whichever of them was there first."""
    def service(name, port, other, others_port):
        return step(name, f"trap exit TERM; nc -ll -p {port} -e echo {name} & until heard=$(nc -w 2 {other} {others_port} </dev/null); do "
                          f"sleep 0.1; done; nc -ll -p 1{port} -e echo {name} hears $heard & wait")
    asks = "; ".join(f"until nc -w 2 {name} {port} </dev/null 2>&-; do sleep 0.1; done" for name, port in (("app", 191), ("db", 192)))
    passed(run(document(step("ask", asks), services=[service("app", 91, "db", 92), service("db", 92, "app", 91)]), f"--network {mode}"),
           ask="app hears db\ndb hears app\n")


def namespaces(result):
    return {name: output(result, name).strip() for name in result.ends}


def test_shared_and_isolated_networks(docker, run):
    # Alive at the same time: the number of a dead namespace may be given again.
    doc = document(step("s", f"{NAMESPACE}; {WAIT}", detach=True, ready={"log": "up"}), step("a", NAMESPACE))
    there = docker.net("readlink", "/proc/self/ns/net").strip()

    shared = passed(run(doc, "--network shared"))
    assert output(shared, "s") == output(shared, "a") + "up\n" and output(shared, "a").strip() != there, shared

    isolated = passed(run(doc, "--network isolated"))
    found = {output(isolated, "s").split()[0], output(isolated, "a").strip(), there}
    assert len(found) == 3, isolated


def test_host_network_and_none(docker, run):
    there = docker.net("readlink", "/proc/self/ns/net")
    # A namespace without a network has no route: only the table's head.
    routes = "wc -l </proc/net/route"
    passed(run(document(step("a", NAMESPACE)), "--network host"), a=there)
    passed(run(document(step("a", routes)), "--network none"), a="1\n")
    mixed = passed(run(document(step("host", NAMESPACE, network="host"), step("none", routes, network="none"),
                                step("own", NAMESPACE))), host=there, none="1\n")
    assert output(mixed, "own") != there


@pytest.mark.once
def test_the_networks_id_is_in_the_environment(docker, run):
    script = 'echo "$DOCKER_NETWORK_ID,$DRONE_DOCKER_NETWORK_ID"'
    running = run.start(document(step("a", script), step("b", WAIT)), "--network isolated")
    running.line('"text":"up')
    [network] = docker.networks()
    running.signal(signal.SIGINT)
    assert output(running.finish(), "a") == f"{network['Id']},{network['Id']}\n"

    running = run.start(document(step("a", script), step("b", WAIT)), "--network shared")
    running.line('"text":"up')
    [container] = docker.containers("io.pipeline-runtime.step=b")
    joined = docker.inspect(container["Id"])["HostConfig"]["NetworkMode"]
    running.signal(signal.SIGINT)
    assert joined.startswith("container:")
    assert output(running.finish(), "a") == f"{joined},{joined}\n"

    for mode in ("host", "none"):
        passed(run(document(step("a", "env | grep -c NETWORK_ID; true")), f"--network {mode}"), a="0\n")


@pytest.mark.daemon("docker-20.10", "moby-today")  # which alone has a network called bridge
def test_dns_and_hosts(run):
    fields = {"dns": ["192.0.2.53"], "dns_search": ["plr.example"], "extra_hosts": ["there:192.0.2.7"]}
    for network in ({"network": "bridge"}, {}):
        result = passed(run(document(step("a", "cat /etc/resolv.conf /etc/hosts", docker={**fields, **network}))))
        assert re.search(r"(?m)^192\.0\.2\.7\s+there$", output(result, "a")), result
        assert re.search(r"(?m)^search plr\.example$", output(result, "a")), result
        # A network of the run's own has Docker's name server in between.
        assert ("nameserver 192.0.2.53" in output(result, "a")) == bool(network), result


@pytest.mark.once
def test_dns_in_a_shared_network_is_refused(docker, run):
    result = run(document(step("a", docker={"dns": ["192.0.2.53"]}), step("b")), "--network shared")
    assert result.code == 2 and "--network isolated can" in result.stderr, result
    assert docker.leftovers() == []


@pytest.mark.parametrize("mode", ["shared", "isolated"])
def test_ports_are_published(docker, run, mode):
    service = server(docker={"image": "redis:4-alpine", "ports": [{"port": 6379, "host": 16379, "protocol": "tcp"}]})
    running = run.start(document(step("a", WAIT), services=[service]), f"--network {mode}")
    running.line('"text":"up')
    ask = "import socket; s = socket.create_connection(('127.0.0.1', 16379), 5); s.sendall(b'PING\\r\\n'); print(s.recv(99))"
    assert docker.net("/usr/bin/python3", "-c", ask) == "b'+PONG\\r\\n'\n"
    running.signal(signal.SIGINT)
    assert running.finish().code == 130


@pytest.mark.daemon("docker-20.10", "moby-today")
def test_ipv6(run):
    """Each step has an address of the run's own range, and finds the others by name under theirs."""
    script = "cut -c 1-2 /proc/net/if_inet6 | sort -u; ping -6 -c 1 -W 5 six >/dev/null && echo found"
    doc = document(step("six", "while :; do sleep 1; done", detach=True), step("a", script))
    lines = output(run(doc, "--network isolated --docker-ipv6"), "a").split()
    assert "fd" in lines and lines[-1] == "found"
    lines = output(run(doc, "--network isolated"), "a").split()
    assert "fd" not in lines and "found" not in lines, "the daemon has IPv6 by itself: this shows nothing"


@pytest.mark.daemon("docker-20.10", "moby-today")
def test_mtu(run):
    passed(run(document(step("a", "cat /sys/class/net/eth0/mtu")), "--network isolated --docker-mtu 1312"), a="1312\n")


def tagged(docker, registry, tag):
    """IMAGE under a name of that registry, as if it had been pulled before."""
    name = f"127.0.0.1:{registry.port}/alpine"
    docker.post(f"/images/{IMAGE}/tag", repo=name, tag=tag)
    return f"{name}:{tag}"


def pulling(image, policy, script="echo here"):
    return document(step("a", script, image=image, docker={"pull_policy": policy}))


def asked(registry, tag):
    """Whether the daemon asked the registry what this tag is."""
    return [r for r in registry.requests if r.path == f"/v2/alpine/manifests/{tag}"]


def test_pull_never(docker, bad_registry, run):
    result = run(pulling(f"127.0.0.1:{bad_registry.port}/alpine:3.6", "never"))
    assert (result.code, end(result, "a")["reason"]) == (1, "image"), result
    assert "never" in end(result, "a")["message"] and bad_registry.requests == [], result
    passed(run(pulling(tagged(docker, bad_registry, "latest"), "never")), a="here\n")
    assert bad_registry.requests == []


def test_pull_if_not_exists(docker, bad_registry, run):
    passed(run(pulling(tagged(docker, bad_registry, "latest"), "if-not-exists")), a="here\n")
    assert bad_registry.requests == []
    passed(run(pulling(f"127.0.0.1:{bad_registry.port}/alpine:3.6", "if-not-exists")), a="here\n")
    assert asked(bad_registry, "3.6")


def test_pull_by_default_is_for_latest_and_what_is_absent(docker, bad_registry, run):
    passed(run(pulling(tagged(docker, bad_registry, "3.6"), "default")), a="here\n")
    assert bad_registry.requests == []
    passed(run(pulling(tagged(docker, bad_registry, "latest"), "default")), a="here\n")
    assert asked(bad_registry, "latest")


def test_pull_always(docker, bad_registry, run):
    passed(run(pulling(tagged(docker, bad_registry, "3.6"), "always")), a="here\n")
    assert asked(bad_registry, "3.6")


def test_a_registry_that_is_down_is_a_warning_where_the_image_is_there(docker, bad_registry, run):
    bad_registry.play("(GET|HEAD)", "/v2/.*", HTTP_500)
    result = passed(run(pulling(tagged(docker, bad_registry, "latest"), "default")), a="here\n")
    assert [text for text in warnings(result) if "going on with the image that is there" in text], result


def test_credentials_of_the_document_and_of_a_file(tmp_path, registry_auth, docker, run):
    address, user, password = registry_auth
    doc = pulling(f"{address}/alpine:3.6", "always")
    refused = run(doc)
    assert (refused.code, end(refused, "a")["reason"]) == (1, "image"), refused

    auths = {"auths": [{"address": address, "username": user, "password": password}]}
    passed(run({**doc, "docker": auths}), a="here\n")

    config = tmp_path / "config.json"
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    config.write_text(json.dumps({"auths": {address: {"auth": token}}}))
    passed(run(doc, ["--config", str(config)]), a="here\n")


@pytest.mark.once
def test_one_document_twice_at_once(host_folder, run):
    """Both are in the middle at the same time, and each has its own volume and server."""
    doc = document(step("a", "redis-cli -h server incr n; touch /v/$(hostname); echo up;"
                             " until [ -e /gate/open ]; do sleep 0.1; done", image="redis:4-alpine",
                        volumes=at("/v") + at("/gate", "gate")),
                   step("b", "redis-cli -h server incr n; ls /v | wc -l", image="redis:4-alpine", volumes=at("/v")),
                   services=[server()], volumes=[temp("v"), host("gate", host_folder)])
    both = [run.start(doc, "--network shared") for _ in range(2)]
    for running in both:
        running.line('"text":"up')
    (host_folder / "open").touch()
    results = [passed(running.finish(), a="1\nup\n", b="2\n1\n") for running in both]
    assert len({result.ended["run"] for result in results}) == 2


@pytest.mark.once
def test_a_dozen_in_a_row_leave_nothing(docker, run):
    images = docker.images()
    doc = document(step("a", "echo x | tee /v/x", volumes=at("/v")), volumes=[temp("v")])
    # The path of a socket has little room, and pytest's own folders are deep.
    with tempfile.TemporaryDirectory(prefix="plr-12-", dir="/tmp") as folder:
        for _ in range(12):
            passed(run(doc, ["--docker-folder", folder]), a="x\n")
        assert os.listdir(folder) == []
    assert docker.leftovers() == [] and docker.images() == images
