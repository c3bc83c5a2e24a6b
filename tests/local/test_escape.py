# SPDX-License-Identifier: MIT
"""What a step tries against its sandbox, as its root, in the view of the machine: none of it may
work."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from sandbox_peer import HOST, NONE, ROOM, Room, read_all


LIBC = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    result = getattr(libc, name)(*arguments)
    print(name, "worked" if result >= 0 else os.strerror(ctypes.get_errno()), flush=True)
def syscall(number, *arguments):
    result = libc.syscall(number, *arguments)
    print(number, "worked" if result >= 0 else os.strerror(ctypes.get_errno()), flush=True)
"""


def python(room, script, **more):
    code, out, err = room.run("python3", "-c", LIBC + script, **more)
    assert code == 0, err
    assert out.strip(), "it said nothing"
    return out


def test_processes_outside_are_neither_seen_nor_killed(room):
    other = subprocess.Popen(["sleep", "1000"])
    try:
        out = python(room, f"""
print(sorted(int(name) for name in os.listdir("/proc") if name.isdigit()))
for pid in ({other.pid}, {os.getpid()}):
    try:
        os.kill(pid, 9)
        print("killed")
    except OSError as error:
        print(error.strerror)
try:
    os.kill(-1, 9)
except OSError as error:
    print("group", error.strerror)
""")
        pids, *rest = out.splitlines()
        assert pids == "[1, 2]"
        assert rest == ["No such process"] * 3 or rest[:2] == ["No such process"] * 2
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_the_first_process_is_held_by_its_own_rights(room):
    """Nothing of the helper's shows in PID 1: no descriptor but pipes and the channel, nothing of
    its environment or folders."""
    out = python(room, """
print(sorted(os.readlink("/proc/1/fd/" + fd).split(":")[0] for fd in os.listdir("/proc/1/fd")))
print(sorted(os.readlink("/proc/self/fd/" + fd).split(":")[0] for fd in ("0", "1", "2")))
print(os.listdir("/proc/1/root/work") if os.path.exists("/proc/1/root/work") else "nothing")
print("PLR" in open("/proc/1/environ").read())
try:
    open("/proc/1/exe", "r+b")
    print("opened for writing")
except OSError as error:
    print(error.strerror)
""")
    lines = out.splitlines()
    assert lines[0] == "['/dev/null', 'anon_inode', 'pipe', 'pipe', 'socket']", lines[0]
    assert lines[1:4] == ["['/dev/null', 'pipe', 'pipe']", "nothing", "False"]
    assert lines[4] in ("Operation not permitted", "Text file busy", "Permission denied")


def test_the_kernel_refuses_what_would_change_the_machine(room):
    out = python(room, """
call("mount", b"none", b"/mnt", b"tmpfs", 0, None)
call("umount2", b"/proc", 2)
call("unshare", 0x10000000)
call("unshare", 0x00020000)
call("setns", os.open("/proc/self/ns/mnt", 0), 0)
call("sethostname", b"x", 1)
call("swapon", b"/x", 0)
call("reboot", 0)
call("settimeofday", ctypes.create_string_buffer(16), None)
call("pivot_root", b"/", b"/mnt") if hasattr(libc, "pivot_root") else None
syscall(175, b"", 0, b"")           # init_module
syscall(313, 3, b"", 0)             # finit_module
syscall(304, -100, b"", 0)          # open_by_handle_at
syscall(321, 0, b"", 0)             # bpf
syscall(298, b"", 0, -1, -1, 0)     # perf_event_open
syscall(425, 1, b"")                # io_uring_setup
syscall(428, -100, b"/", 1)         # open_tree
syscall(430, b"tmpfs", 0)           # fsopen
syscall(250, 0, 0, 0)               # keyctl
syscall(103, 3, b"", 0)             # syslog
syscall(435, b"", 88)               # clone3
syscall(56, 0x10000011, 0, 0, 0, 0) # clone into a new user namespace
""")
    assert "worked" not in out, out
    assert out.count("not permitted") + out.count("not implemented") == len(out.splitlines()), out


