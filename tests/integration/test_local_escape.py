# SPDX-License-Identifier: MIT
"""What a step of the local backend must not be able to do. Each test is an attack, written in Python and run inside a
step on the view of this machine; it prints what became of it, a word and the rest of the line. As root and as a user."""
import base64
import json
import os
import socket
import subprocess
import uuid

import pytest

from docker_steps import document, end, output

# What the attacks share. tries() prints the name of the error that a call met, or LEAK if it met none.
PROLOGUE = """
import ctypes, errno, os, socket, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)

def tries(word, call, *arguments):
    try:
        print(word, "LEAK", call(*arguments))
    except OSError as error:
        print(word, errno.errorcode.get(error.errno, error.errno))

def system(name, *arguments):
    # Of amd64 and arm64; what has no number there is left out of the tests.
    number = NUMBERS[name][os.uname().machine == "aarch64"]
    if libc.syscall(ctypes.c_long(number), *arguments) == -1:
        raise OSError(ctypes.get_errno(), "")

NUMBERS = {"mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "unshare": (272, 97), "setns": (308, 268),
           "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
           "reboot": (169, 142), "bpf": (321, 280), "perf_event_open": (298, 241), "add_key": (248, 217),
           "keyctl": (250, 219), "open_by_handle_at": (304, 265), "swapon": (167, 224), "settimeofday": (164, 170),
           "acct": (163, 89), "clone3": (435, 435), "process_vm_readv": (310, 270), "userfaultfd": (323, 282)}

def write(path, text):
    with open(path, "w") as file:
        file.write(text)
"""


def attack(text, environment=None, docker=None, **fields):
    """A document with one step, `attack`, that runs TEXT."""
    step = {"metadata": {"name": "attack"}, "environment": environment or {},
            "files": [{"name": "attack.py", "path": "/attack.py", "mode": 0o644}],
            "docker": {"image": "none", "command": ["/usr/bin/python3", "/attack.py"], **(docker or {})}, **fields}
    data = base64.b64encode((PROLOGUE + text).encode()).decode()
    return document(step, files=[{"metadata": {"name": "attack.py"}, "data": data}])


@pytest.fixture
def attempt(local):
    """attempt(text, ...): runs the attack and returns {word: the rest of the line}."""

    def call(text, flags="", **fields):
        result = local(attack(text, **fields), f"--rootfs host {flags}")
        assert result.code == 0, result
        got = dict(line.split(" ", 1) for line in output(result, "attack").splitlines())
        assert got, f"the attack did not speak\n{result}"
        return got

    return call


