# SPDX-License-Identifier: MIT
"""Faults 45 to 49 of the list and what else happens to pods, on real clusters, some through a peer that misbehaves."""
import json
import re
import stat
import time

import pytest

from docker_steps import document, end, output, step
from kube import wait_for
from peer import RESET, reply

COUNT = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); echo line $i; [ $((i % 1000)) != 0 ] || sleep 0.05; done; exit 5"
LINES = "".join(f"line {i}\n" for i in range(1, 100001))
SLEEP = "trap 'exit 9' TERM; echo up; i=0; while [ $i -lt 600 ]; do i=$((i+1)); sleep 0.1; done"


def events_of(*objects):
    lines = b"".join(json.dumps(one).encode() + b"\n" for one in objects)
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + lines


EXPIRED = {"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410,
                                       "reason": "Expired", "message": "too old resource version: 1 (2)"}}


@pytest.mark.each_version
@pytest.mark.parts
@pytest.mark.timeout(240)
def test_45_the_api_server_dies_while_a_step_prints(cluster, kube):
    """Each line comes once, in order, and so does the end."""
    running = kube.start(document(step("count", COUNT)), limit=200)
    running.line("line 10000\\n")
    cluster.kill("apiserver")
    time.sleep(1)  # the step goes on without it
    cluster.start("apiserver")
    result = running.finish()
    assert output(result, "count") == LINES
    assert (end(result, "count")["reason"], end(result, "count")["exit_code"], result.code) == ("exit", 5, 1)


@pytest.mark.each_version
@pytest.mark.parts
@pytest.mark.timeout(240)
def test_45_the_end_comes_while_the_api_server_is_away(cluster, kube, layout):
    running = kube.start(document(step("a", "echo up; sleep 2; echo last; exit 5")), limit=200)
    running.line("up\\n")
    cluster.kill("apiserver")
    time.sleep(4)  # longer than the step takes
    cluster.start("apiserver")
    result = running.finish()
    assert output(result, "a") == "up\nlast\n", result
    assert (end(result, "a")["exit_code"], result.code) == (5, 1)


@pytest.mark.parametrize("script, code", [("exit 0", 0), ("exit 5", 1)])
def test_45_a_log_that_was_rotated_away(kube, proxy, script, code):
    """Before anybody read it: the status tells the end, and a gap that the output is not known."""
    proxy.play("GET", r".*/log\?.*container=s0", reply("200 OK", b""))
    result = kube(document(step("a", f"echo said; {script}"), step("b", "true")), limit=90)
    assert (result.code, end(result, "a")["reason"], end(result, "a")["exit_code"]) == (code, "exit", int(script[5:])), result
    assert output(result, "a") == "" and any(e.get("gap") for e in result.events if e.get("step") == "a"), result


@pytest.mark.parametrize("times", [1, 5])
def test_45_a_watch_that_is_too_old(kube, proxy, times):
    proxy.play("GET", r"/api/v1/namespaces/[^?]*pods\?.*watch=", events_of(EXPIRED), times=times)
    result = kube(document(step("a", "echo said; exit 5")), limit=90)
    assert (output(result, "a"), end(result, "a")["exit_code"], result.code) == ("said\n", 5, 1), result
    # The list before each watch may have told the end already.
    assert len(proxy.seen("GET", r"/api/v1/namespaces/[^?]*pods\?.*watch=")) >= max(times, 2)


def test_45_connections_that_break(kube, proxy):
    """Of each kind of request the first is reset: what may be asked again is."""
    proxy.play("GET", "/api", RESET, times=2)
    result = kube(document(step("a", "echo said")), limit=90)
    assert (output(result, "a"), result.code) == ("said\n", 0), result


def test_45_a_pod_that_has_ended_before_anybody_watched(kube, proxy):
    """The first watches break: by the time that one comes through, all is over."""
    proxy.play("GET", r"/api/v1/namespaces/[^?]*pods\?", RESET, times=6)
    result = kube(document(step("a", "echo said; exit 5")), limit=90)
    assert (output(result, "a"), end(result, "a")["exit_code"], result.code) == ("said\n", 5, 1), result