def test_files_of_the_kernel_cannot_be_written(room):
    out = python(room, """
for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/vm/drop_caches",
             "/sys/kernel/uevent_helper", "/sys/power/state", "/proc/1/oom_score_adj"):
    try:
        with open(path, "r+b", 0) as file:
            file.write(b"-1000" if "oom" in path else b"|/x")
        print(path, "written")
    except OSError as error:
        print(path, error.strerror)
""")
    assert "written" not in out, out


def test_device_nodes_cannot_be_made_nor_opened(room):
    out = python(room, """
for folder in ("/tmp", "/dev", "/usr", "/dev/shm"):
    try:
        os.mknod(folder + "/disk", 0o60666, os.makedev(254, 0))
        print("made")
        open(folder + "/disk", "rb")
        print("opened")
    except OSError as error:
        print(error.strerror)
""")
    assert "opened" not in out and out.splitlines()[0] == "Operation not permitted"


def test_set_id_programs_give_nothing(room):
    out = room.shell("""
cp /bin/sh /tmp/sh; chmod 4755 /tmp/sh
grep NoNewPrivs /proc/self/status
python3 - <<'END'
import os
os.setgroups([]) if os.getuid() == 0 and os.path.exists("/nothing") else None
END
""")
    assert out == "NoNewPrivs:\t1\n"


def test_a_set_id_program_does_not_make_root_of_a_user():
    with Room() as room:
        room.ready()
        out = room.shell("su -c id 2>&1 | head -1; id -u; cat /proc/self/status | grep CapEff",
                         fields=[("USER", "1234")])
        assert "uid=0" not in out
        assert out.splitlines()[-2:] == ["1234", "CapEff:\t0000000000000000"]


def test_the_root_cannot_be_left_by_chroot(room):
    out = python(room, """
os.mkdir("/tmp/jail")
here = os.open("/", 0)
os.chroot("/tmp/jail")
os.fchdir(here)
for _ in range(64):
    os.chdir("..")
os.chroot(".")
print(sorted(os.listdir("/")))
""")
    assert "work" not in out and "'usr'" in out


@pytest.mark.parametrize("network, reached", [(ROOM, False), (NONE, False), (HOST, True)])
def test_services_and_abstract_sockets_of_the_machine(uid, network, reached):
    with socket.socket() as service, socket.socket(socket.AF_UNIX) as abstract, \
            Room(uid, [("SUBNET", "10.213.0.0/16")], network=ROOM) as room:
        service.bind(("127.0.0.1", 0))
        service.listen()
        name = f"plr-test-{os.getpid()}-{network}-{uid}"
        abstract.bind("\0" + name)
        abstract.listen()
        room.ready()
        out = python(room, f"""
import socket
for family, address in ((socket.AF_INET, ("127.0.0.1", {service.getsockname()[1]})),
                        (socket.AF_UNIX, "\\0{name}")):
    print(socket.socket(family).connect_ex(address) == 0)
""", network=network)
        assert out.splitlines() == [str(reached)] * 2


def test_a_daemon_that_forked_twice_ends_with_its_step(room):
    task = room.held("python3", "-c", """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in range(3, 10):
            try: os.close(fd)
            except OSError: pass
        time.sleep(1000)
    os._exit(0)
os.wait()
print("done", flush=True)
""")
    task.go()
    assert read_all(task.out) == "done\n"  # the daemon had the pipe too
    assert room.end(task)["status"] == 0


def test_memory_and_processes_that_are_used_up_are_the_steps_own():
    with Room() as room:
        room.ready()
        limits = [("MEMORY", 64 << 20), ("PIDS", 32)]
        task = room.held("python3", "-c", """
import os
while True:
    try:
        if os.fork() == 0:
            bytearray(8 << 20)
            while True: pass
    except OSError:
        break
bytearray(200 << 20)
""", fields=limits)
        task.go()
        assert room.end(task)["oom"] == 1
        assert room.shell("echo fine", fields=limits) == "fine\n"


def test_what_one_step_leaves_the_next_does_not_see(room):
    room.shell("echo secret > /tmp/left; echo x > /usr/left; echo y > /dev/shm/left")
    assert room.shell("ls /tmp /usr /dev/shm | grep -c left || true") == "0\n"
    assert not Path("/tmp/left").exists() and not Path("/usr/left").exists()
