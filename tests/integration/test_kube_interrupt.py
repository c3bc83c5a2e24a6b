# SPDX-License-Identifier: MIT
"""An interrupt on Kubernetes, in whatever phase a run is: the exit code of the man page, and nothing is left.

What waits for a node or for an image that is not to be had is in test_kube_meaning, a step that hears of it or is deaf
in test_faults_engine, on all backends."""
import signal

import pytest

from docker_steps import document, end, output, step
from kube import wait_for
from peer import HOLD, Peer, Silent

TOLD = "trap 'echo told; exit 9' TERM; echo up; while :; do sleep 0.1; done"
DEAF = "trap '' TERM; echo up; while :; do sleep 0.1; done"
SAID = ("once more kills", "once more leaves", "given up")
# As a shell has it: what dies of a signal is 130 to it, too.
INTERRUPTED = (130, -signal.SIGINT)


def cancelled(running, times=1, **limits):
    """Its result, after an interrupt, or as many as are acknowledged one after another."""
    for said in SAID[:times]:
        running.signal()
        running.line(said, "stderr")
    result = running.finish()
    assert (result.code, result.ended["outcome"]) == (130, "cancelled"), result
    return result


def reasons(result):
    return {name: how["reason"] for name, how in result.ends.items()}


def leaves_at_once(running, kube):
    """There is no run yet: it is not waited for what is under way, nor is anything said of it."""
    running.signal()
    result = running.finish()
    assert result.code in INTERRUPTED and result.stdout == b"" and "answer" not in result.stderr, result
    assert kube.namespace.pods() == []


def test_while_it_connects(cluster, kube):
    with Silent(netns=cluster.netns_pid) as server:
        kube.own["KUBECONFIG"] = str(kube.namespace.write_kubeconfig("silent", server=f"https://127.0.0.1:{server.port}"))
        running = kube.start(document(step("a")))
        wait_for(lambda: server.requests)
        leaves_at_once(running, kube)


def test_while_it_asks_for_its_rights(kube, proxy):
    proxy.play("POST", "/apis/authorization", HOLD)
    running = kube.start(document(step("a")))
    wait_for(lambda: proxy.seen("POST", "/apis/authorization"))
    leaves_at_once(running, kube)


def test_while_a_registry_is_asked(cluster, kube, proxy):
    """What an image runs: nothing of it is waited for, nor made."""
    with Peer(netns=cluster.netns_pid) as slow:
        slow.play("GET|HEAD", "/v2/", HOLD)
        running = kube.start({"steps": [{"metadata": {"name": "a"}, "docker": {"image": f"127.0.0.1:{slow.port}/slow:1"}}]})
        wait_for(lambda: slow.seen("GET|HEAD", "/v2/"))
        result = cancelled(running)
        assert reasons(result) == {"a": "skipped"} and proxy.seen("POST", r".*/(pods|secrets)") == []
        assert "notice" not in [event["event"] for event in result.events], "that it does not answer"


@pytest.mark.parametrize("nth, path", [(1, r".*/secrets$"), (1, r".*/pods\?"), (2, r".*/secrets$")],
                         ids=["init", "pod", "secret"])
def test_while_its_objects_are_made(kube, proxy, nth, path):
    """The request is on its way when the interrupt comes: what it makes goes, too, and nothing more is made. A pod that
    waits for its Secrets never gets a node, however long its deletion takes."""
    seen = []

    def meddle(body):
        seen.append(body)
        if len(seen) == nth:
            running.signal()
            running.line("once more kills", "stderr")
        return body

    proxy.change("POST", path, meddle)
    running = kube.start(document(step("a", secrets=[{"name": "t", "env": "T"}]), step("c", run_policy="always"),
                                  secrets=[{"metadata": {"name": "t"}, "data": "correct-horse"}]))
    result = running.finish()
    assert len(seen) == nth and (result.code, result.ended["outcome"]) == (130, "cancelled"), result
    assert reasons(result) == {"a": "skipped", "c": "skipped"}, result
    posted = [request.path.partition("?")[0].rpartition("/")[2] for request in proxy.seen("POST", r".*/(pods\?|secrets$)")]
    assert posted == ["secrets", "pods", "secrets"][:len(posted)] and posted[-1] in path, posted
    assert proxy.seen("PATCH", r".*/pods/") == [], "so it was let go"


