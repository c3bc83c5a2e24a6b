# SPDX-License-Identifier: MIT
"""The command on the fake backend: no daemon is needed, and each test says what its steps do."""
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "integration"))
from runner import Runner  # noqa: E402

TOP = Path(__file__).resolve().parent.parent.parent


def step(name, does, **more):
    """A step of the fake backend; DOES is its script."""
    return {"metadata": {"name": name}, "docker": {"image": "none"}, "environment": {"FAKE": does}, **more}


def pipeline(*steps, **more):
    return {"metadata": {"name": "test"}, "steps": list(steps), **more}


@pytest.fixture
def cli(tmp_path):
    """cli(args, document) runs and gives a Result; cli.start(...) gives one that runs."""
    runner = Runner(os.environ.get("PLR_BUILD", TOP / "build" / "sanitized"), tmp_path)
    (tmp_path / "runtime").mkdir()
    environment = runner.environment
    # No Docker is looked for, and the runs of the person at this machine are not listed.
    runner.environment = lambda env=None: environment(
        {"XDG_RUNTIME_DIR": str(tmp_path / "runtime"), "DOCKER_HOST": None, **(env or {})})
    yield runner
    runner.end()


@pytest.fixture
def fake(cli):
    """fake(document, "--option ...", ...) runs a document on the fake backend."""
    return lambda document, options="", **more: cli(f"run --backend fake {options} -", document, **more)


class Terminal:
    """A command on a terminal of its own, with a screen of COLUMNS and ROWS."""

    def __init__(self, args, env, columns, rows, cwd):
        self.master, slave = pty.openpty()
        self.resize(columns, rows)
        self.seen = b""
        self.process = subprocess.Popen(args, stdin=slave, stdout=slave, stderr=slave, env=env, cwd=cwd,
                                        start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self, deadline):
        if not select.select([self.master], [], [], max(0, deadline - time.monotonic()))[0]:
            raise AssertionError(f"the terminal shows no more:\n{self.seen.decode(errors='replace')}")
        try:
            data = os.read(self.master, 65536)
        except OSError:  # EIO: the other side has closed
            data = b""
        self.seen += data
        return data

    def wait_for(self, wanted, limit=60):
        """Reads until WANTED is there, and gives what came up to it."""
        deadline = time.monotonic() + limit
        while wanted.encode() not in self.seen:
            assert self._read(deadline), f"it ended without {wanted}:\n{self.seen.decode(errors='replace')}"
        return self.seen.decode(errors="replace")

    def type(self, data):
        os.write(self.master, data)

    def finish(self, limit=60):
        deadline = time.monotonic() + limit
        while self._read(deadline):
            pass
        return self.process.wait(limit), self.seen.decode(errors="replace")

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminal(cli, tmp_path):
    """terminal(document, columns=80, rows=24, env={...}) runs a document there on the fake backend."""
    import json
    opened = []

    def start(document, options="", columns=80, rows=24, env=None):
        path = tmp_path / "pipeline.json"
        path.write_text(json.dumps(document))
        args = [str(cli.program), "run", "--backend", "fake", *options.split(), str(path)]
        opened.append(Terminal(args, cli.environment({"TERM": "xterm-256color", **(env or {})}), columns, rows,
                               tmp_path))
        return opened[-1]

    yield start
    for one in opened:
        one.close()
