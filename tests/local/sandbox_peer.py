# SPDX-License-Identifier: MIT
"""The engine's side of plr-sandbox in plain Python, written from backends/local/protocol.h. Each room
is started in a PID namespace of its own, so nothing that it does can kill more than itself."""

import array
import fcntl
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
from pathlib import Path

SOURCE = Path(__file__).parents[2]
BUILD = Path(os.environ.get("PLR_BUILD", SOURCE / "build/sanitized"))
PROGRAM = BUILD / "libexec/plr-sandbox"
LIMIT = 60  # seconds for anything to happen
NOBODY = 64123  # an ordinary user that has nothing

HEADER = (SOURCE / "backends/local/protocol.h").read_text()
INIT_VERSION = int(re.search(r"PLR_INIT_VERSION (\d+)", (SOURCE / "init/words.h").read_text())[1])
WORDS = {name: int(number) for number, name in re.findall(r"WORD\((\d+), (\w+)", HEADER)}
FIELDS = {name: (int(number), kind)
          for number, name, kind in re.findall(r"FIELD\((\d+), (\w+), (\w+)\)", HEADER)}
WORD_NAMES = {number: name for name, number in WORDS.items()}
HOST, ROOM, OWN, NONE = 1, 2, 3, 4


def encode(fields):
    """A list of (name, value), a group's value being such a list."""
    out = b""
    for name, value in fields:
        tag, kind = FIELDS[name]
        if kind == "NUMBER":
            data = struct.pack("<Q", value)
        elif kind == "TEXT":
            data = os.fsencode(value) + b"\0"
        elif kind == "FLAG":
            data = b""
        elif kind == "GROUP":
            data = encode(value)
        else:
            data = value
        out += struct.pack("<II", tag, len(data)) + data + bytes(-len(data) % 8)
    return out


