# SPDX-License-Identifier: MIT
"""The fields of a document as a container sees them, on real daemons."""
import base64
import signal

import pytest

from docker_steps import IMAGE, document, end, output, step, warnings

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


def test_a_missing_host_folder_is_made_and_said(tmp_path, run):
    path = tmp_path / "not" / "there"
    result = passed(run(document(step("a", "echo x >/h/f", volumes=at("/h")), volumes=[host("v", path)])))
    assert (path / "f").read_text() == "x\n"
    assert [text for text in warnings(result) if str(path) in text and "did not exist" in text], result
    again = passed(run(document(step("a", volumes=at("/h")), volumes=[host("v", path)])))
    assert warnings(again) == [], again


def test_a_folder_below_dev_is_no_device(run):
    passed(run(document(step("a", "echo x >/shm/plr-test-fields", volumes=at("/shm")),
                        step("b", "cat /shm/plr-test-fields; rm /shm/plr-test-fields", volumes=at("/shm")),
                        volumes=[host("v", "/dev/shm")])), b="x\n")


def test_environment(run):
    passed(run(document(step("a", 'printf "<%s>" "$TEXT" "$EMPTY"; [ "${EMPTY+set}" ] && echo set',
                             environment={"TEXT": "one\n two=2 \"'\n", "EMPTY": ""}))),
           a="<one\n two=2 \"'\n><>set\n")


def test_environment_of_the_host_and_secrets(run):
    script = 'echo "$A $B"; [ "$C" = "the-se""cret" ] && echo secret'
    doc = document(step("a", script, environment={"A": "document", "C": "document"},
                        secrets=[{"name": "token", "env": "C"}]),
                   secrets=[{"metadata": {"name": "token"}, "data": "the-secret"}])
    passed(run(doc, "--env A=host --env B=host --env C=host"), a="document host\nsecret\n")


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
