# SPDX-License-Identifier: MIT
"""The daemons of tests/services as objects: up, killed, started again, looked at."""
import os
import subprocess
from pathlib import Path

from rest import Rest

SERVICES = Path(__file__).resolve().parent.parent / "services"


class Daemon(Rest):
    """A daemon in a room of its own, which ends with this process at the latest."""

    def __init__(self, name, script, *version):
        self.name = name
        self.state = Path(f"/tmp/plr-test-{os.getpid()}-{name}")
        self.script = SERVICES / script
        self.version = version
        super().__init__(self.state / "docker.sock")

    @property
    def socket(self):
        return self.path

    @property
    def host(self):
        """As DOCKER_HOST and --docker-host want it."""
        return f"unix://{self.path}"

    @property
    def ways(self):
        """How to reach it, by name: the command to put before, and the environment. By TCP no file is shared."""
        return {
            "socket": ([], {"DOCKER_HOST": self.host}),
            "tcp": (["nsenter", "--target", str(self.netns_pid), "--net", "--"],
                    {"DOCKER_HOST": "tcp://127.0.0.1:2376", "DOCKER_TLS_VERIFY": "1",
                     "DOCKER_CERT_PATH": str(self.state / "tls")}),
        }

    @property
    def pid(self):
        """The daemon itself, for signals."""
        return int((self.state / f"{self.script.name.replace('docker', 'dockerd')}.pid").read_text())

    @property
    def netns_pid(self):
        """A process in the daemon's network: /proc/PID/ns/net."""
        return int((self.state / "room.pid").read_text().split()[0])

    def _run(self, *args, timeout=240):
        env = dict(os.environ, PLR_STATE=str(self.state), DOCKER_HOST=self.host)
        done = subprocess.run(args, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
        if done.returncode:
            raise RuntimeError(f"{' '.join(map(str, args))}: {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    def up(self):
        # The first ever makes images and builds a daemon: minutes.
        self._run(self.script, "up", *self.version, "--owner", str(os.getpid()), timeout=1500)
        return self

    def down(self):
        self._run(self.script, "down")

    def kill(self, signal="KILL"):
        """Ends the daemon, and waits until it has ended; its containers are its own affair."""
        self._run(self.script, "stop", signal)

    def start(self):
        self._run(self.script, "start")

    def restart(self, signal="TERM"):
        self.kill(signal)
        self.start()

    def answers(self):
        try:
            return bool(self.get("/_ping"))
        except OSError:
            return False

    def net(self, *command):
        """Runs a command in the daemon's network, where published ports and the registries are: its output."""
        return self._run(SERVICES / "room", "net", str(self.state), *command)

    def cli(self, *args):
        """Docker's own client: its output."""
        return self._run("/usr/bin/docker", *args)


DAEMONS = {
    "docker-20.10": lambda: Daemon("docker-20.10", "docker", "20.10"),
    "moby-today": lambda: Daemon("moby-today", "docker", "today"),
    "podman": lambda: Daemon("podman", "podman"),
}
