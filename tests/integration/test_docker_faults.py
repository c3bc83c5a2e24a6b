# SPDX-License-Identifier: MIT
"""Faults 20 to 40 of the list, each on a real daemon, some through a peer that misbehaves."""
import json
import os
import re
import select
import signal
import time

import pytest

from docker_steps import document, end, output, step, warnings
from peer import (CUT_SHORT, HEADER_BOMB, HOLD, HTTP_09, HTTP_429, HTTP_500, HUGE_CHUNK, NEGATIVE_LENGTH, NOT_CHUNKS,
                  REDIRECT, SLOW_LORIS, reply)

# Survives the TERM with which a daemon stops its containers when it comes back from a kill.
COUNT = 'trap "" TERM; i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo line $i; sleep 0.1; done; exit 5'
LINES = "".join(f"line {i}\n" for i in range(1, 61))

old_only = pytest.mark.daemon("docker-20.10")


@pytest.fixture
def through(pipeline_runtime):
    """through(peer, document): a run by way of a scripted peer."""

    def call(peer, doc, flags="", **kwargs):
        args = ["--backend", "docker", "--docker-host", peer.host, "--output", "json", "run", *flags.split(), "-"]
        return pipeline_runtime(args, doc, **kwargs)

    return call


def container_of(docker, run_id):
    [found] = [c for c in docker.get("/containers/json", all="1")
               if c["Labels"].get("io.pipeline-runtime.run") == run_id and "io.pipeline-runtime.step" in c["Labels"]]
    return found["Id"]


@pytest.mark.once
def test_20_frames_in_pieces_and_frames_that_are_none(docker, peer, through):
    frame = b"\x01\0\0\0\0\0\0\x06hello\n" + b"\x02\0\0\0\0\0\0\x04err\n"
    there = peer(docker)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
    there.play("POST", "/containers/[^/]+/attach", [head] + [p for b in frame for p in (bytes([b]), 0.01)])
    result = through(there, document(step("a")))
    assert result.code == 0
    assert (output(result, "a"), output(result, "a", "stderr")) == ("hello\n", "err\n")

    # What is no frame is not believed: the log has what the step wrote.
    for bad in (b"\x09\0\0\0\0\0\0\x01x", b"\x01\0\0\0\xff\xff\xff\xffx"):
        there.play("POST", "/containers/[^/]+/attach", [head + bad])
        result = through(there, document(step("a", "echo hello")))
        assert (result.code, output(result, "a")) == (0, "hello\n"), result


@pytest.mark.both_ways
def test_21_daemon_killed_while_a_step_prints(docker, run):
    running = run.start(document(step("count", COUNT)), limit=90)
    running.line("line 10\\n")
    docker.restart("KILL")
    result = running.finish()
    assert output(result, "count") == LINES
    assert (end(result, "count")["reason"], end(result, "count")["exit_code"], result.code) == ("exit", 5, 1)
    assert any(e.get("gap") for e in result.events), "a daemon that was killed proves nothing about its memory"


def test_21_daemon_comes_back_after_the_steps_end(docker, run, tmp_path):
    os.mkfifo(tmp_path / "end")  # held open by the step, and by nobody when it has ended
    alive = os.open(tmp_path / "end", os.O_RDONLY | os.O_NONBLOCK)
    running = run.start(document(step("count", "exec 9>/h/end; " + COUNT, volumes=[{"name": "h", "path": "/h"}]),
                                 volumes=[{"metadata": {"name": "h"}, "host": {"path": str(tmp_path)}}]), limit=90)
    running.line("line 10\\n")
    docker.kill()
    poll = select.poll()
    poll.register(alive, select.POLLHUP)
    assert poll.poll(30_000), "the step did not end"
    os.close(alive)
    docker.start()
    result = running.finish()
    # What was written while no daemon read it is gone with the container: said, not hidden.
    assert LINES.startswith(output(result, "count")) and "line 10\n" in output(result, "count")
    assert any(e.get("gap") for e in result.events)
    assert (end(result, "count")["exit_code"], result.code) == (5, 1)


def test_22_daemon_stopped_is_nobodys_failure_in_the_step(docker, run):
    running = run.start(document(step("sleep", "echo up; sleep 60")), limit=90)
    running.line("up\\n")
    docker.restart("TERM")
    result = running.finish()
    assert (end(result, "sleep")["reason"], result.code) == ("infrastructure", 3)