@pytest.fixture
def victim():
    """A process of the host, with a name that is nowhere else."""
    name = f"victim-{uuid.uuid4()}"
    with subprocess.Popen(["/bin/cat", "-", name], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        process.name = name
        yield process
        alive = process.poll() is None
        process.stdin.close()
    assert alive, "the attack killed a process of the host"


def test_processes_outside_are_neither_seen_nor_killed(attempt, victim):
    assert attempt("""
pids = [pid for pid in os.listdir("/proc") if pid.isdigit()]
print("seen", any(os.environ["NAME"] in open(f"/proc/{pid}/cmdline").read() for pid in pids))
print("crowd", len(pids) > 3)
tries("victim", os.kill, int(os.environ["VICTIM"]), 9)
tries("engine", os.kill, int(os.environ["ENGINE"]), 9)
""", environment={"NAME": victim.name, "VICTIM": str(victim.pid), "ENGINE": str(os.getpid())}) == {
        "seen": "False", "crowd": "False", "victim": "ESRCH", "engine": "ESRCH"}


def test_kill_of_everybody_kills_the_step_only(attempt, victim):
    # Linux spares the caller, and PID 1 of its own namespace.
    assert attempt("""
child = subprocess.Popen(["/bin/sleep", "1000"])
os.kill(-1, 9)
print("child", child.wait())
""") == {"child": "-9"}


def test_environment_and_memory_of_the_engine_stay_there(attempt, local):
    secret = f"word-{uuid.uuid4()}"
    local.own["SECRET_OF_THE_HOST"] = secret
    got = attempt("""
wanted = os.environ.pop("NAME")[::-1].encode()
found = []
for pid in filter(str.isdigit, os.listdir("/proc")):
    for name in ("environ", "cmdline"):
        try:
            if wanted in open(f"/proc/{pid}/{name}", "rb").read():
                found.append((pid, name))
        except PermissionError:
            pass
print("found", found)
print("own", os.environ.get("SECRET_OF_THE_HOST"))
""", environment={"NAME": secret[::-1]})
    assert got == {"found": "[]", "own": "None"}


def test_no_descriptor_but_the_three(attempt):
    got = attempt("""
fds = {int(fd): os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
       if os.path.exists(f"/proc/self/fd/{fd}")}
print("fds", sorted(fd for fd, what in fds.items() if not what.startswith("/proc/") and fd > 2))
print("folders", [fd for fd in fds if fd <= 2 and os.path.isdir(f"/proc/self/fd/{fd}")])
""")
    assert got == {"fds": "[]", "folders": "[]"}


def test_the_host_is_not_written_to(attempt):
    name = f"plr-escape-{uuid.uuid4()}"
    got = attempt("""
for folder in ("/", "/usr", "/etc", "/opt", "/tmp", "/dev/shm", "/root/..", "/run"):
    try:
        write(folder + "/" + os.environ["NAME"], "x")
    except OSError:
        pass
tries("passwd", os.rename, "/etc/hostname", "/etc/" + os.environ["NAME"])
print("done yes")
""", environment={"NAME": name})
    assert got["done"] == "yes"
    for folder in ("/", "/usr", "/etc", "/opt", "/tmp", "/dev/shm", "/run"):
        assert not os.path.lexists(os.path.join(folder, name)), folder


def test_secrets_of_the_machine_are_not_in_the_view(attempt):
    got = attempt("""
for path in ("/root", "/home", "/var/lib", "/etc/shadow", "/etc/gshadow", "/etc/ssh", "/etc/sudoers", "/etc/ssl/private",
             "/boot", "/srv", "/etc/docker", "/etc/kubernetes", "/run/docker.sock", "/var/run/docker.sock"):
    there = []
    if os.path.isdir(path):
        there = os.listdir(path)
    elif os.path.exists(path):
        there = [path]
    print(path, there)
""")
    assert {path: there for path, there in got.items() if there != "[]"} == {}


@pytest.mark.parametrize("call", [
    'system("mount", b"tmpfs", b"/mnt", b"tmpfs", 0, None)',
    'system("mount", b"/", b"/mnt", None, 4096, None)',
    'system("mount", None, b"/", None, 32, None)',
    'system("umount2", b"/proc", 2)',
    'system("pivot_root", b"/", b"/")',
    'system("unshare", 0x10000000)',  # a user namespace, where one has all rights again
    'system("unshare", 0x00020000)',
    'system("clone3", None, 0)',
    'system("init_module", None, 0, b"")',
    'system("finit_module", 0, b"", 0)',
    'system("delete_module", b"loop", 0)',
    'system("kexec_load", 0, 0, None, 0)',
    'system("reboot", 0, 0, 0, None)',
    'system("bpf", 0, None, 0)',
    'system("perf_event_open", None, 0, -1, -1, 0)',
    'system("add_key", b"user", b"x", b"y", 1, -5)',
    'system("keyctl", 0, -3, 0)',
    'system("open_by_handle_at", 3, None, 0)',
    'system("swapon", b"/swap", 0)',
    'system("settimeofday", None, None)',
    'system("acct", b"/acct")',
    'system("setns", 0, 0)',
])
def test_system_calls_of_administrators_are_denied(attempt, call):
    got = attempt(f'try:\n    {call}\nexcept OSError as error:\n    print("error", errno.errorcode[error.errno])\n'
                  'else:\n    print("error LEAK")')
    # EINVAL or EFAULT would mean that the call went as far as to look at its arguments.
    assert got["error"] in ("EPERM", "EACCES", "ENOSYS"), got


@pytest.mark.parametrize("path", [
    "/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger",
    "/proc/irq/default_smp_affinity", "/sys/kernel/uevent_helper", "/sys/power/state", "/proc/1/oom_score_adj"])
def test_the_kernels_knobs_cannot_be_turned(attempt, path):
    got = attempt('tries("write", write, os.environ["NAME"], "-1000")', environment={"NAME": path})
    assert got["write"] in ("EROFS", "EACCES", "EPERM", "ENOENT"), got


@pytest.mark.parametrize("path", ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/scsi/scsi",
                                  "/sys/firmware/memmap/0/start", "/dev/mem", "/dev/kmsg", "/dev/port"])
