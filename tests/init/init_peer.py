# SPDX-License-Identifier: MIT
"""The engine's side of plr-init in plain Python, written from init/words.h and not from its code.
Each init runs in a PID namespace of its own, for amd64 and for arm64."""

import contextlib
import fcntl
import os
import platform
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import time
from pathlib import Path

HELD, GO, RUNNING, ERRNO, KILL, EXITED = 1, 2, 3, 4, 5, 6
AT_GO, AT_FORK, AT_EXEC = 1, 2, 3
ENVIRONMENT_MAX = 128 * 1024
LIMIT = 60  # seconds for anything to happen

BUILD = Path(os.environ.get("PLR_BUILD", Path(__file__).parents[2] / "build/sanitized"))
NATIVE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
EMULATOR = {name: shutil.which(f"qemu-{cpu}-static") or f"/usr/bin/qemu-{cpu}-static"
            for name, cpu in (("amd64", "x86_64"), ("arm64", "aarch64"))}


def header(word, size, version=2):
    return struct.pack("<HHI", version, word, size)


def go(*entries):
    payload = b"".join(entry.encode() + b"\0" for entry in entries)
    return header(GO, len(payload)) + payload


def kill(number):
    return header(KILL, 4) + struct.pack("<I", number)


def program(architecture):
    """The command that runs plr-init of this architecture here."""
    binary = str(BUILD / "init" / f"plr-init-{architecture}")
    return [binary] if architecture == NATIVE else [EMULATOR[architecture], binary]


class Init:
    """One plr-init, the socket it talks to, and what it wrote."""

    def __init__(self, architecture, options=(), command=(), channel=True, wrap=(), stdin=None,
                 stdout=subprocess.PIPE, **arguments):
        self.folder = tempfile.TemporaryDirectory(prefix="plr-init-")
        os.chmod(self.folder.name, 0o755)
        self.path = os.path.join(self.folder.name, "socket")
        self.connection = self.rest = None
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.settimeout(LIMIT)
        if channel:
            self.listener.bind(self.path)
            os.chmod(self.path, 0o666)
            self.listener.listen(1)
            options = ["--socket", self.path, *options]
        line = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child",
                *wrap, *program(architecture), *options]
        if command:
            line += ["--", *command]
        self.process = subprocess.Popen(line, stdin=stdin or subprocess.DEVNULL, stdout=stdout,
                                        stderr=subprocess.PIPE, **arguments)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            with contextlib.suppress(OSError, IndexError):  # ended meanwhile
                self.signal(signal.SIGKILL)
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr, self.connection, self.listener):
            if stream:
                stream.close()
        self.folder.cleanup()

    @property
    def pid(self):
        """The init itself, the one child of unshare, seen from here."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return int(Path(path).read_text().split()[0])

    def signal(self, number):
        os.kill(self.pid, number)

    def held(self):
        self.connection, _ = self.listener.accept()
        self.connection.settimeout(LIMIT)
        assert self.word() == (HELD, b"")
        return self

    def say(self, data):
        self.connection.sendall(data)

    def say_and_see_it_read(self, data):
        """For what has to happen when this, and no more, has been taken in."""
        self.say(data)
        unread = bytes(4)
        while True:
            unread = fcntl.ioctl(self.connection, termios.TIOCOUTQ, unread)
            if unread == bytes(4):
                return

    def receive(self, size):
        data = b""
        while len(data) < size:
            try:
                piece = self.connection.recv(size - len(data))
            except ConnectionResetError:  # it left something of ours unread
                piece = b""
            if not piece:
                assert not data, "hung up within a word"
                return None
            data += piece
        return data

    def word(self):
        """The next word, or None when the init has hung up."""
        head = self.receive(8)
        if head is None:
            return None
        version, word, size = struct.unpack("<HHI", head)
        assert version == 2
        return word, self.receive(size) if size else b""

    def exited(self):
        word, payload = self.word()
        assert word == EXITED
        names = ("status", "zero", "user_us", "system_us", "maxrss_kib", "blocks_in", "blocks_out", "ran_us")
        return dict(zip(names, struct.unpack("<IIQQQQQQ", payload)))

    def errno(self):
        word, payload = self.word()
        assert word == ERRNO
        return struct.unpack("<II", payload)

    def line(self):
        """The next line of the step's output."""
        fd = self.process.stdout.fileno()
        line, end = b"", time.monotonic() + LIMIT
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([fd], [], [], max(0, end - time.monotonic()))
            assert ready, f"no line, only {line!r}"
            piece = os.read(fd, 1)
            if not piece:
                break
            line += piece
        return line.decode("utf-8", "surrogateescape")

    def code(self):
        """When it has ended. Somebody reads what it says: an init in a pod waits for that."""
        if self.rest is None:
            self.process.stdin = None  # a test's own
            self.rest = [text or b"" for text in self.process.communicate(timeout=LIMIT)]
        return self.process.returncode

    def output(self):
        """All that is left of stdout, once the init has ended."""
        self.code()
        return self.rest[0].decode("utf-8", "surrogateescape")

    def complaint(self):
        self.code()
        return self.rest[1].decode()

    def namespace(self):
        """What identifies the PID namespace of the step."""
        return os.readlink(f"/proc/{self.pid}/ns/pid")


def members(namespace):
    """The processes in a PID namespace that have not ended, by name."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, IndexError):
            if entry.name.isdigit() and os.readlink(entry / "ns/pid") == namespace:
                found.append((entry / "comm").read_text().strip())
    return found


def status(pid):
    """The fields of /proc/PID/status."""
    text = Path(f"/proc/{pid}/status").read_text()
    return {name: value.strip() for name, _, value in (x.partition(":") for x in text.splitlines())}
