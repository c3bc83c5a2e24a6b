# SPDX-License-Identifier: MIT
"""The command on the local backend, as root or as an ordinary user who may read no more than others may."""
import os
import shlex
import shutil
import tempfile
from pathlib import Path

from runner import Runner

# Debian's "nobody": an account without a home, a session or a range in /etc/subuid.
NOBODY = 65534


class LocalRunner(Runner):
    """local(document, "--flag"): runs the document with JSON events; local.start() to meddle while it runs.

    `user` is "root" or "user"; `store` is the images' and runs' folder; `own` is the environment.
    """

    def __init__(self, build, user):
        build = Path(build).resolve()
        self.user = user
        # Below /tmp: what pytest makes is for its own user only.
        super().__init__(build, tempfile.mkdtemp(prefix="plr-local-"))
        self.store = self.home / "store"
        # The program itself and not libtool's wrapper, which knows one path of the build tree only.
        where = build if user == "root" else self.home / "build"
        self.command = [where / ".libs" / "pipeline-runtime"]
        self.own |= {"LD_LIBRARY_PATH": str(where / ".libs"), "PLR_BACKEND_PATH": str(where / "backends" / "modules"),
                     "PLR_LIBEXEC_PATH": str(where / "libexec")}
        if user != "root":
            self._as_nobody(build, where)

    def _as_nobody(self, build, where):
        where.mkdir()
        self.home.chmod(0o755)
        os.chown(self.home, NOBODY, NOBODY)
        # The checkout may be in a folder that others cannot enter: they see the build through a mount of their own.
        enter = f'mount --bind {shlex.quote(str(build))} {where} && exec "$@"'
        self.command = ["unshare", "--mount", "sh", "-c", enter, "-", "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}",
                        "--clear-groups", *self.command]

    def _arguments(self, flags):
        flags = shlex.split(flags) if isinstance(flags, str) else list(flags)
        return ["--backend", "local", "--store", self.store, "--output", "json", "run", *flags, "-"]

    def start(self, document, flags="", **kwargs):
        return super().start(self._arguments(flags), document, **{"cwd": "/", **kwargs})

    def __call__(self, document, flags="", **kwargs):
        return self.start(document, flags, **kwargs).finish()

    def command_line(self, args, **kwargs):
        """Another command than run."""
        return super().start(args, **{"cwd": "/", **kwargs}).finish()

    def end(self):
        super().end()
        shutil.rmtree(self.home)
