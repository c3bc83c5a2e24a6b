# SPDX-License-Identifier: MIT
"""What becomes of a pipeline on Kubernetes when its engine is killed, at whatever moment, and of what it leaves."""
import time

import pytest

from docker_steps import document, end, output, step, warnings
from kube import wait_for

DEAF = "trap '' TERM; echo up; while :; do sleep 0.1; done"
SERVICE = {"metadata": {"name": "service"}, "docker": {"image": "alpine:3.6", "command": ["sleep", "1000"]}}


def with_secrets(*steps, **fields):
    """Of a document that has all there is to hide: a secret, a file, a password of a registry."""
    for one in steps:
        one.update(secrets=[{"name": "token", "env": "TOKEN"}], files=[{"name": "note", "path": "/note"}])
    return document(*steps, secrets=[{"metadata": {"name": "token"}, "data": "correct-horse"}],
                    files=[{"metadata": {"name": "note"}, "data": "bm90ZQ=="}],
                    docker={"auths": [{"address": "registry.invalid", "username": "me", "password": "pass"}]}, **fields)


def kill(running):
    running.kill()
    running.finish(check=False)


def sweep(kube, *flags):
    swept = kube.command_line(["sweep", "--backend", "kubernetes", *flags])
    assert swept.code == 0, swept
    return swept


def all_codes(kube):
    """How containers ended, of all pods of which each has one; None: not yet."""
    return {pod["spec"]["containers"][0]["name"]: pod["status"].get("containerStatuses", [{"state": {}}])[0]["state"]
            .get("terminated", {}).get("exitCode") for pod in kube.namespace.pods()}


def is_over(kube):
    return kube.namespace.pod()["status"]["phase"] in ("Failed", "Succeeded")


@pytest.mark.each_version
def test_without_its_engine_a_pod_ends_when_the_lease_does(kube):
    """Whatever is in it: what runs and does not care, what is held, and what has no plr-init (any more)."""
    doc = document(step("detached", "sleep 1000", detach=True), step("running", DEAF), step("held"), services=[SERVICE])
    running = kube.start(doc, "--on-loss keep --keep 5s --grace 2s")
    running.line("up\\n")
    kill(running)
    assert not is_over(kube)
    wait_for(lambda: is_over(kube), 60)
    assert kube.namespace.exit_codes() == {"s0": 137, "s1": 137, "s2": 137, "s3": 124}
    sweep(kube, "--run", kube.namespace.pod()["metadata"]["labels"]["pipeline-runtime.io/run"])


def test_without_its_engine_each_pod_of_a_step_ends_when_the_lease_does(kube):
    doc = document(step("running", DEAF), step("held"), services=[SERVICE])
    running = kube.start(doc, "--kube-layout pod-per-step --on-loss keep --keep 5s --grace 2s")
    running.line("up\\n")
    wait_for(lambda: len(kube.namespace.pods()) == 3)
    assert len(kube.namespace.services()) == 1
    kill(running)
    wait_for(lambda: all(code is not None for code in all_codes(kube).values()), 60)
    assert all_codes(kube) == {"s0": 137, "s1": 137, "s2": 124}
    run = {pod["metadata"]["labels"]["pipeline-runtime.io/run"] for pod in kube.namespace.pods()}
    assert len(run) == 1
    sweep(kube, "--run", *run)


@pytest.mark.each_version
def test_a_pipeline_goes_on_without_its_engine(kube):
    """And is spared until its time is over."""
    doc = with_secrets(step("a", "echo up; sleep 3"), step("b", "exit 7"), step("c"), step("d", "cat /note", run_policy="on-failure"))
    running = kube.start(doc, "--on-loss keep --keep 10m")
    running.line("up\\n")
    kill(running)
    wait_for(lambda: is_over(kube), 60)
    assert kube.namespace.exit_codes() == {"s0": 0, "s1": 7, "s2": 124, "s3": 0}, "0 is said only by what ran"
    name = kube.namespace.pod()["metadata"]["name"]
    assert b"note" in kube.namespace.get(f"pods/{name}/log", container="s3")
    assert b"skipped failed-before" in kube.namespace.get(f"pods/{name}/log", container="s2")
    sweep(kube)
    assert len(kube.namespace.pods()) == 1
    sweep(kube, "--run", name.removeprefix("plr-"))
    wait_for(lambda: not kube.namespace.pods())


