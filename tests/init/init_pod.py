# SPDX-License-Identifier: MIT
"""A pod in plain Python, written from init/words.h and init/plan.h and not from their code: each
container in namespaces of its own, the results in memory, the words kept as a kubelet keeps them."""

import base64
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from init_peer import Init

NONCE = "c0ffee"
NOT_RUN = 124  # how an init ends whose command does not run

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
        self.write()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for init in self.inits:
            init.__exit__(*error)
        shutil.rmtree(self.folder)

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
