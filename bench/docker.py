#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures pipeline-runtime on Docker against what a user would run instead, `docker run --rm`.

    bench/docker.py BUILD       BUILD has pipeline-runtime; DOCKER_HOST (or tests/services/docker) is the daemon

Pairs are interleaved, so that a busy moment of the machine hits both; figures are medians, and the ratios of one
run are what to trust. Prints rows of a Markdown table.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

IMAGE = "alpine:3.6"
DOCKER = os.environ.get("DOCKER", "/usr/bin/docker")
PAIRS = 7


def step(name, script, **more):
    return {"metadata": {"name": name}, "docker": {"image": IMAGE, "command": ["/bin/sh", "-c", script]}, **more}


def true_step(name, **more):
    return {"metadata": {"name": name}, "docker": {"image": IMAGE, "command": ["/bin/true"]}, **more}


class Bench:
    def __init__(self, build):
        self.program = [str(Path(build) / "bench" / "pipeline-runtime"), "--backend", "docker", "--output", "plain", "-q", "run"]
        self.folder = tempfile.mkdtemp()

    def document(self, steps):
        path = Path(self.folder) / "document.json"
        path.write_text(json.dumps({"steps": steps}))
        return str(path)

    def ours(self, steps, stdout=subprocess.DEVNULL):
        document = self.document(steps)
        began = time.monotonic()
        subprocess.run([*self.program, document], stdout=stdout, stderr=subprocess.DEVNULL, check=True)
        return time.monotonic() - began

    def docker(self, *command, times=1, stdout=subprocess.DEVNULL):
        began = time.monotonic()
        for _ in range(times):
            subprocess.run([DOCKER, "run", "--rm", IMAGE, *command], stdout=stdout, check=True)
        return time.monotonic() - began

    def docker_at_once(self, times):
        began = time.monotonic()
        running = [subprocess.Popen([DOCKER, "run", "--rm", IMAGE, "/bin/true"]) for _ in range(times)]
        assert all(process.wait() == 0 for process in running)
        return time.monotonic() - began

    def pairs(self, ours, theirs, n=PAIRS):
        """Both in turn, the first pair is to warm up: (median of ours, median of theirs, median of the ratios)."""
        taken = [(ours(), theirs()) for _ in range(n + 1)][1:]
        return (statistics.median(a for a, _ in taken), statistics.median(b for _, b in taken),
                statistics.median(a / b for a, b in taken))

    def memory(self):
        """Peak and private memory of hello world, MiB: private is looked at while its step runs."""
        document = self.document([step("hello", "echo hello; sleep 1")])
        process = subprocess.Popen([*self.program, document], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        process.stdout.readline()
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.stdout.read()
        assert process.wait() == 0
        # What nobody else could share; clean pages of libraries are counted as private only while no other
        # process has them mapped.
        private = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Private_Dirty:"))
        peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        return peak / 1024, private / 1024


def row(what, ours, theirs, ratio, goal):
    print(f"| {what} | {ours} | {theirs} | {ratio} | {goal} |", flush=True)


def seconds(value):
    return f"{value:.3f} s"


def main():
    bench = Bench(sys.argv[1])
    print("| What | ours | `docker run --rm` | ratio | goal |\n|---|---|---|---|---|")
    a, b, r = bench.pairs(lambda: bench.ours([true_step("s")]), lambda: bench.docker("/bin/true"), 11)
    row("one `true` step", seconds(a), seconds(b), f"{r:.2f}", "1.1")
    ten = [true_step(f"s{i}") for i in range(10)]
    a, b, r = bench.pairs(lambda: bench.ours(ten), lambda: bench.docker("/bin/true", times=10), 3)
    row("ten `true` steps", seconds(a), seconds(b), f"{r:.2f}", "0.3")
    slow = [step(f"s{i}", "sleep 0.5") for i in range(10)]
    cost = statistics.median((bench.ours(slow) - 5) / 10 for _ in range(3))
    row("cost of a step (ten of 0.5 s)", f"{cost * 1000:.0f} ms", "", "", "30 ms")
    flood = "i=0; while [ $i -lt 10 ]; do cat /tmp/lines; i=$((i+1)); done"
    make = "yes " + "x" * 98 + " | head -n 100000 > /tmp/lines; " + flood
    with tempfile.TemporaryFile() as sink:
        a, b, r = bench.pairs(lambda: bench.ours([step("s", make)], sink),
                              lambda: bench.docker("/bin/sh", "-c", make, stdout=sink), 3)
    row("100 MB in lines of 100 bytes, into a file", seconds(a), seconds(b), f"{r:.2f}", "1.0")
    independent = [true_step("first")] + [true_step(f"s{i}", depends_on=["first"]) for i in range(20)]
    a, b, r = bench.pairs(lambda: bench.ours(independent), lambda: bench.docker_at_once(21), 3)
    row("21 steps, 20 at once", seconds(a), seconds(b), f"{r:.2f}", "-")
    peak, private = bench.memory()
    row("memory of hello world, peak", f"{peak:.1f} MiB", "", "", "11 MiB")
    row("of which private", f"{private:.1f} MiB", "", "", "3 MiB")


if __name__ == "__main__":
    main()
