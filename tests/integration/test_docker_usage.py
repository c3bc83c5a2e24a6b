# SPDX-License-Identifier: MIT
"""What a step used (CPU, memory, disk) is in its end, however it ended."""
import signal

from docker_steps import document, end, step

MIB = 1024 * 1024
BURN = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; "
GROW = "head -c 30000000 /dev/zero | tail -c 30000000 >/dev/null; "
WRITE = "dd if=/dev/zero of=/x bs=1M count=8 conv=fsync 2>/dev/null; "


def used(result, name):
    usage = end(result, name)["usage"]
    assert usage["cpu_user_us"] + usage.get("cpu_system_us", 0) > 50000, result
    return usage


def test_each_number_follows_what_the_step_does(run):
    result = run(document(step("idle"), step("grow", GROW), step("write", WRITE), step("burn", BURN)))
    usage = {name: end(result, name)["usage"] for name in ("idle", "grow", "write", "burn")}
    assert result.code == 0
    assert usage["idle"]["memory_peak"] < 10 * MIB < 25 * MIB < usage["grow"]["memory_peak"] < 100 * MIB
    assert usage["write"]["written_bytes"] >= 8 * MIB > usage["idle"].get("written_bytes", 0)
    assert usage["burn"]["cpu_user_us"] > 100000 > usage["idle"].get("cpu_user_us", 0)


def test_it_is_there_however_the_step_ends(run):
    doc = document(step("fails", BURN + "exit 3", ignore_err=True),
                   step("dies", BURN + "kill -9 $$", ignore_err=True),
                   step("late", BURN + "sleep 60", timeout="4s", ignore_err=True),
                   step("deaf", "trap '' TERM; " + BURN + "while :; do sleep 1; done", timeout="4s", ignore_err=True),
                   step("memory", BURN + "x=a; while :; do x=$x$x; done", ignore_err=True,
                        resources={"limits": {"memory": 33554432}}),
                   step("again", BURN + "exit 1", retry={"attempts": 2}, ignore_err=True))
    result = run(doc, "--grace 1s", limit=120)
    # No cgroup is delegated to the tests' ordinary user: there, a limit of the process itself fails the allocation.
    out_of_memory = "exit" if getattr(run, "user", "root") == "user" else "oom"
    assert [end(result, name)["reason"] for name in ("fails", "dies", "late", "deaf", "memory", "again")] == [
        "exit", "signal", "timeout", "timeout", out_of_memory, "exit"], result
    for name in ("fails", "dies", "late", "memory", "again"):
        used(result, name)
    first, second = [e["end"] for e in result.events if e.get("step") == "again" and "end" in e]
    assert first["usage"] and second["usage"] and first["will_retry"]


def test_a_cancelled_step_has_it_too(run):
    running = run.start(document(step("a", BURN + "echo up; sleep 60")))
    running.line("up\\n")
    running.signal(signal.SIGINT)
    used(running.finish(), "a")
