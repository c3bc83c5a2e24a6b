# SPDX-License-Identifier: MIT
"""What a step may use, by control groups and where there are none. tests/local/cgroup2 runs it on version 2 of them."""

import os
import signal

from sandbox_peer import NOBODY, Room


def test_a_memory_limit_kills_and_is_told():
    with Room() as room:
        room.ready()
        task = room.held("python3", "-c", "x = bytearray(300 << 20)",
                         fields=[("MEMORY", 64 << 20)])
        task.go()
        end = room.end(task)
        assert (end["status"] >> 8, end["oom"]) == (137, 1)
        assert 50 << 20 < end["memory_peak"] <= 64 << 20
        assert not room.warnings


def test_a_limit_of_processes_holds():
    with Room() as room:
        room.ready()
        code, out, _ = room.run("python3", "-c", """
import os
n = 0
try:
    while n < 100 and os.fork():
        n += 1
    if n == 0:
        os._exit(0)
    if n == 100:
        print("all")
except OSError as error:
    print(error.errno)
""", fields=[("PIDS", 10)])
        assert out.splitlines()[-1:] in (["11"], ["all"]), out
        task = room.held("sh", "-c", "(for i in 1 2 3 4 5 6 7 8 9 10 11; do sleep 30 & done); exec sleep 30",
                         fields=[("PIDS", 6)])
        task.go()
        said = b""
        while b"fork" not in said:
            piece = os.read(task.err, 1000)
            assert piece, said
            said += piece
        room.say("KILL", task.number, signal.SIGKILL)
        assert room.end(task)["status"] == signal.SIGKILL


def test_a_limit_of_processor_time_holds():
    """A tenth. Measured by the step itself: on a machine that is emulated even a shell's start takes its time."""
    with Room() as room:
        room.ready()
        code, out, err = room.run("python3", "-c", """
import time
began, used = time.monotonic(), time.process_time()
while time.process_time() - used < 0.3:
    pass
print((time.process_time() - used) / (time.monotonic() - began))
""", fields=[("CPU", 100)])
        assert code == 0 and float(out) < 0.3, (out, err)


def test_a_step_sees_its_own_limits():
    with Room() as room:
        room.ready()
        version2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
        out = room.shell("cd /sys/fs/cgroup; cat memory.max 2>/dev/null || cat memory/memory.limit_in_bytes; ls;"
                         "(echo 1 > memory/tasks || echo 1 > cgroup.procs) 2>/dev/null || echo readonly",
                         fields=[("MEMORY", 64 << 20), ("PIDS", 20)]).split()
        assert (out[0], out[-1]) == (str(64 << 20), "readonly")
        # Of other groups nothing is to be seen.
        assert version2 or out[1:-1] == ["memory", "pids"]
        assert not any("plr" in name for name in out)


def test_without_control_groups_there_is_a_warning():
    with Room(NOBODY) as room:
        room.ready()
        code, out, err = room.run("python3", "-c", "bytearray(900 << 20)",
                                  fields=[("MEMORY", 200 << 20)])
        assert code == 1 and "MemoryError" in err
        assert any("memory limit" in warning for warning in room.warnings)