def first_pod(kube):
    """That of step `a`: the other is held."""
    names = sorted(pod["metadata"]["name"] for pod in kube.namespace.pods())
    assert len(names) == 1 or [name.rsplit("-", 1)[1] for name in names] == ["s0", "s1"], names
    return names[0]


def says_why(cluster):
    """Whether a pod has a condition that tells who ends it: before that one who is evicted is just deleted."""
    return cluster.has(26)


def evict(kube, pod):
    kube.namespace.post(f"pods/{pod}/eviction", {"apiVersion": "policy/v1" if kube.cluster.has(22) else "policy/v1beta1",
                                                 "kind": "Eviction", "metadata": {"name": pod}})


def delete(kube, pod):
    kube.namespace.delete(f"pods/{pod}", gracePeriodSeconds="1")


@pytest.mark.each_version
@pytest.mark.parametrize("how, reason", [(evict, "evicted"), (delete, "lost")])
def test_46_a_pod_that_somebody_ends(kube, layout, how, reason):
    running = kube.start(document(step("a", SLEEP), step("b")), limit=90)
    running.line("up\\n")
    how(kube, first_pod(kube))
    result = running.finish()
    assert (end(result, "a")["reason"], result.code) == (reason if says_why(kube.cluster) else "lost", 3), result
    assert end(result, "b")["reason"] == "skipped", result


@pytest.mark.each_version
def test_46_a_pod_that_must_give_way(cluster, kube):
    """To one of a higher priority, which asks for what it holds."""
    name = kube.namespace.name
    cpu = float(cluster.get("/api/v1/nodes")["items"][0]["status"]["allocatable"]["cpu"]) * 0.9
    cluster.post("/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": name}, "value": 1000})
    try:
        running = kube.start(document(step("a", SLEEP, resources={"requests": {"cpu": int(cpu * 1000)}})), limit=90)
        running.line("up\\n")
        kube.namespace.post("pods", {"metadata": {"name": "first"}, "spec": {
            "priorityClassName": name, "terminationGracePeriodSeconds": 1, "containers": [
                {"name": "a", "image": "alpine:3.6", "imagePullPolicy": "Never", "command": ["sleep", "1000"],
                 "resources": {"requests": {"cpu": str(cpu)}}}]}})
        result = running.finish()
        kube.namespace.delete("pods/first", gracePeriodSeconds="0")
    finally:
        cluster.delete(f"/apis/scheduling.k8s.io/v1/priorityclasses/{name}")
    said = ("evicted", "PreemptionByScheduler") if says_why(cluster) else ("lost", "deleted by someone else")
    assert (end(result, "a")["reason"], result.code) == (said[0], 3), result
    assert said[1] in end(result, "a")["message"], result


@pytest.fixture
def lost_node(cluster):
    """A kubelet that is not there, and what the node controller does about it after its minute."""
    def lose():
        cluster.kill("kubelet")
        cluster.kubectl("taint", "node", "node", "node.kubernetes.io/unreachable:NoExecute")
    yield lose
    cluster.start("kubelet")
    # Whose controller takes the taints away that it would have set.
    wait_for(lambda: "taints" not in cluster.get("/api/v1/nodes/node")["spec"], seconds=60)


@pytest.mark.each_version
@pytest.mark.parts
@pytest.mark.timeout(300)
def test_46_a_node_that_is_lost(kube, lost_node, tmp_path):
    template = tmp_path / "pod.json"
    template.write_text(json.dumps({"spec": {"terminationGracePeriodSeconds": 1, "tolerations": [
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0}]}}))
    running = kube.start(document(step("a", SLEEP), step("b")), f"--kube-pod-template {template}", limit=280)
    running.line("up\\n")
    lost_node()
    result = running.finish()
    assert (end(result, "a")["reason"], result.code) == ("lost", 3), result
    said = "DeletionByTaintManager" if says_why(kube.cluster) else "deleted by someone else"
    assert said in end(result, "a")["message"], result
    assert output(result, "a") == "up\n" and any(e.get("gap") for e in result.events), result