def test_the_kernels_secrets_cannot_be_read(attempt, path):
    got = attempt("""
try:
    data = open(os.environ["NAME"], "rb").read(1)
    print("read", "LEAK" if data else "nothing")
except OSError as error:
    print("read", errno.errorcode[error.errno])
""", environment={"NAME": path})
    assert got["read"] in ("nothing", "ENOENT", "EACCES", "EPERM"), got


def test_cgroups_cannot_be_left_nor_told_what_to_run(attempt):
    got = attempt("""
found = []
for folder, folders, files in os.walk("/sys/fs/cgroup"):
    for name in files:
        if name in ("release_agent", "cgroup.procs", "tasks", "memory.max", "memory.limit_in_bytes", "pids.max",
                    "notify_on_release"):
            try:
                open(os.path.join(folder, name), "w")
                found.append(os.path.join(folder, name))
            except OSError:
                pass
print("writable", found[:5])
""")
    assert got == {"writable": "[]"}


def test_device_nodes_are_of_no_use(attempt):
    got = attempt("""
import stat
def disk(where):
    os.mknod(where, 0o666 | stat.S_IFBLK, os.makedev(254, 0))
    open(where, "rb").read(1)
def memory(where):
    os.mknod(where, 0o666 | stat.S_IFCHR, os.makedev(1, 1))
    open(where, "rb").read(1)
for n, folder in enumerate(("/tmp", "/dev", "/dev/shm", "/usr")):
    tries(f"disk{n}", disk, folder + "/disk")
    tries(f"memory{n}", memory, folder + "/memory")
""")
    assert set(got.values()) <= {"EPERM", "EACCES", "EROFS"}, got


def test_setuid_programs_give_nothing(local, tmp_path):
    # A copy of a program that prints who it is, root's and setuid, in a folder that the step sees. It needs a root to
    # make it: for the user it is the user's own, which must not help somebody else in the step either.
    program = tmp_path / "id"
    program.write_bytes(open("/usr/bin/id", "rb").read())
    program.chmod(0o4755)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    found = attack("""
print("euid", subprocess.run(["/v/id", "-u"], capture_output=True, text=True).stdout.strip() == str(os.getuid()))
print("flag", [line.split()[1] for line in open("/proc/self/status") if line.startswith("NoNewPrivs")])
""", docker={"user": "1000" if local.user == "root" else "0"}, volumes=[{"name": "v", "path": "/v"}])
    found["volumes"] = [{"metadata": {"name": "v"}, "host": {"path": str(tmp_path)}}]
    result = local(found, "--rootfs host")
    assert result.code == 0, result
    assert output(result, "attack").splitlines() == ["euid True", "flag ['1']"], result


def test_no_capability_that_administers(attempt):
    got = attempt("""
for line in open("/proc/self/status"):
    if line.startswith("Cap"):
        print(line.split(":")[0], [n for n in range(64) if int(line.split()[1], 16) >> n & 1])
""")
    # chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, net_raw, sys_chroot,
    # audit_write, setfcap: what container engines leave, without mknod.
    left = {0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 29, 31}
    assert got and all(set(json.loads(numbers)) <= left for numbers in got.values()), got


