#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Measures the Kubernetes backend on a cluster of the tests', or on the one that KUBECONFIG_FOR_TESTS names: a whole
run against as many pods in a row, which is what a pod for each step costs at least; what lies between two steps; how
often the API server is asked; the engine's memory.

    bench/kubernetes.py BUILD [times|release|requests|memory]...

Pairs are interleaved and figures are medians, of which the ratios are what to trust. A Markdown table.
"""
import collections
import contextlib
import http.client
import itertools
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "integration"))
import kube  # noqa: E402
from peer import Peer  # noqa: E402

IMAGE = "alpine:3.6"
STEPS = 10
# A shell's clock has microseconds.
STAMPS = "echo begins $EPOCHREALTIME; echo ends $EPOCHREALTIME"


def shell(name, script):
    return {"metadata": {"name": name}, "docker": {"image": IMAGE, "command": ["/bin/sh", "-c", script]}}


def steps(script, n=STEPS, first=None, last=None):
    scripts = [first or script, *[script] * (n - 2), last or script] if n > 1 else [script]
    return [shell(f"s{i}", one) for i, one in enumerate(scripts)]


class Pods:
    """Pods made by hand, one after another: each is created, watched until it has succeeded, and removed."""

    def __init__(self, namespace):
        self.namespace, self.numbers = namespace, itertools.count()

    def run(self, times):
        for _ in range(times):
            name = f"by-hand-{next(self.numbers)}"
            self.namespace.post("pods", {"metadata": {"name": name}, "spec": {
                "restartPolicy": "Never", "automountServiceAccountToken": False,
                "containers": [{"name": "s", "image": IMAGE, "command": ["/bin/true"]}]}})
            self._wait(name)
            self.namespace.delete(f"pods/{name}", gracePeriodSeconds="0")

    def _wait(self, name):
        connection = http.client.HTTPConnection("api")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.namespace.cluster.path)
        with contextlib.closing(connection):
            connection.request("GET", f"{self.namespace.path}/pods?watch=1&fieldSelector=metadata.name%3D{name}")
            for line in connection.getresponse():
                phase = json.loads(line)["object"]["status"].get("phase")
                assert phase != "Failed", line
                if phase == "Succeeded":
                    return


class Bench:
    def __init__(self, build, cluster, namespace):
        build = Path(build).resolve()
        os.environ["PLR_BACKEND_PATH"] = str(build / "backends" / "modules")
        self.cluster, self.namespace, self.pods = cluster, namespace, Pods(namespace)
        self.program = [*cluster.enter, str(build / "bench" / "pipeline-runtime"), "--backend", "kubernetes", "--output",
                        "plain", "-q", "run"]
        self.folder = tempfile.mkdtemp()

    def command(self, document, kubeconfig=None):
        path = Path(self.folder) / "document.json"
        path.write_text(json.dumps({"steps": document}))
        return [*self.program, "--kube-config", str(kubeconfig or self.namespace.kubeconfig), str(path)]

    def ours(self, document, kubeconfig=None, code=0):
        done = subprocess.run(self.command(document, kubeconfig), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode == code, done.stderr
        return done.stdout

    def pairs(self, n_steps, n):
        """(median of ours, median of pods in a row, median of the ratios); the first pair is to warm up."""
        document = steps("true", n_steps)
        both = [(taken(lambda: self.ours(document)), taken(lambda: self.pods.run(n_steps))) for _ in range(n + 1)][1:]
        return (statistics.median(a for a, _ in both), statistics.median(b for _, b in both),
                statistics.median(a / b for a, b in both))

    def gaps(self, rounds):
        """Seconds between the last thing that a step does and the first of the next one, all containers being up."""
        document = steps(STAMPS, first="sleep 5; " + STAMPS)
        for _ in range(rounds):
            stamps = [float(stamp) for stamp in re.findall(r"(?:begins|ends) (\S+)", self.ours(document))]
            assert len(stamps) == 2 * STEPS
            yield from (begin - end for end, begin in zip(stamps[1::2], stamps[2::2]))

    def requests(self, document, code=0):
        """What the API server is asked for, in words."""
        netns = getattr(self.cluster, "netns_pid", None)
        with Peer(netns=netns, upstream=self.cluster.path) as peer:
            config = self.namespace.write_kubeconfig("counted", server=f"http://127.0.0.1:{peer.port}")
            self.ours(document, config, code)
            kinds = collections.Counter(map(kind_of, peer.requests))
        return f"{kinds.total()} ({', '.join(f'{n} {kind}' for kind, n in sorted(kinds.items()))})"

    def memory(self, document):
        """Peak and private memory, MiB: looked at while the last step runs."""
        with subprocess.Popen(self.command(document), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            while b"last" not in process.stdout.readline():
                pass
            rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
            status = Path(f"/proc/{process.pid}/status").read_text()
            process.stdout.read()
        assert process.returncode == 0
        # What nobody else could share; clean pages of libraries are counted as private only while no other
        # process has them mapped.
        return (kib(status, "VmHWM") / 1024, kib(rollup, "Private_Dirty") / 1024)

    def memory_of_curl(self):
        """Peak of Debian's curl that watches the same pods, MiB: what TLS and its libraries cost anybody."""
        token, path = self.namespace.token(), f"{self.namespace.path}/pods?watch=1"
        with subprocess.Popen([*self.cluster.enter, "curl", "-skNo", "/dev/null", "-w", "%{http_code}", "-H",
                               f"Authorization: Bearer {token}", "--max-time", "2", self.cluster.where()["server"] + path],
                              stdout=subprocess.PIPE) as process:
            time.sleep(1)
            peak = kib(Path(f"/proc/{process.pid}/status").read_text(), "VmHWM") / 1024
            assert process.stdout.read() == b"200"
        return peak


