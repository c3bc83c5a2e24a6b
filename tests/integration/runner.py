# SPDX-License-Identifier: MIT
"""Runs the command under test: with a limit of time, an environment of its own, and nothing left behind."""
import base64
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

SANITIZER = re.compile(r"(ERROR: \w+Sanitizer|runtime error:|LeakSanitizer)[^\n]*")


class Failed(AssertionError):
    """The command did what no run may: hung, or a sanitizer spoke."""


@dataclass(repr=False)
class Result:
    args: list
    code: int
    stdout: bytes
    stderr: str
    seconds: float

    @property
    def text(self):
        return self.stdout.decode()

    # With --output json (docs/events.md):

    @property
    def events(self):
        """All of them; that none is missing is asserted."""
        events = [json.loads(line) for line in self.stdout.splitlines()]
        assert [event.get("sequence") for event in events] == list(range(1, len(events) + 1)), self
        return events

    def output(self, step=None, stream=None):
        """The bytes that a step wrote, or all steps, without the engine's own notices."""
        pieces = [event for event in self.events if event["event"] == "output" and not event.get("notice")
                  and step in (None, event["step"]) and stream in (None, event["stream"])]
        return b"".join(base64.b64decode(piece["base64"]) if "base64" in piece else piece["text"].encode()
                        for piece in pieces)

    @property
    def ends(self):
        """How each step ended, its last attempt: {name: end}."""
        return {event["step"]: event["end"] for event in self.events if event["event"] == "step" and event["to"] == "ended"}

    @property
    def ended(self):
        """The last event, of the whole run."""
        event = self.events[-1]
        assert event["event"] == "run-ended", self
        return event

    def __repr__(self):
        return (f"{' '.join(self.args)}\nexit code {self.code} after {self.seconds:.2f} s\n--- stdout\n"
                f"{self.stdout.decode(errors='replace')[-8000:]}--- stderr\n{self.stderr[-8000:]}")


class Running:
    """A command that runs: wait for its lines, send it signals, and finish() it."""

    STRAGGLERS = 30  # seconds in which its output ends when it has: our own threads read that

    def __init__(self, args, stdin, env, cwd, limit):
        self.args = [str(arg) for arg in args]
        self._began = time.monotonic()
        self._deadline = self._began + limit
        self._changed = threading.Condition()
        self._lines = {"stdout": [], "stderr": []}
        self._ended = set()
        self.process = subprocess.Popen(self.args, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=env, cwd=cwd)
        self.pid = self.process.pid
        for name in self._lines:
            threading.Thread(target=self._read, args=(name, getattr(self.process, name)), daemon=True).start()
        threading.Thread(target=self._write, args=(stdin,), daemon=True).start()

    def _write(self, data):
        try:
            self.process.stdin.write(data)
            self.process.stdin.close()
        except OSError:
            pass

    def _read(self, name, pipe):
        for line in pipe:
            with self._changed:
                self._lines[name].append(line)
                self._changed.notify_all()
        with self._changed:
            self._ended.add(name)
            self._changed.notify_all()

    def _all(self, name):
        with self._changed:
            return b"".join(self._lines[name])

    def line(self, wanted, stream="stdout"):
        """Waits for the first line that contains (str) or fulfils (a function of the line) WANTED."""
        fits = wanted if callable(wanted) else lambda line: wanted in line
        seen = 0
        with self._changed:
            while True:
                for raw in self._lines[stream][seen:]:
                    seen += 1
                    if fits(text := raw.decode(errors="replace")):
                        return text
                if stream in self._ended:
                    break
                if not self._changed.wait(max(0, self._deadline - time.monotonic())) and time.monotonic() > self._deadline:
                    break
        self.kill()
        raise Failed(f"the line did not come: {wanted}\n{self.finish(check=False)}")

    def event(self, **wanted):
        """Waits for the first event (--output json) that has these members."""
        line = self.line(lambda line: wanted.items() <= json.loads(line).items())
        return json.loads(line)

    def signal(self, number=signal.SIGINT):
        self.process.send_signal(number)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()

    def finish(self, check=True):
        """Waits for the end. A pipe that somebody else still holds open counts as not ended."""
        late = False
        try:
            self.process.wait(max(0.01, self._deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            late = True
            self.kill()
            self.process.wait()
        with self._changed:
            open_ = not self._changed.wait_for(lambda: len(self._ended) == 2, timeout=self.STRAGGLERS)
        result = Result(self.args, self.process.returncode, self._all("stdout"),
                        self._all("stderr").decode(errors="replace"), time.monotonic() - self._began)
        if check:
            if late:
                raise Failed(f"killed: it did not end in time\n{result}")
            if open_:
                raise Failed(f"it ended, but a child of it still holds its output\n{result}")
            if found := SANITIZER.search(result.stderr):
                raise Failed(f"{found[0]}\n{result}")
        return result


class Runner:
    """The command in $PLR_BUILD, with a home and a configuration of its own."""

    def __init__(self, build, home):
        self.program = Path(build) / "pipeline-runtime"
        self.command = [self.program]
        self.home = Path(home)
        # One of its own, and short: a sweep removes the folders of dead engines there, and sockets lie in it.
        self.temporary = tempfile.mkdtemp(prefix="t-", dir="/tmp")
        os.chmod(self.temporary, 0o1777)
        self.own = {"HOME": str(home), "TMPDIR": self.temporary, "LANG": "C.UTF-8",
                    "PLR_BACKEND_PATH": str(Path(build, "backends", "modules")),
                    "PLR_LIBEXEC_PATH": str(Path(build, "libexec"))}
        self._running = []

    def environment(self, env=None):
        base = {name: os.environ[name] for name in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")
                if name in os.environ}
        return {name: value for name, value in {**base, **self.own, **(env or {})}.items() if value is not None}

    def start(self, args, document=None, env=None, cwd=None, limit=120, wrap=()):
        """ARGS is a list or a line; DOCUMENT (a tree, text or bytes) comes on its stdin, which ARGS call `-`; WRAP
        is a command that becomes this one (nsenter, prlimit)."""
        args = args.split() if isinstance(args, str) else args
        if document is None:
            document = b""
        elif isinstance(document, str):
            document = document.encode()
        elif not isinstance(document, bytes):
            document = json.dumps(document).encode()
        running = Running([*wrap, *self.command, *args], document, self.environment(env), cwd or self.home, limit)
        self._running.append(running)
        return running

    def __call__(self, args, document=None, **kwargs):
        return self.start(args, document, **kwargs).finish()

    def end(self):
        """What a failed test left running."""
        for running in self._running:
            if running.process.poll() is None:
                running.kill()
                running.process.wait()
        self._running.clear()
        shutil.rmtree(self.temporary, ignore_errors=True)