@pytest.mark.each_version
def test_a_lease_is_renewed_while_the_engine_lives(kube):
    doc = document(step("detached", "sleep 1000", detach=True), step("a", "echo up; sleep 12; echo still"), services=[SERVICE])
    running = kube.start(doc, "--on-loss keep --keep 4s")
    running.line("up\\n")
    deadline = kube.namespace.pod()["metadata"]["annotations"]["pipeline-runtime.io/deadline"]
    wait_for(lambda: kube.namespace.pod()["metadata"]["annotations"]["pipeline-runtime.io/deadline"] > deadline)
    result = running.finish()
    assert (result.code, output(result, "a")) == (0, "up\nstill\n"), result


@pytest.mark.parts
@pytest.mark.timeout(200)
def test_an_api_server_that_is_away_for_longer_than_the_lease(cluster, kube):
    """Nobody can tell that from a lost engine. It is never taken for the step's own end."""
    running = kube.start(document(step("a", "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done")),
                         "--on-loss keep --keep 5s", limit=150)
    running.line("up\\n")
    cluster.kill("apiserver")
    time.sleep(12)
    cluster.start("apiserver")
    result = running.finish()
    assert (end(result, "a")["reason"], result.code) == ("infrastructure", 3), result
    assert "had not heard of this engine" in end(result, "a")["message"], result


@pytest.mark.parametrize("method, path", [
    ("POST", r".*/secrets\?dryRun"), ("POST", r".*/secrets$"), ("POST", r".*/pods\?"), ("POST", r".*/secrets$"), ("PATCH", r".*/pods/"),
    ("POST", r".*/services$")], ids=["asked", "init", "pod", "secret", "release", "service"])
@pytest.mark.parametrize("arrives", [False, True], ids=["before", "after"])
def test_killed_at_each_step_of_the_setup(kube, proxy, request, method, path, arrives):
    """Before a request has arrived, or while it does: what is there then is found."""
    nth = 2 if "secret" in request.node.callspec.id else 1
    flags = "--kube-layout pod-per-step" if "service" in request.node.callspec.id else ""
    seen = []

    def meddle(body):
        seen.append(body)
        if len(seen) == nth:
            running.kill()
            running.process.wait()
            if not arrives:
                raise OSError
        return body

    proxy.change(method, path, meddle)
    running = kube.start(with_secrets(step("a", "sleep 1000"), services=[SERVICE]), flags)
    running.process.wait(30)
    kill(running)
    assert len(seen) >= nth
    wait_for(lambda: len(proxy.seen(method, path)) >= nth - (not arrives))
    kube.own["KUBECONFIG"] = str(kube.namespace.kubeconfig)
    sweep(kube)
    assert kube.namespace.leftovers() == []


@pytest.mark.timeout(200)
def test_killed_at_any_time(kube):
    doc = with_secrets(step("a", "sleep 0.3"), step("b", DEAF), services=[SERVICE])
    for delay in (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.2, 1.8, 2.5):
        running = kube.start(doc)
        time.sleep(delay)
        kill(running)
    sweep(kube)
    assert kube.namespace.leftovers() == []


def leave(kube, name, owner, deadline, script="exit 1"):
    """A pod as an engine would have left it."""
    kube.namespace.post("pods", {
        "metadata": {"name": f"plr-{name}", "labels": {"pipeline-runtime.io/run": name},
                     "annotations": {"pipeline-runtime.io/owner": owner, "pipeline-runtime.io/deadline": str(int(deadline))}},
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [
            {"name": "s0", "image": "alpine:3.6", "command": ["sh", "-c", script]}]}})


def names(kube):
    return {pod["metadata"]["name"] for pod in kube.namespace.pods()}


def is_in(kube, name, phase):
    return kube.namespace.get(f"pods/{name}")["status"]["phase"] == phase


def test_a_run_takes_along_what_others_left_and_is_over(kube):
    """Not what still runs, nor what may have an owner."""
    elsewhere, past, future = "another-boot/1/1/1", time.time() - 5, time.time() + 500
    leave(kube, "over", elsewhere, past)
    leave(kube, "not-yet", elsewhere, future)
    leave(kube, "runs", elsewhere, past, "sleep 1000")
    for name, phase in (("plr-over", "Failed"), ("plr-not-yet", "Failed"), ("plr-runs", "Running")):
        wait_for(lambda: is_in(kube, name, phase))
    assert kube(document(step("a"))).code == 0
    assert names(kube) == {"plr-not-yet", "plr-runs"}
    swept = sweep(kube)
    assert "plr-runs" in swept.text + swept.stderr and names(kube) == {"plr-not-yet"}, swept
    sweep(kube, "--run", "not-yet")