def kib(text, name):
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(name + ":"))


def kind_of(request):
    """One of a few words."""
    path, _, query = request.path.partition("?")
    if "watch=1" in query:
        return "watch"
    if path.endswith("/log"):
        return "log"
    if request.method == "PATCH":
        return "word, or change"
    return {"GET": "list", "POST": "create or review", "DELETE": "delete"}[request.method]


def taken(what):
    began = time.monotonic()
    what()
    return time.monotonic() - began


def row(what, ours, theirs="", ratio="", goal="-"):
    print(f"| {what} | {ours} | {theirs} | {ratio} | {goal} |", flush=True)


def times(bench):
    for n, pairs, goal in (1, 3, "-"), (STEPS, 2, "0.2"):
        a, b, r = bench.pairs(n, pairs)
        row(f"{n} `true` step{'s' * (n > 1)}, the whole run", f"{a:.2f} s", f"{b:.2f} s", f"{r:.2f}", goal)


def release(bench):
    gaps = sorted(bench.gaps(3))
    row("from one step's end to the next one's beginning, median", f"{statistics.median(gaps) * 1000:.1f} ms", goal="10 ms")
    row("the longest of these", f"{gaps[-1] * 1000:.1f} ms")


def requests(bench):
    for what, document, code in (("that all end before the first is seen", steps("true"), 0),
                                 ("of a second each", steps("sleep 1.2"), 0),
                                 ("of which the first fails", steps("true", first="sleep 4; exit 3"), 1)):
        row(f"requests of {STEPS} steps {what}", bench.requests(document, code), goal=f"{3 * STEPS + 10}, 1 watch")


def memory(bench):
    last = "echo last; sleep 2"
    for what, document in (("hello world", steps(last, 1)),
                           (f"{STEPS} steps of a second each", steps("echo hello; sleep 1", last=last)),
                           (f"{STEPS} steps that all end before the first is seen", steps("echo hello", last=last))):
        peak, private = bench.memory(document)
        row(f"memory of {what}: peak, private", f"{peak:.1f}, {private:.1f} MiB", goal="12, 4 MiB")
    row("`curl` that only watches, peak", f"{bench.memory_of_curl():.1f} MiB")


PARTS = {"times": times, "release": release, "requests": requests, "memory": memory}


def main():
    name, make = next(iter(kube.CLUSTERS.items()))
    cluster = make().up()
    try:
        namespace = cluster.namespace()
        print(f"On {name}.\n")
        bench = Bench(sys.argv[1], cluster, namespace)
        print("| What | ours | pods in a row | ratio | goal |\n|---|---|---|---|---|")
        for part in sys.argv[2:] or PARTS:
            PARTS[part](bench)
        namespace.remove()
    finally:
        cluster.down()


if __name__ == "__main__":
    main()
