#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures the local backend against a bare sandbox (bubblewrap with the same namespaces) and against Docker.

    bench/local.py BUILD        DOCKER_HOST is the daemon to compare with; without it that row is left out

Each figure includes the start of the program. Pairs are interleaved, figures are medians; a Markdown table.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DOCKER = [os.environ.get("DOCKER", "/usr/bin/docker"), "run", "--rm", "alpine:3.6", "/bin/true"]
BARE = ["/usr/bin/bwrap", "--unshare-all", "--die-with-parent", "--bind", "/", "/", "--proc", "/proc", "--dev", "/dev",
        "--tmpfs", "/tmp", "/bin/true"]
NOBODY = ["/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]


def step(name, *command, **more):
    return {"metadata": {"name": name}, "docker": {"image": "none", "command": list(command)}, **more}


def taken(args, times=1):
    began = time.monotonic()
    for _ in range(times):
        subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


def pairs(ours, theirs, n):
    """The first pair is to warm up: (median of ours, median of theirs, median of the ratios)."""
    both = [(ours(), theirs()) for _ in range(n + 1)][1:]
    return (statistics.median(a for a, _ in both), statistics.median(b for _, b in both),
            statistics.median(a / b for a, b in both))


class Bench:
    def __init__(self, build):
        build = Path(build).resolve()
        self.program = [str(build / "bench" / "pipeline-runtime"), "--backend", "local", "--rootfs", "host"]
        self.folder = tempfile.mkdtemp()
        os.chmod(self.folder, 0o777)
        os.environ.update(PLR_BACKEND_PATH=str(build / "backends" / "modules"),
                          PLR_LIBEXEC_PATH=str(build / "libexec"), XDG_DATA_HOME=self.folder, HOME=self.folder)

    def command(self, steps, *flags, store="root"):
        path = Path(self.folder) / f"{len(steps)}.json"
        path.write_text(json.dumps({"steps": steps}))
        path.chmod(0o644)
        return [*self.program, "-q", "run", *flags, "--store", f"{self.folder}/{store}", str(path)]

    def row(self, what, a, b, ratio, goal):
        print(f"| {what} | {a * 1000:.1f} ms | {b * 1000:.1f} ms | {ratio:.3g} | {goal} |", flush=True)

    def against_bare(self, user, before):
        for text, flags, goal in (("no network", ("--network", "none"), "2"), ("a way out", (), "-")):
            ours = self.command([step("s", "/bin/true")], *flags, store=user)
            a, b, r = pairs(lambda: taken([*before, *ours]), lambda: taken([*before, *BARE]), 21)
            self.row(f"one `true` step, {user}, {text} (against `bwrap`, no network)", a, b, r, goal)

    def against_docker(self):
        ours = self.command([step(f"s{n}", "/bin/true") for n in range(10)])
        a, b, r = pairs(lambda: taken(ours), lambda: taken(DOCKER, 10), 3)
        self.row("ten `true` steps, root (against ten `docker run --rm`)", a, b, r, "0.025 (1/40)")

    def crowd(self):
        steps = [step("first", "/bin/true")] + [step(f"s{n}", "/bin/true", depends_on=["first"]) for n in range(499)]
        for text, flags in ("all at once", ()), ("8 at once", ("--max-parallel", "8")):
            seconds = taken(self.command(steps, *flags))
            print(f"| 500 steps, {text} | {seconds * 1000:.0f} ms | | | - |", flush=True)

    def memory(self):
        """Peak of each process of a hello world, MiB, looked at while its step runs."""
        command = self.command([step("hello", "/bin/sh", "-c", "echo hello; sleep 1")])
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            process.stdout.readline()
            peaks = [peak(process.pid)] + [peak(child) for child in descendants(process.pid)]
            process.stdout.read()
        print(f"| peak memory of hello world: the engine | {peaks[0]:.1f} MiB | | | 4 MiB |")
        print("| plr-sandbox, outer and inner, plr-init, the command | "
              + ", ".join(f"{one:.1f}" for one in peaks[1:]) + " MiB | | | - |", flush=True)


def peak(pid):
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def descendants(pid):
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield child
        yield from descendants(child)


def main():
    bench = Bench(sys.argv[1])
    print("| What | ours | theirs | ratio | goal |\n|---|---|---|---|---|")
    if os.getuid() == 0:
        bench.against_bare("root", [])
        bench.against_bare("user", NOBODY)
    else:
        bench.against_bare("user", [])
    if os.environ.get("DOCKER_HOST"):
        bench.against_docker()
    bench.crowd()
    bench.memory()


if __name__ == "__main__":
    main()