@pytest.mark.parametrize("network", ["shared", "isolated", "none"])
def test_services_on_the_hosts_loopback_and_abstract_sockets_are_out_of_reach(attempt, network):
    name = f"\0plr-escape-{uuid.uuid4()}"
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(name)
        abstract.listen()
        got = attempt("""
def connect(family, address):
    with socket.socket(family) as one:
        one.settimeout(2)
        one.connect(address)
port = int(os.environ["PORT"])
tries("abstract", connect, socket.AF_UNIX, "\\0" + os.environ["NAME"])
for number, address in enumerate(["127.0.0.1", *os.environ["ADDRESSES"].split()]):
    try:
        connect(socket.AF_INET, (address, port))
        print(f"tcp{number}", "LEAK", address)
    except OSError:
        print(f"tcp{number}", "no")
""", f"--network {network}", environment={"PORT": str(tcp.getsockname()[1]), "NAME": name[1:],
                                          "ADDRESSES": "10.0.2.2 169.254.1.1 192.168.0.1"})
    assert got.pop("abstract") == "ECONNREFUSED", got
    assert set(got.values()) == {"no"}, got


def test_processes_are_limited(local):
    found = attack("""
print("children begin", flush=True)
children = []
try:
    while len(children) < 500:
        pid = os.fork()
        if pid == 0:
            time.sleep(1000)
        children.append(pid)
    print("error LEAK")
except OSError as error:
    print("error", errno.errorcode[error.errno])
""", resources={"limits": {"pids": 20}})
    result = local(found, "--rootfs host")
    assert result.code == 0, result
    assert "error EAGAIN" in output(result, "attack"), result


def test_memory_is_limited(local):
    found = attack("""
block = bytearray()
for n in range(64):
    block += b"x" * (16 << 20)
print("LEAK")
""", resources={"limits": {"memory": 128 << 20}})
    result = local(found, "--rootfs host")
    assert "LEAK" not in output(result, "attack"), result
    if not any("memory" in event.get("message", "") for event in result.events if event["event"] == "warning"):
        assert end(result, "attack")["reason"] == "oom", result
    assert result.code == 1, result


def test_50_a_child_that_double_forks_dies_with_its_step(attempt):
    name = f"orphan-{uuid.uuid4()}"
    assert attempt("""
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv("/bin/sh", ["sh", "-c", "trap '' TERM HUP INT; while :; do sleep 1; done", os.environ["NAME"]])
    os._exit(0)
os.wait()
print("forked", "yes")
""", environment={"NAME": name}) == {"forked": "yes"}
    assert not running(name)


def running(name):
    """Whether a process of the machine has NAME in its command line."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if name.encode() in file.read():
                    return True
        except OSError:
            pass
    return False


def test_a_step_that_listens_is_not_reached_from_the_host(local):
    """The other way round: what a step serves in its own network is not on the host's loopback."""
    running_ = local.start(attack("""
server = socket.create_server(("0.0.0.0", 0))
print("port", server.getsockname()[1], flush=True)
server.settimeout(30)
print("came", server.accept()[1] and "yes", flush=True)
"""), "--rootfs host --network shared")
    port = int(running_.line(lambda line: '"port ' in line).split('"port ')[1].split("\\n")[0].split('"')[0])
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    running_.signal()
    running_.finish()


def test_many_steps_that_attack_at_once_leave_nothing(local, victim):
    """Twenty steps that fork, kill and die: afterwards no process of theirs is left."""
    name = f"crowd-{uuid.uuid4()}"
    one = attack("""
for n in range(5):
    if os.fork() == 0:
        os.setsid()
        os.execv("/bin/sh", ["sh", "-c", "while :; do sleep 1000; done", os.environ["NAME"]])
os.kill(os.getpid(), 9)
""", environment={"NAME": name})
    steps = [{**one["steps"][0], "metadata": {"name": f"s{n}"}, "ignore_err": True,
              "depends_on": ["first"] if n else []} for n in range(20)]
    steps[0]["metadata"]["name"] = "first"
    result = local(document(*steps, files=one["files"]), "--rootfs host")
    assert result.code == 0, result
    assert all(end_["reason"] == "signal" for end_ in result.ends.values()), result
    assert not running(name)
