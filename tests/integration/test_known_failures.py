# SPDX-License-Identifier: MIT
"""Defects of other engines of this kind that nothing else here is about; tests/README.md has the whole list."""
import ipaddress
import signal

import pytest

from docker_steps import document, end, output, step, warnings
from peer import HOLD, HTTP_500


@pytest.mark.once
@pytest.mark.parametrize("state", ["preparing", "starting"])
def test_a_step_that_is_cancelled_on_its_way_leaves_no_orphan(docker, run, state):
    """Others tear down, while the step goes on to create and start its container."""
    running = run.start(document(step("a", "sleep 1000"), step("b"), volumes=[{"metadata": {"name": "v"}, "temp": {}}]),
                        "--network isolated")
    running.event(event="step", step="a", to=state)
    running.signal(signal.SIGINT)
    result = running.finish()
    assert result.code == 130, result
    assert docker.leftovers() == [], result


@pytest.mark.once
def test_an_interrupt_ends_a_pull(docker, bad_registry, run):
    bad_registry.play("GET|HEAD", "/v2/alpine/manifests/", HOLD)
    image = f"127.0.0.1:{bad_registry.port}/alpine:3.6"
    running = run.start(document(step("a", image=image, docker={"pull_policy": "always"}), step("b")))
    running.event(event="step", step="a", to="preparing")
    running.signal(signal.SIGINT)
    result = running.finish()
    assert result.code == 130, result
    assert docker.leftovers() == [], result


@pytest.mark.both_ways
def test_an_end_comes_after_the_last_line(run):
    result = run(document(*[step(f"s{i}", "seq 1 20000; echo last", depends_on=["first"]) for i in range(4)], step("first")))
    assert result.code == 0, result
    for name in (f"s{i}" for i in range(4)):
        mine = [e for e in result.events if e.get("step") == name]
        assert output(result, name).endswith("20000\nlast\n")
        assert mine[-1]["event"] == "step" and mine[-1]["to"] == "ended", mine[-1]


@pytest.mark.not_in_a_pod("devices want a plugin of the node")
def test_a_device_needs_no_volume(run):
    doc = document(step("a", "test -c /dev/mine && head -c 2 /dev/mine | od -An -tx1 | tr -d ' '",
                        devices=[{"name": "zero", "path": "/dev/mine"}]),
                   volumes=[{"metadata": {"name": "zero"}, "host": {"path": "/dev/zero"}}])
    result = run(doc)
    assert (result.code, output(result, "a")) == (0, "0000\n"), result


@pytest.mark.once
def test_what_could_not_be_removed_is_said(docker, peer, pipeline_runtime):
    there = peer(docker)
    there.play("DELETE", "/containers/", HTTP_500)
    result = pipeline_runtime(f"--backend docker --docker-host {there.host} --output json run -", document(step("a", "echo one")))
    assert output(result, "a") == "one\n" and end(result, "a")["exit_code"] == 0, result
    left = docker.leftovers()
    assert len(left) == 1 and "it broke" in " ".join(warnings(result)) + result.stderr, result
    docker.clear()


@pytest.mark.both_ways
def test_what_a_step_used_is_told(run):
    busy = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"
    result = run(document(step("a", busy), step("b", "exit 3", run_policy="always")))
    usage = end(result, "a")["usage"]
    assert usage["cpu_user_us"] > 10_000 and 100_000 < usage["memory_peak"] < 100_000_000, result
    assert "usage" in end(result, "b"), "a failed one, too"


@pytest.mark.daemon("docker-20.10", "moby-today")
def test_a_network_with_ipv6(run):
    result = run(document(step("a", "ip -6 addr show dev eth0 scope global | sed -n 's/.*inet6 //p'"), step("b")),
                 "--network isolated --docker-ipv6")
    assert result.code == 0, result
    address = ipaddress.ip_interface(output(result, "a").split()[0])
    assert address.version == 6 and address.is_private and address.network.prefixlen == 64