def test_46_a_pod_that_is_gone_at_once(kube, layout):
    running = kube.start(document(step("a", SLEEP)), limit=90)
    running.line("up\\n")
    kube.namespace.delete(f"pods/{kube.namespace.pod()['metadata']['name']}", gracePeriodSeconds="0")
    result = running.finish()
    assert (end(result, "a")["reason"], result.code) == ("lost", 3), result


@pytest.mark.each_version
def test_47_an_image_that_cannot_be_pulled(kube):
    began = time.monotonic()
    result = kube(document(step("a", image="127.0.0.1:5000/nothing:1")), "--kube-image-grace 3s", limit=58)  # 60 s without the option
    assert (end(result, "a")["reason"], result.code) == ("image", 1), result
    assert "127.0.0.1:5000/nothing:1" in end(result, "a")["message"], result
    assert time.monotonic() - began >= 3


def test_47_an_image_whose_name_is_none(kube):
    result = kube(document(step("a", image="UPPER//case:::")), limit=30)
    assert result.code in (1, 2), result


def test_47_the_grace_of_an_image_counts_from_its_turn(kube):
    result = kube(document(step("a", "sleep 6; echo done"), step("b", image="127.0.0.1:5000/nothing:1")),
                  "--kube-image-grace 2s", limit=90)
    assert (output(result, "a"), end(result, "b")["reason"], result.code) == ("done\n", "image", 1), result


def plugin(kube, script):
    """A kubeconfig whose user is told by a program."""
    path = kube.home / "plugin"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(path), "interactiveMode": "Never"}}
    kube.own["KUBECONFIG"] = str(kube.namespace.write_kubeconfig("plugin", user))


def credential(token):
    return json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token}})


def test_48_a_plugin_that_works(kube):
    plugin(kube, f"echo $$ >>{kube.home}/calls; echo '{credential(kube.namespace.token())}'")
    result = kube(document(step("a"), step("b")))
    assert result.code == 0, result
    assert len((kube.home / "calls").read_text().split()) == 1, "it is asked once"


@pytest.mark.parametrize("script", ["echo garbage s3cret-word", "echo s3cret-word >&2; exit 3",
                                    "echo '{\"kind\":\"ExecCredential\",\"status\":{\"token\":7}}'"])
def test_48_a_plugin_that_says_nonsense(kube, script):
    plugin(kube, script)
    result = kube(document(step("a")), limit=30)
    assert result.code in (2, 3) and "plugin" in result.stderr + result.text, result
    assert "garbage s3cret-word" not in result.stderr + result.text, result


@pytest.mark.timeout(120)
def test_48_a_plugin_that_hangs(kube):
    plugin(kube, "exec sleep 1000")
    result = kube(document(step("a")), limit=100)
    assert result.code in (2, 3) and re.search("plugin", result.stderr + result.text), result


def test_49_a_token_that_ends_in_the_middle(kube):
    """The account is made anew, so its tokens are refused, and the file has a new one a moment later."""
    namespace = kube.namespace
    file = kube.home / "token"
    file.write_text(namespace.token())
    kube.own["KUBECONFIG"] = str(namespace.write_kubeconfig("file", {"tokenFile": str(file)}))
    running = kube.start(document(step("a", "echo up; sleep 13; echo still; exit 5")), limit=100)
    running.line("up\\n")
    namespace.delete(f"serviceaccounts/{namespace.account}")
    namespace.post("serviceaccounts", {"metadata": {"name": namespace.account}})
    time.sleep(11)  # for so long an API server believes a token that it has seen
    file.write_text(namespace.token())
    result = running.finish()
    assert (output(result, "a"), end(result, "a")["exit_code"], result.code) == ("up\nstill\n", 5, 1), result


def test_49_a_refusal_is_asked_again_once(kube, proxy):
    """With what the plugin says the second time."""
    plugin(kube, f"echo x >>{kube.home}/calls; echo '{credential('any')}'")
    config = kube.namespace.write_kubeconfig("both", {"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": str(kube.home / "plugin"), "interactiveMode": "Never"}},
        server=f"http://127.0.0.1:{proxy.port}")
    proxy.play("POST", "/api/v1/namespaces/[^/]*/pods",
               reply("401 Unauthorized", b'{"kind":"Status","message":"Unauthorized","code":401}'), times=1)
    result = kube(document(step("a", "echo said")), env={"KUBECONFIG": str(config)}, limit=90)
    assert (output(result, "a"), result.code) == ("said\n", 0), result
    assert (kube.home / "calls").read_text().split() == ["x", "x"]


