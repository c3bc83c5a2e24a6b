#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The command on the fake backend, as a process: time from its start to its first event, and its peak memory.

    bench/start.py BUILD
"""
import json
import statistics
import subprocess
import sys
import time

RUNS = 50


def document(fake):
    step = {"metadata": {"name": "hello"}, "docker": {"image": "alpine:3.6"}, "environment": {"FAKE": fake}}
    return json.dumps({"steps": [step]}).encode()


def first_line(args):
    """Milliseconds until the first line of output."""
    began = time.monotonic()
    process = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    process.stdin.write(document("out hello"))
    process.stdin.close()
    process.stdout.readline()
    taken = time.monotonic() - began
    process.stdout.read()
    assert process.wait() == 0, args
    return taken * 1000


def peak(args):
    """MiB, looked at while its step runs: what a child inherits from this program would count at its end."""
    process = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    process.stdin.write(document("out hello;sleep 300ms"))
    process.stdin.close()
    while b"hello" not in (line := process.stdout.readline()) or b"output" not in line:
        pass
    with open(f"/proc/{process.pid}/status") as status:
        high = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    process.stdout.read()
    assert process.wait() == 0, args
    return high / 1024


def main():
    program = f"{sys.argv[1]}/bench/pipeline-runtime"
    command = [program, "--backend", "fake", "--output", "json", "run", "-"]
    ours = [first_line(command) for _ in range(RUNS)]
    bare = [first_line(["/bin/cat"]) for _ in range(RUNS)]
    print(f"start to the first event, fake backend: median {statistics.median(ours):.2f} ms, "
          f"least {min(ours):.2f} ms (/bin/cat in the same way: {statistics.median(bare):.2f} ms)")
    print(f"peak memory of hello world, fake backend: {peak(command):.1f} MiB")


if __name__ == "__main__":
    main()
