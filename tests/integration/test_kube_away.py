# SPDX-License-Identifier: MIT
"""What becomes of a run on Kubernetes when the API server is away for a while, or the engine is: killed with KILL and
started again, stopped and let go on."""
import signal
import threading

import pytest

from docker_steps import document, output, step, warnings
from kube import wait_for


class Teardown:
    """Kills the API server between the last step's end and the deletion: the request for that is on its way, and
    waits for BEFORE."""

    def __init__(self, cluster, kube, api_peer, before=lambda: None):
        self.cluster, self.before, self.asked, self.began = cluster, before, False, threading.Event()
        self.env, peer = api_peer()
        peer.change("DELETE", "/api", self._on_delete)

    def _on_delete(self, body):
        if not self.asked:
            self.asked = True
            self.before()
            self.cluster.kill("apiserver")
            self.began.set()
        self.began.wait(60)  # a second try, where the first took long
        return body


@pytest.mark.each_version
@pytest.mark.parts
@pytest.mark.timeout(200)
def test_the_api_server_dies_before_the_deletion_and_comes_back(cluster, kube, api_peer):
    teardown = Teardown(cluster, kube, api_peer)
    running = kube.start(document(step("a", "echo said; exit 5")), env=teardown.env, limit=150)
    assert teardown.began.wait(60)
    cluster.start("apiserver")
    result = running.finish()
    assert (output(result, "a"), result.code) == ("said\n", 1), result
    assert kube.namespace.pods() == [], result


@pytest.mark.parts
@pytest.mark.timeout(300)
def test_the_api_server_is_away_for_longer(cluster, kube, api_peer):
    """One run waits for its deletion: for a minute, then it says what is left, and what takes it away. Another is in
    the middle: it says so once, and once that it is over, and nothing of it is lost."""
    others = []

    def begin():
        others.append(kube.start(document(
            step("a", "echo up; sleep 10; seq 1 6000"),
            step("b", "echo b; exit 3", retry={"attempts": 2, "on": ["exit"]}, ignore_err=True), step("c", "echo c")),
            "--on-loss keep --keep 10m", limit=280))
        others[0].line("up\\n")

    teardown = Teardown(cluster, kube, api_peer, begin)
    running = kube.start(document(step("a", "echo said")), env=teardown.env, limit=280)
    assert teardown.began.wait(120)
    other = others[0]
    other.line("the API server does not answer (tried again)")
    result = running.finish()
    cluster.start("apiserver")
    run = result.ended["run"]
    assert (output(result, "a"), result.code) == ("said\n", 0), result
    assert f"what is left of run {run} cannot be removed" in result.text, result
    assert f"sweep --backend kubernetes --run {run}" in result.text, result
    result = other.finish()
    assert [text for text in warnings(result) if "API server" in text] == [
        "the API server does not answer (tried again); the pods go on", "the API server answers again"], result
    assert output(result, "a").split() == ["up", *map(str, range(1, 6001))], result
    assert (output(result, "b"), output(result, "c"), result.code) == ("b\nb\n", "c\n", 0), result
    assert len(kube.namespace.pods()) == 1
    assert kube.command_line(["sweep", "--backend", "kubernetes", "--run", run]).code == 0


def terminated(kube):
    """When each container of the only pod has ended, by name; none that has not."""
    statuses = kube.namespace.pod()["status"].get("containerStatuses", [])
    return {one["name"]: one["state"]["terminated"] for one in statuses if "terminated" in one["state"]}


@pytest.mark.each_version
def test_a_pipeline_goes_on_while_the_engine_is_away(kube):
    """Stopped from its first step on until all are over. It finds each with its output, in order, and as it ended."""
    names = ["a", "b", "c", "d", "e"]
    running = kube.start(document(step("a", "echo up; sleep 2; seq 1 20000"),
                                  step("b", "echo b; exit 7", ignore_err=True),
                                  step("c", "echo sorry", run_policy="on-failure"), step("d", "sleep 1; echo d"),
                                  step("e", "echo e")), limit=120)
    running.line("up\\n")
    running.signal(signal.SIGSTOP)
    wait_for(lambda: len(terminated(kube)) == 5, 60)
    running.signal(signal.SIGCONT)
    result = running.finish()
    assert result.code == 0, result
    assert [output(result, name) for name in names] == ["up\n" + "".join(f"{n}\n" for n in range(1, 20001)), "b\n", "",
                                                       "d\n", "e\n"], result
    moves = [(event["step"], event["to"]) for event in result.events if event["event"] == "step"]
    assert [name for name, to in moves if to == "running"] == ["a", "b", "d", "e"], result
    for name in ("a", "b", "d", "e"):
        assert moves.index((name, "running")) < moves.index((name, "ended")), result
    said = [event["step"] for event in result.events if event["event"] == "output"]
    assert said == sorted(said), result
    assert {name: how.get("exit_code") for name, how in result.ends.items() if name != "c"} == dict(a=0, b=7, d=0, e=0), result
    assert result.ends["c"]["skip"] == "nothing-failed", result