@pytest.mark.each_version
def test_the_step_itself_killed_for_memory(kube, layout):
    result = kube(document(step("a", "echo up; tail /dev/zero", resources={"limits": {"memory": 33554432}})), limit=90)
    assert (end(result, "a")["reason"], result.code) == ("oom", 1), result


@pytest.mark.each_version
def test_no_node_is_wide_enough(kube):
    result = kube(document(step("a", resources={"requests": {"cpu": 1000000}})), "--kube-schedule-timeout 3s", limit=60)
    assert (end(result, "a")["reason"], result.code) == ("infrastructure", 3), result
    assert "nsufficient cpu" in result.text + result.stderr, result


@pytest.fixture
def small_logs(cluster):
    """Logs that rotate at 64 KiB, looked at as often as a kubelet may."""
    config = cluster.state / "kubelet.yml"
    usual = config.read_text()
    config.write_text(usual + "containerLogMaxSize: 64Ki\ncontainerLogMaxFiles: 5\ncontainerLogMonitorInterval: 3s\n")
    cluster.kill("kubelet")
    cluster.start("kubelet")
    yield
    config.write_text(usual)
    cluster.kill("kubelet")
    cluster.start("kubelet")


@pytest.mark.each_version
@pytest.mark.parts
@pytest.mark.timeout(240)
def test_a_log_that_rotates_loses_nothing_while_we_keep_up(kube, small_logs):
    script = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo line $i; [ $((i % 100)) != 0 ] || sleep 0.1; done"
    result = kube(document(step("count", script)), limit=200)
    assert output(result, "count") == "".join(f"line {i}\n" for i in range(1, 20001)), result.stderr
    assert result.code == 0


def holes_and_gaps(events, name, last):
    """Tells whether each stretch of the lines 1 to LAST that is missing has one gap near behind it, and each gap such a
    stretch. Between two lines of which something is missing may be pieces of such."""
    lines, text = [], ""
    for event in events:
        if event["event"] == "output" and event["step"] == name:
            if event.get("gap"):
                lines += [*text.split("\n"), None]
                text = ""
            text += event.get("text", "")
    lines += [*text.split("\n"), f"line {last + 1:06}"]
    expected, missing, gaps, since = 1, False, 0, 0
    for i, line in enumerate(lines):
        if line is None:
            gaps += 1
            # What is missing may be what would stand right behind it.
            after = next((one for one in lines[i + 1:] if one and re.fullmatch(r"line \d{6}", one)), None)
            assert missing or after != f"line {expected:06}", f"nothing is missing before line {expected}"
            assert since <= 3 * 16384, "it stands far behind what is missing"
            if after is not None:
                expected = int(after[5:])
            missing, since = False, 0
        elif line == f"line {expected:06}":
            expected += 1
            since += len(line) + 1 if missing else 0
        elif line:
            missing = True
            if re.fullmatch(r"line \d{6}", line):
                assert int(line[5:]) > expected, f"{line} comes twice, or late"
                expected = int(line[5:]) + 1
    assert not missing, "something is missing, and no gap says so"
    return gaps


@pytest.mark.parts
@pytest.mark.timeout(400)
def test_a_log_that_rotates_and_loses_says_so(kube, small_logs):
    """At a rotation a kubelet may go on with the new file while containerd still writes the last of the old one, and
    reads nothing of a file that was rotated before it was asked."""
    names = [f"s{i}" for i in range(6)]
    script = "sleep 1; seq -w 1 150000 | sed 's/^/line /'; sleep 4"
    result = kube({"steps": [{**step(name, script), "depends_on": ["first"]} for name in names] + [step("first")]}, limit=380)
    assert result.code == 0, result.stderr
    print("gaps:", [holes_and_gaps(result.events, name, 150000) for name in names])