def sealed(data):
    fd = os.memfd_create("fields", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
    return fd


class Task:
    """A task, its pipes and its plr-init's channel."""

    def __init__(self, number):
        self.number = number
        self.out, self.its_out = os.pipe()
        self.err, self.its_err = os.pipe()
        self.channel, self.its_channel = socket.socketpair()
        self.channel.settimeout(LIMIT)

    def hand_over(self):
        os.close(self.its_out)
        os.close(self.its_err)
        self.its_channel.close()

    def close(self):
        self.channel.close()
        os.close(self.out)
        os.close(self.err)

    def receive(self, size):
        data = b""
        while len(data) < size:
            piece = self.channel.recv(size - len(data))
            if not piece:
                return None
            data += piece
        return data

    def init_word(self):
        head = self.receive(8)
        if head is None:
            return None
        _, word, size = struct.unpack("<HHI", head)
        return word, self.receive(size) if size else b""

    def go(self, *late):
        assert self.init_word() == (1, b"")  # HELD
        payload = b"".join(entry.encode() + b"\0" for entry in late)
        self.channel.sendall(struct.pack("<HHI", INIT_VERSION, 2, len(payload)) + payload)
        return self.init_word()

    def signal(self, number):
        self.channel.sendall(struct.pack("<HHII", INIT_VERSION, 5, 4, number))


def read_all(fd):
    data = b""
    while piece := os.read(fd, 65536):
        data += piece
    return data.decode(errors="replace")


class Failed(Exception):
    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


class Room:
    """One plr-sandbox; `uid` 0 or the ordinary user it runs as."""

    count = 0

    def __init__(self, uid=0, fields=(), network=HOST, wrap=(), folder=None, drop=True,
                 **arguments):
        Room.count += 1
        self.uid = uid
        self.base = folder or tempfile.mkdtemp(prefix="plr-local-")
        self.id = f"test-{os.getpid()}-{Room.count}"
        self.folder = os.path.join(self.base, self.id)
        os.chmod(self.base, 0o755)
        os.chown(self.base, uid, uid)
        os.mkdir(self.folder, 0o700)
        os.chown(self.folder, uid, uid)
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket = ours
        self.socket.settimeout(LIMIT)
        self.tasks = {}
        self.opened = []
        self.warnings = []
        self.words = []
        line = ["unshare", "--pid", "--fork", "--kill-child", *wrap, str(PROGRAM)]
        if uid:
            if drop:
                arguments |= {"user": uid, "group": uid, "extra_groups": []}
            line = [*wrap, str(PROGRAM)]  # its user namespace does it
        self.process = subprocess.Popen(line, stdin=its, stdout=subprocess.DEVNULL,
                                        stderr=arguments.pop("stderr", None), **arguments)
        its.close()
        self.say("ROOM", fields=[("RUN_ID", self.id), ("FOLDER", self.folder),
                                 ("NETWORK", network), *fields])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        while self.opened:
            self.opened.pop().close()
        self.socket.close()
        try:
            self.process.wait(LIMIT)
        finally:
            self.process.kill()
            self.process.wait()
        left = os.path.exists(self.folder)
        shutil.rmtree(self.base)
        assert not left, "the run's folder is left"

    def say(self, word, task=0, id=0, fields=None, fds=()):
        fds = list(fds)
        if fields is not None:
            fds.insert(0, sealed(encode(fields)))
        self.send(struct.pack("<HHII", 1, WORDS[word], task, id), fds)
        if fields is not None:
            os.close(fds[0])

    def send(self, data, fds=()):
        self.socket.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])

    def receive(self):
        """(word, task, id, payload), None at the end."""
        data = self.socket.recv(8192)
        if not data:
            return None
        version, word, task, id = struct.unpack_from("<HHII", data)
        assert version == 1
        return WORD_NAMES[word], task, id, data[12:]

    def expect(self, word, task=0):
        """The next answer of this kind for this task; what comes for others is kept."""
        while True:
            for i, (name, number, _, payload) in enumerate(self.words):
                if number == task and name in (word, "FAILED"):
                    del self.words[i]
                    if name == "FAILED" and word != "FAILED":
                        raise Failed(struct.unpack_from("<i", payload)[0], payload[8:].decode())
                    return payload
            got = self.receive()
            assert got, f"hung up instead of {word}"
            if got[0] == "WARNING":
                self.warnings.append(got[3].decode())
            else:
                self.words.append(got)

    def ready(self):
        return struct.unpack("<II", self.expect("READY"))

    def start(self, fields, number=None):
        """A task that has not been waited for."""
        number = number or len(self.tasks) + 1
        task = Task(number)
        self.tasks[number] = task
        self.opened.append(task)
        self.say("TASK", number, fields=fields,
                 fds=[task.its_out, task.its_err, task.its_channel.fileno()])
        task.hand_over()
        return task

    def held(self, *arguments, network=HOST, root=True, fields=(), number=None):
        """A task that is held; its root is a view of this machine."""
        fields = [("ARGUMENT", argument) for argument in arguments] + list(fields)
        if network:
            fields.append(("NETWORK", network))
        if root:
            fields.append(("HOST_ROOT", None))
        task = self.start(fields, number)
        self.expect("READY", task.number)
        return task

    def end(self, task):
        payload = self.expect("ENDED", task.number)
        names = ("status", "oom", "user_us", "system_us", "memory_peak", "read_bytes",
                 "written_bytes")
        return dict(zip(names, struct.unpack("<IIQQQQQ", payload)))

    def run(self, *arguments, **more):
        """Runs a command to its end: its exit code, stdout and stderr."""
        task = self.held(*arguments, **more)
        task.go()
        out, err = read_all(task.out), read_all(task.err)
        return self.end(task)["status"] >> 8, out, err

    def shell(self, script, **more):
        code, out, err = self.run("sh", "-c", script, **more)
        assert (code, err) == (0, ""), (code, out, err)
        return out

    def remove(self, task):
        self.say("REMOVE", task.number)
        self.expect("REMOVED", task.number)


BUSYBOX = Path("/bin/busybox").read_bytes()


def layer(room, name, files):
    """An image's layer: paths to contents, a link (a tuple) or None for a folder."""
    top = Path(room.base) / name
    for path, content in files.items():
        place = top / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            place.mkdir(exist_ok=True)
        elif isinstance(content, tuple):
            place.symlink_to(content[0])
        else:
            place.write_bytes(content if isinstance(content, bytes) else content.encode())
            place.chmod(0o755)
    for folder, _, names in os.walk(top):
        for each in [folder, *(os.path.join(folder, name) for name in names)]:
            os.chown(each, room.uid, room.uid, follow_symlinks=False)
    return str(top)


def image(room, files=(), more=()):
    """The fields of a root that holds busybox and these files."""
    tools = {f"/bin/{name}": ("busybox",) for name in
             ("sh", "cat", "ls", "id", "stat", "echo", "env", "pwd", "true", "readlink", "mount",
              "head", "sleep", "hostname", "mkdir", "touch", "ps", "dd", "df", "kill", "wc")}
    base = {"/bin/busybox": BUSYBOX, **tools, "/etc/passwd": "root:x:0:0::/root:/bin/sh\n",
            "/root": None}
    number = len(os.listdir(room.base))
    return [("LAYER", layer(room, f"base{number}", base)),
            ("LAYER", layer(room, f"top{number}", dict(files) or {"/top": None})), *more]