@pytest.mark.parametrize("signal_name", ["TERM", "KILL"])
def test_22_a_daemon_that_comes_back_without_the_runs_network(docker, run, signal_name):
    """Without live-restore it ends the pause container, too: the steps' network is gone, and it says so."""
    running = run.start(document(step("a", "trap '' TERM; echo up; i=0; while [ $i -lt 60 ]; do sleep 1; done"),
                                 step("b")), "--network shared", limit=90)
    running.line("up\\n")
    docker.restart(signal_name)
    result = running.finish()
    assert (result.ended["outcome"], result.code) == ("infrastructure", 3)
    # Who comes first: the daemon that ended the step on its way down or up, or we, because the run is broken.
    if end(result, "a")["reason"] == "infrastructure":
        assert "while the daemon went down" in end(result, "a")["message"], result
    else:
        assert end(result, "a")["reason"] == "cancelled"
        assert "restarted without live-restore" in result.stderr + result.text, result


def test_23_registry_asks_to_come_again(docker, bad_registry, run):
    bad_registry.play("(GET|HEAD)", "/v2/alpine/manifests/", HTTP_429, times=4)
    image = f"127.0.0.1:{bad_registry.port}/alpine:3.6"
    result = run(document(step("a", "echo pulled", image=image, docker={"pull_policy": "always"})))
    assert (result.code, output(result, "a")) == (0, "pulled\n")
    # The daemon of today asks again itself, so we need not.
    assert docker.name == "moby-today" or any("trying again" in text for text in warnings(result))


def test_23_and_is_not_asked_for_ever(bad_registry, run):
    bad_registry.play("(GET|HEAD)", "/v2/.*", HTTP_429)
    result = run(document(step("a", image=f"127.0.0.1:{bad_registry.port}/alpine:3.6", docker={"pull_policy": "always"})))
    assert (end(result, "a")["reason"], result.code) == ("infrastructure", 3)
    assert "oomanyrequests" in end(result, "a")["message"] or "429" in end(result, "a")["message"]


def test_24_registry_that_fails(bad_registry, run):
    bad_registry.play("(GET|HEAD)", "/v2/alpine/manifests/", HTTP_500)
    result = run(document(step("a", image=f"127.0.0.1:{bad_registry.port}/alpine:3.6", docker={"pull_policy": "always"})))
    assert (end(result, "a")["reason"], result.code) == ("infrastructure", 3)
    assert "500" in end(result, "a")["message"]


@pytest.mark.once
def test_24_error_inside_a_good_reply(docker, peer, through):
    there = peer(docker)
    body = b'{"status":"Pulling"}\n{"errorDetail":{"message":"unauthorized: no"},"error":"unauthorized: no"}\n'
    there.play("POST", "/images/create", reply("200 OK", body))
    result = through(there, document(step("a", docker={"pull_policy": "always"})))
    assert (end(result, "a")["reason"], result.code) == ("image", 1)
    assert "unauthorized: no" in end(result, "a")["message"]


def test_25_wrong_password_is_said_once(docker, registry_auth, run):
    address, user, password = registry_auth
    doc = document(step("a", image=f"{address}/alpine:3.6", docker={"pull_policy": "always"}),
                   docker={"auths": [{"address": address, "username": user, "password": "wr0ng-pass"}]})
    result = run(doc)
    assert (end(result, "a")["reason"], result.code) == ("image", 1)
    assert not any("trying again" in text for text in warnings(result))
    assert "wr0ng-pass" not in result.text + result.stderr
    doc["docker"]["auths"][0]["password"] = password
    assert run(doc).code == 0


def test_26_no_socket_and_no_permission(tmp_path, pipeline_runtime):
    missing = pipeline_runtime(f"--backend docker --docker-host unix://{tmp_path}/none.sock run -", document(step("a")))
    assert missing.code == 3
    assert "there is no socket at" in missing.stderr and "none.sock" in missing.stderr

    (tmp_path / "file").write_text("no socket")
    other = pipeline_runtime(f"--backend docker --docker-host unix://{tmp_path}/file run -", document(step("a")))
    assert other.code == 3
    assert "the Docker daemon is not running" in other.stderr


def test_26_ssh_is_refused_with_a_way_out(pipeline_runtime):
    result = pipeline_runtime("--backend docker --docker-host ssh://me@there run -", document(step("a")))
    assert result.code in (2, 3)
    assert "ssh is not supported" in result.stderr and "ssh -L" in result.stderr


