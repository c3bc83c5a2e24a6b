# SPDX-License-Identifier: MIT
"""The clusters of the tests are what tests/cluster/README.md says, and leave nothing: other tests lean on them."""
import os
import signal
import subprocess
from pathlib import Path

import pytest

from kube import Cluster, wait_for
from rest import RestError
from services import SERVICES

pytestmark = pytest.mark.each_version


def pod(name, script, image="alpine:3.6"):
    return {"metadata": {"name": name}, "spec": {"restartPolicy": "Never", "containers": [
        {"name": "c", "image": image, "command": ["sh", "-c", script]}]}}


@pytest.fixture
def namespace(cluster):
    made = cluster.namespace()
    yield made
    made.clear()
    made.remove()


def state_of(namespace):
    return namespace.status("c")["state"].get("terminated")


def test_a_pod_says_something_and_fails(namespace):
    namespace.post("pods", pod("p", "echo out; exit 7"))
    assert wait_for(lambda: namespace.pod()["status"]["phase"] == "Failed" and state_of(namespace))["exitCode"] == 7
    assert namespace.get("pods/p/log", container="c") == b"out\n"


@pytest.mark.parts
def test_version_and_images(cluster, namespace):
    made_of = {"kube-1.36": "v1.36.3", "kube-1.34": "v1.34.4", "kube-1.20": "v1.20.15"}
    assert cluster.get("/version")["gitVersion"] == made_of[cluster.name]
    namespace.post("pods", pod("p", "cat /etc/os-release", "127.0.0.1:5000/alpine:3.6"))
    assert wait_for(lambda: namespace.pod()["status"]["phase"] == "Succeeded")


def test_the_account_has_its_role_and_no_more(cluster, namespace):
    def may(verb, resource, subresource="", where=namespace.name):
        review = cluster.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": {
            "user": f"system:serviceaccount:{namespace.name}:{namespace.account}",
            "resourceAttributes": {"namespace": where, "verb": verb, "resource": resource, "subresource": subresource}}})
        return review["status"]["allowed"]

    assert may("create", "pods") and may("get", "pods", "log") and may("create", "secrets")
    assert not may("list", "secrets") and not may("create", "pods", "exec") and not may("create", "configmaps")
    assert not may("get", "pods", where="default") and not may("create", "namespaces", where="")


@pytest.mark.parts
def test_the_api_server_is_killed_and_comes_back(cluster, namespace):
    namespace.post("pods", pod("p", "while [ ! -e /tmp/end ]; do sleep 0.1; done & sleep 3; exit 5"))
    wait_for(lambda: namespace.pod()["status"]["phase"] == "Running")
    before = cluster.pid("apiserver")
    cluster.kill("apiserver")
    with pytest.raises(RestError):
        namespace.pods()
    cluster.start("apiserver")
    assert cluster.pid("apiserver") != before
    assert wait_for(lambda: state_of(namespace))["exitCode"] == 5


@pytest.mark.parts
@pytest.mark.timeout(120)
def test_nothing_outlives_the_owner(cluster):
    owner = subprocess.Popen(["sleep", "1000"])
    doomed = Cluster(cluster.version)
    doomed.state = doomed.state.with_name(f"{doomed.state.name}-doomed")
    try:
        doomed._run("up", doomed.version, "--owner", str(owner.pid))
        mounts = Path("/proc/self/mounts").read_text()
        first, kubelet = doomed.netns_pid, doomed.pid("kubelet")
        group = subprocess.check_output([SERVICES / "room", "cgroup", doomed.state], text=True).strip()
        assert list(Path("/sys/fs/cgroup").glob(f"*{group}"))
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        wait_for(lambda: not doomed.state.exists())
        assert not os.path.exists(f"/proc/{first}") and not os.path.exists(f"/proc/{kubelet}")
        assert Path("/proc/self/mounts").read_text() == mounts
        assert not list(Path("/sys/fs/cgroup").glob(f"*{group}"))
    finally:
        owner.kill()
        owner.wait()
        doomed.down()