@pytest.mark.each_version
@pytest.mark.parts
def test_while_an_image_is_pulled(cluster, kube, layout):
    """From a registry that takes its time."""
    with Peer(netns=cluster.netns_pid) as slow:
        slow.play("GET|HEAD", "/v2/", HOLD)
        running = kube.start(document(step("a", image=f"127.0.0.1:{slow.port}/slow:1"), step("b")), "--kube-image-grace 10m")
        wait_for(lambda: slow.seen("GET|HEAD", "/v2/slow/manifests"))
        assert reasons(cancelled(running)) in ({"a": "cancelled", "b": "skipped"}, {"a": "skipped", "b": "skipped"})
        assert kube.namespace.leftovers() == []


@pytest.mark.parametrize("times", [1, 2])
def test_while_a_service_starts(kube, layout, times):
    """The steps are held. The service has run, so what always runs does."""
    service = step("db", TOLD, ready={"exec": ["false"], "timeout": "10m"})
    running = kube.start(document(step("a", "echo ran"), step("c", "echo ran", run_policy="always"), services=[service]))
    running.line("up\\n")
    result = cancelled(running, times)
    assert reasons(result) == {"db": "cancelled", "a": "skipped", "c": "exit" if times == 1 else "skipped"}, result
    assert output(result, "a") == "", result


@pytest.mark.each_version
def test_between_two_steps(kube, layout):
    """One has ended, the next has been told, or is to get its image."""
    running = kube.start(document(step("a"), step("b", "echo ran; sleep 1000", docker={"pull_policy": "always"}),
                                  step("c", "echo cleaned", run_policy="always")))
    running.event(event="step", step="a", to="ended")
    result = cancelled(running)
    assert end(result, "b")["reason"] in ("skipped", "cancelled") and output(result, "c") == "cleaned\n", result


def test_between_two_attempts(kube, layout):
    running = kube.start(document(step("a", "exit 3", retry={"attempts": 2, "backoff": "10m"})))
    running.event(event="step", step="a", to="ended")
    cancelled(running)


@pytest.mark.parametrize("times", [2, 3])
def test_again_and_again_while_a_step_runs(kube, layout, times):
    """It is deaf, and so is what runs always. The third leaves it all, and says what takes it away."""
    running = kube.start(document(step("a", DEAF), step("b", DEAF, run_policy="always")), "--grace 10m")
    running.line("up\\n")
    result = cancelled(running, times)
    assert output(result, "b") == "", result
    if times == 3:
        assert f"sweep --run {result.ended['run']}" in result.stderr, result
        assert kube.command_line(["sweep", "--backend", "kubernetes"]).code == 0


def test_while_a_hook_runs(kube, layout):
    """The first leaves it, as the steps are over; the second kills it."""
    running = kube.start(document(step("a"), hooks={"always": [step("hook", TOLD)]}))
    running.line("up\\n")
    result = cancelled(running, 2)
    assert end(result, "hook")["reason"] == "cancelled", result


def test_while_it_is_torn_down(kube, layout, proxy):
    """All has ended by then: the first two change nothing, the third leaves what is there, and that is told apart."""
    proxy.play("DELETE", "/api", HOLD)
    running = kube.start(document(step("a")))
    wait_for(lambda: proxy.seen("DELETE", "/api"))
    for said in SAID:
        running.signal()
        running.line(said, "stderr")
    result = running.finish()
    assert (result.code, result.ended["outcome"]) == (130, "cancelled"), result
    proxy.behave()
    assert kube.command_line(["sweep", "--backend", "kubernetes", "--run", result.ended["run"]]).code == 0