@old_only
@pytest.mark.parametrize("bad", [NOT_CHUNKS, HUGE_CHUNK, NEGATIVE_LENGTH, HTTP_09, HEADER_BOMB, REDIRECT],
                         ids=["27-chunk", "27-huge-chunk", "27-negative", "30-http09", "30-header-bomb", "31-redirect"])
def test_27_30_31_replies_that_are_none(docker, peer, through, bad):
    there = peer(docker)
    there.play("POST", "/containers/create", bad)
    result = through(there, document(step("a")))
    assert result.code == 3, result
    assert end(result, "a")["reason"] == "infrastructure"
    assert len(there.seen("POST", "/containers/create")) == 1, "what may have been done is not asked again"


@old_only
@pytest.mark.parametrize("bad", [CUT_SHORT, b""], ids=["cut", "empty"])
def test_28_only_what_is_idempotent_is_asked_again(docker, peer, through, bad):
    there = peer(docker)
    there.play("GET", "/images/[^/]+/json", bad, times=1)
    assert through(there, document(step("a"))).code == 0
    assert len(there.seen("GET", "/images/[^/]+/json")) >= 2

    there = peer(docker)
    there.play("POST", "/containers/create", bad)
    assert through(there, document(step("a"))).code == 3
    assert len(there.seen("POST", "/containers/create")) == 1


@old_only
def test_29_one_slow_answer_holds_nobody_else(docker, peer, through):
    there = peer(docker)
    there.play("POST", "/containers/create[^ ]*-0-1", SLOW_LORIS)
    doc = document(step("slow", depends_on=[]), step("quick", "echo done"), step("last", depends_on=["quick"]))
    result = through(there, doc)
    assert end(result, "slow")["reason"] == "infrastructure"
    assert (end(result, "quick")["exit_code"], end(result, "last")["exit_code"], result.code) == (0, 0, 3)
    moves = [(e["step"], e["to"]) for e in result.events if e["event"] == "step"]
    assert moves.index(("last", "ended")) < moves.index(("slow", "ended")), result


@pytest.mark.not_in_a_pod("it is refused before anything is made")
def test_32_a_start_that_fails_leaves_nothing_waiting(run):
    result = run(document(step("a", docker={"user": "nobody-by-that-name"})))
    assert end(result, "a")["reason"] == "configuration"
    assert "nobody-by-that-name" in end(result, "a")["message"]


def test_33_address_pool_exhausted(docker, run):
    def fill(labels):
        made = []
        for i in range(200):
            try:
                made.append(docker.post("/networks/create", {"Name": f"fill-{i}", "Labels": labels})["Id"])
            except Exception as error:
                assert "pool" in str(error) or "overlapping" in str(error) or "subnet" in str(error)
                return made
        pytest.fail("the pool has no end")

    # Networks of a run whose owner is dead make room by themselves.
    boot = open("/proc/sys/kernel/random/boot_id").read().strip()
    space = os.readlink("/proc/self/ns/pid")[5:-1]
    fill({"io.pipeline-runtime.run": "dead", "io.pipeline-runtime.owner": f"{boot}/{space}/999999999/1"})
    result = run(document(step("a", "echo room")), "--network isolated")
    assert (result.code, output(result, "a")) == (0, "room\n"), result

    # Those of others stay, and the message says what can be done.
    others = fill({})
    try:
        result = run(document(step("a")), "--network isolated")
        assert result.code == 3
        assert "no address range is left" in result.text and "docker network prune" in result.text
        assert len([n for n in docker.get("/networks") if n["Name"].startswith("fill-")]) == len(others)
    finally:
        for network in others:
            docker.delete(f"/networks/{network}")


@pytest.mark.not_in_a_pod("a pod's log has both streams in one")
def test_34_disk_full_is_the_steps_own_failure(run):
    doc = document(step("a", "head -c 5000000 /dev/zero >/small/x; echo $?; exit 28",
                        volumes=[{"name": "small", "path": "/small"}]),
                   volumes=[{"metadata": {"name": "small"}, "temp": {"medium": "memory", "size_limit": 1048576}}])
    result = run(doc)
    assert (end(result, "a")["exit_code"], output(result, "a"), result.code) == (28, "1\n", 1)


