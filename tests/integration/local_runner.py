# SPDX-License-Identifier: MIT
"""The command on the local backend, as root or as an ordinary user who may read no more than others may; and such a
user's store of images."""
import os
import shlex
import shutil
import stat
import tempfile
from pathlib import Path

from runner import Runner

# An account as Debian's adduser makes one, with a range of ids of its own, and "nobody", who has no range.
USER, NOBODY = 54321, 65534
ACCOUNT = {"passwd": f"plr-user:x:{USER}:{USER}::/nonexistent:/bin/sh\n", "group": f"plr-user:x:{USER}:\n",
           "subuid": f"plr-user:{1 << 28}:65536\n", "subgid": f"plr-user:{1 << 28}:65536\n"}


class LocalRunner(Runner):
    """local(document, "--flag"): runs the document with JSON events; local.start() to meddle while it runs.

    `user` is "root", "user" or "nobody"; `store` is the images' and runs' folder, an own one if not given; `own` is
    the environment.
    """

    def __init__(self, build, user, store=None):
        build = Path(build).resolve()
        self.user = user
        # Below /tmp: what pytest makes is for its own user only.
        super().__init__(build, tempfile.mkdtemp(prefix="plr-local-"))
        self.store = store or self.home / "store"
        # The program itself and not libtool's wrapper, which knows one path of the build tree only.
        where = build if user == "root" else self.home / "build"
        self.command = [where / ".libs" / "pipeline-runtime"]
        self.own |= {"LD_LIBRARY_PATH": str(where / ".libs"), "PLR_BACKEND_PATH": str(where / "backends" / "modules"),
                     "PLR_LIBEXEC_PATH": str(where / "libexec")}
        if user != "root":
            self._become(USER if user == "user" else NOBODY, build, where)

    def _become(self, uid, build, where):
        """The command in a mount namespace where the account exists, and where it may enter the build's folder."""
        where.mkdir()
        self.home.chmod(0o755)
        os.chown(self.home, uid, uid)
        etc = self.home / "etc"
        etc.mkdir()
        for name, line in ACCOUNT.items():
            machine = Path("/etc", name)
            (etc / name).write_text((machine.read_text() if machine.exists() else "") + line)
        if self.user == "user":
            # As other machines have it: everybody may open it.
            os.mknod(self.home / "tun", 0o666 | stat.S_IFCHR, os.makedev(10, 200))
            (self.home / "tun").chmod(0o666)
            tun = f"mount --bind {self.home}/tun /dev/net/tun && "
        else:
            tun = ""
        # Not a mount for each file: an ordinary user may not put an overlay over a folder with mounts in it.
        enter = (f"{tun}mount --bind {shlex.quote(str(build))} {where} && "
                 f"mount -t overlay -o lowerdir={etc}:/etc overlay /etc")
        self.command = ["unshare", "--mount", "sh", "-c", f'{enter} && exec "$@"', "-", "setpriv", f"--reuid={uid}",
                        f"--regid={uid}", "--clear-groups", *self.command]

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

    def image(self, *args, **kwargs):
        result = self.command_line(["image", "--store", self.store, *args], **kwargs)
        assert result.code == 0, result
        return result

    def end(self):
        super().end()
        shutil.rmtree(self.home)


class LocalStore:
    """In the place of a daemon: the images that the tests use, imported once for one user."""

    def __init__(self, build, user, archive, names):
        self.name, self.user = f"local-{user}", user
        self.runner = LocalRunner(build, user)
        # Where no ordinary user comes is where the cache is.
        images = self.runner.home / "images.tar"
        shutil.copy(archive, images)
        images.chmod(0o644)
        for name in names:
            self.runner.image("import", images, name, limit=120)
        images.unlink()
        self.store = self.runner.store

    def leftovers(self):
        return sorted(path.name for path in (self.store / "runs").glob("*"))

    def down(self):
        self.runner.end()
