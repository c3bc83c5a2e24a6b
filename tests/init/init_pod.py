# SPDX-License-Identifier: MIT
"""A pod in plain Python, written from init/words.h and init/plan.h and not from their code: each
container in namespaces of its own, the results in memory, the words kept as a kubelet keeps them."""

import base64
import ctypes
import fcntl
import os
import shutil
import struct
import tempfile
import termios
import time
from pathlib import Path

from init_peer import LIMIT, Init, status

NONCE = "c0ffee"
NOT_RUN = 124  # how an init ends whose command does not run

PIDFD_GETFD = 438
libc = ctypes.CDLL(None, use_errno=True)

# The folder of a container as its mounts make it: $1 the pod's, $2 the container's name.
MOUNTS = 'mount --bind -o ro "$1/results" "$1/$2/results" && mount --bind "$1/results/$2" "$1/$2/own" && ' \
    'mount --bind "$1/words" "$1/$2/words" && shift 2 && exec "$@"'


def mark(words):
    return f"\x1eplr {NONCE} {words}\n"


def name_of(step, attempt=1):
    return f"s{step}" if attempt == 1 else f"s{step}-{attempt}"


class Pod:
    def __init__(self, *steps, form="graph"):
        self.folder = Path(tempfile.mkdtemp(prefix="plr-pod-", dir="/dev/shm"))
        self.folder.chmod(0o755)
        for name in ("results", "words"):
            (self.folder / name).mkdir()
        self.files = {"plan": "".join(line + "\n" for line in (f"plan 1 {form}", *steps)), "words": ""}
        self.writes = 0
        self.inits = []
        self.gate = self.folder / "gate"  # a command that reads a line of it waits for open_gate()
        os.mkfifo(self.gate)
        self.gate_fd = os.open(self.gate, os.O_RDWR)
        self.write()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for init in self.inits:
            init.__exit__(*error)
        os.close(self.gate_fd)
        shutil.rmtree(self.folder)

    def open_gate(self):
        os.write(self.gate_fd, b"\n")

    def write(self):
        """Swaps the whole content of the words folder at once."""
        words = self.folder / "words"
        self.writes += 1
        old = os.readlink(words / "..data") if self.writes > 1 else None
        data = words / f"..{self.writes}"
        data.mkdir()
        for name, text in self.files.items():
            (data / name).write_bytes(text if isinstance(text, bytes) else text.encode())
            if not old:
                (words / name).symlink_to(f"..data/{name}")
        (words / "..data_tmp").symlink_to(data.name)
        os.rename(words / "..data_tmp", words / "..data")
        if old:
            shutil.rmtree(words / old)

    def say(self, *lines):
        self.files["words"] += "".join(line + "\n" for line in lines)
        self.write()

    def start(self, architecture, step, command, attempt=1, options=(), wrap=(), **arguments):
        name = name_of(step, attempt)
        (self.folder / "results" / name).mkdir(exist_ok=True)
        for mount in ("results", "own", "words"):
            (self.folder / name / mount).mkdir(parents=True, exist_ok=True)
        init = Init(architecture, ["--pod", str(self.folder / name), "--step", str(step), "--attempt",
                                   str(attempt), "--nonce", NONCE, *options], command, channel=False,
                    wrap=["sh", "-c", MOUNTS, "sh", str(self.folder), name, *wrap], **arguments)
        self.inits.append(init)
        return init

    def shell(self, architecture, step, script, **arguments):
        return self.start(architecture, step, ["sh", "-c", script], **arguments)

    def result(self, step, attempt=1):
        path = self.folder / "results" / name_of(step, attempt) / "result"
        return path.read_text() if path.is_file() else None

    def record(self, step, text, attempt=1):
        """As another container's init would."""
        folder = self.folder / "results" / name_of(step, attempt)
        folder.mkdir(exist_ok=True)
        (folder / "new").write_bytes(text if isinstance(text, bytes) else text.encode())
        os.rename(folder / "new", folder / "result")


def late(step, entry):
    return f"late {step} {base64.b64encode(entry.encode()).decode()}"


def wait_until(condition):
    end = time.monotonic() + LIMIT
    while not (value := condition()):
        assert time.monotonic() < end
        time.sleep(0.002)
    return value


def _changes(pid):
    """The descriptor of an init to which changes of the pod's files are told, or None."""
    folder = f"/proc/{pid}/fd"
    return next((int(fd) for fd in os.listdir(folder) if os.readlink(f"{folder}/{fd}") == "anon_inode:inotify"), None)


def _unread(pid, number):
    """How many bytes wait in a descriptor of another process."""
    pidfd = os.pidfd_open(pid)
    fd = libc.syscall(PIDFD_GETFD, pidfd, number, 0)
    os.close(pidfd)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    size, = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))
    os.close(fd)
    return size


def children(pid):
    return open(f"/proc/{pid}/task/{pid}/children", encoding="ascii").read().split()


def has_looked(init):
    """Whether it has taken in all that has changed until now, and waits: its look was over when it fell asleep."""
    try:
        pid = init.pid
        changes = _changes(pid)
        return changes is not None and _unread(pid, changes) == 0 and status(pid)["State"].startswith("S")
    except (OSError, IndexError):
        return False


def is_held(init):
    """Whether it has looked, and its command does not run."""
    try:
        return has_looked(init) and not children(init.pid) and status(init.pid)["Name"].startswith(("plr-init", "qemu"))
    except (OSError, IndexError):
        return False


def held(init):
    wait_until(lambda: is_held(init))
    return init