@pytest.mark.both_ways
def test_35_removed_by_somebody_else_is_lost(docker, run):
    running = run.start(document(step("a", "echo up; sleep 60")))
    running.line("up\\n")
    run_id = running.event(event="run-started")["run"]
    docker.delete(f"/containers/{container_of(docker, run_id)}", force="1")
    result = running.finish()
    assert (end(result, "a")["reason"], result.code) == ("lost", 3)


# Without control groups, which an ordinary user seldom has, nobody tells how a process died.
OOM_IS_TOLD = pytest.mark.daemon("docker-20.10", "moby-today", "local-root")


@OOM_IS_TOLD
def test_36_a_child_killed_for_memory_and_exit_0(run):
    script = "sh -c 'x=a; while :; do x=$x$x; done'; echo $?; exit 0"
    result = run(document(step("a", script, resources={"limits": {"memory": 33554432}})))
    assert (end(result, "a")["reason"], end(result, "a")["exit_code"], result.code) == ("exit", 0, 0)
    assert end(result, "a").get("oom") is True


@OOM_IS_TOLD
@pytest.mark.both_ways
def test_36_the_step_itself_killed_for_memory(run):
    result = run(document(step("a", "x=a; while :; do x=$x$x; done", resources={"limits": {"memory": 33554432}})))
    assert (end(result, "a")["reason"], result.code) == ("oom", 1)


@pytest.mark.not_in_a_pod("the node sets the limit of pids")
def test_37_fork_bomb_is_held_by_the_limit_of_pids(run):
    script = "i=0; while [ $i -lt 100 ]; do sleep 5 & i=$((i+1)); done; echo not held"
    result = run(document(step("bomb", script, resources={"limits": {"pids": 20}}),
                          step("after", "echo alive", run_policy="always")))
    assert "not held" not in output(result, "bomb")
    assert end(result, "bomb")["exit_code"] != 0
    assert output(result, "after") == "alive\n"


@pytest.mark.once
@pytest.mark.both_ways
def test_38_one_that_ignores_term_is_killed_after_the_grace(run):
    running = run.start(document(step("deaf", 'trap "" TERM; echo up; while :; do sleep 1; done')), "--grace 1s")
    running.line("up\\n")
    began = time.monotonic()
    running.signal(signal.SIGINT)
    result = running.finish()
    assert time.monotonic() - began > 0.9
    assert (end(result, "deaf")["reason"], result.code) == ("cancelled", 130)


@pytest.mark.daemon("moby-today")
def test_39_daemon_upgraded_in_the_middle(docker, peer, through):
    there = peer(docker)
    there.play("GET", "/_ping", reply("200 OK", b"OK", "Api-Version: 1.41", "Ostype: linux"))
    too_old = reply("400 Bad Request", b'{"message":"client version 1.41 is too old. Minimum supported API version '
                    b'is 1.44, please upgrade your client to a newer version"}')
    there.play("GET", "/images/", too_old, times=1)
    result = through(there, document(step("a", "echo on")))
    assert (result.code, output(result, "a")) == (0, "on\n")
    versions = [re.match(r"/v(\d+\.\d+)", r.path)[1] for r in there.seen("GET|POST", "/(images|containers)/")]
    # Asked once in the old version, and then in the new one only.
    assert versions[0] == "1.41" and set(versions[1:]) == {"1.44"}, versions


@pytest.mark.once
def test_40_events_that_are_dropped(docker, peer, through):
    there = peer(docker)
    ok = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    # Ends at once each time, and never tells a death.
    there.play("GET", "/events", [ok, 0.3])
    result = through(there, document(step("a", "echo one; sleep 1; exit 4"), step("b", "echo two", run_policy="always")))
    assert (end(result, "a")["exit_code"], output(result, "a"), output(result, "b")) == (4, "one\n", "two\n")
    assert result.code == 1


@pytest.mark.once
def test_40_events_that_are_a_flood(docker, peer, through):
    there = peer(docker)
    event = (b'{"Type":"container","Action":"die","Actor":{"ID":"%064d","Attributes":{"exitCode":"9","label":"'
             + b"x" * 500 + b'"}}}\n')
    # Deaths of others, and never the step's own: the stream is open, but what it should tell was dropped.
    there.play("GET", "/events", [b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"]
               + [b"".join(event % (block * 1000 + i) for i in range(1000)) for block in range(30)] + [HOLD])
    result = through(there, document(step("a", "echo up; sleep 1; exit 6")))
    assert (output(result, "a"), end(result, "a")["exit_code"], result.code) == ("up\n", 6, 1), result
