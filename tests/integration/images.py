# SPDX-License-Identifier: MIT
"""Images made in memory, layer by layer, as good or as bad as a test wants them, and a registry for them.

    layer = Layer([File("bin/hello", b"...", mode=0o755), Link("bin/hi", "hello"), Folder("tmp", mode=0o1777)])
    image = Image([layer], config={"Cmd": ["/bin/hello"]})
    image.push("127.0.0.1:5000", "team/hello", "1")
"""
import gzip
import hashlib
import http.client
import io
import json
import os
import platform
import socket
import subprocess
import tarfile
import threading
import time

ARCH = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
OCI = "application/vnd.oci.image."


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _entry(name, kind, **more):
    info = tarfile.TarInfo(name)
    info.type = kind
    info.mtime = 1700000000
    for key, value in more.items():
        setattr(info, key, value)
    return info


def File(name, data=b"", mode=0o644, **more):
    return _entry(name, tarfile.REGTYPE, size=len(data), mode=mode, **more), data


def Folder(name, mode=0o755, **more):
    return _entry(name, tarfile.DIRTYPE, mode=mode, **more), None


def Symlink(name, target, **more):
    return _entry(name, tarfile.SYMTYPE, linkname=target, mode=0o777, **more), None


def Link(name, target, **more):
    return _entry(name, tarfile.LNKTYPE, linkname=target, **more), None


def Node(name, kind, major, minor, **more):
    return _entry(name, kind, devmajor=major, devminor=minor, **more), None


class Layer:
    """A tar of entries, or any bytes that are called one; compressed by gzip, by a command, or not at all."""

    def __init__(self, entries=(), tar=None, pack="gzip", diff_id=None):
        if tar is None:
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as archive:
                for info, data in entries:
                    archive.addfile(info, data and io.BytesIO(data))
            tar = out.getvalue()
        self.tar = tar
        self.diff_id = diff_id or sha(tar)
        if pack == "gzip":
            self.blob = gzip.compress(tar, 6, mtime=0)
        elif pack == "zstd":
            self.blob = subprocess.run(["zstd", "-q", "-c"], input=tar, stdout=subprocess.PIPE, check=True).stdout
        else:
            self.blob = tar
        self.kind = OCI + "layer.v1.tar" + {"gzip": "+gzip", "zstd": "+zstd"}.get(pack, "")
        self.size = len(self.blob)
        self.digest = sha(self.blob)

    @property
    def hex(self):
        return self.diff_id.split(":")[1]


class Image:
    def __init__(self, layers, config=None, arch=ARCH, variant=None, **more):
        self.layers = list(layers)
        content = {"os": "linux", "architecture": arch, "config": config or {},
                   "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}, **more}
        if variant:
            content["variant"] = variant
        self.arch = arch
        self.config = json.dumps(content).encode()
        self.manifest = json.dumps({
            "schemaVersion": 2, "mediaType": OCI + "manifest.v1+json",
            "config": {"mediaType": OCI + "config.v1+json", "digest": sha(self.config), "size": len(self.config)},
            "layers": [{"mediaType": l.kind, "digest": l.digest, "size": l.size} for l in self.layers],
        }).encode()
        self.digest = sha(self.manifest)

    @property
    def blobs(self):
        return {sha(self.config): self.config, **{l.digest: l.blob for l in self.layers}}

    def push(self, registry, repository, tag, manifest=None, kind=OCI + "manifest.v1+json"):
        for digest, blob in self.blobs.items():
            push_blob(registry, repository, digest, blob)
        return put(registry, f"/v2/{repository}/manifests/{tag}", manifest or self.manifest, kind)

    def layout(self, folder, **annotations):
        """An OCI layout; returns the folder."""
        blobs = folder / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        for digest, blob in {**self.blobs, self.digest: self.manifest}.items():
            (blobs / digest.split(":")[1]).write_bytes(blob)
        (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [
            {"mediaType": OCI + "manifest.v1+json", "digest": self.digest, "size": len(self.manifest),
             "annotations": annotations}]}))
        return folder


def index_of(images):
    return json.dumps({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [
        {"mediaType": OCI + "manifest.v1+json", "digest": i.digest, "size": len(i.manifest),
         "platform": {"os": "linux", "architecture": i.arch}} for i in images]}).encode()


def _request(registry, method, path, body=b"", **headers):
    host, port = registry.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    if answer.status >= 400:
        raise RuntimeError(f"{method} {path}: {answer.status} {data[:300]}")
    return answer


def push_blob(registry, repository, digest, blob):
    place = _request(registry, "POST", f"/v2/{repository}/blobs/uploads/").getheader("Location")
    place = place.split(registry, 1)[-1]
    _request(registry, "PUT", f"{place}{'&' if '?' in place else '?'}digest={digest}", blob,
             **{"Content-Type": "application/octet-stream"})


def put(registry, path, body, kind):
    return _request(registry, "PUT", path, body, **{"Content-Type": kind}).getheader("Docker-Content-Digest")


class Registry:
    """Debian's docker-registry on a free port of this machine's loopback; `tls` is the folder of its server.crt and .key,
    without them it speaks plainly; `content` may be another one's."""

    def __init__(self, folder, auth="", tls=None, content=None):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.content = content or folder / "content"
        for place in (folder, self.content):
            place.mkdir(parents=True, exist_ok=True)
        secure = f", tls: {{ certificate: {tls}/server.crt, key: {tls}/server.key }}" if tls else ""
        (folder / "registry.yml").write_text(
            "version: 0.1\nlog: { level: error, accesslog: { disabled: true } }\n"
            f"storage: {{ filesystem: {{ rootdirectory: {self.content} }} }}\n"
            f"http: {{ addr: '{self.address}', secret: tests{secure} }}\n{auth}\n")
        self.process = subprocess.Popen(["docker-registry", "serve", folder / "registry.yml"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        host, port = self.address.split(":")
        for _ in range(200):
            try:
                socket.create_connection((host, int(port)), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("docker-registry does not start")

    def close(self):
        self.process.kill()
        self.process.wait()


NOBODY = 65534
FIRST_SUBUID = 200000


class Puller:
    """plr-image with a store of its own: as root, or as the user nobody, with a range of ids ("ranges") or none."""

    def __init__(self, program, folder, user=None):
        self.program, self.folder, self.user = program, folder, user
        self.store = folder / "store"
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.binds = {}  # files of this machine that it shall see others for
        if user:
            os.chown(folder, NOBODY, NOBODY)
            os.chown(self.home, NOBODY, NOBODY)

    def uid(self, inside):
        """Which id outside a file has that is `inside`'s in the image; the same for groups."""
        if not self.user:
            return inside
        ranged = self.user == "ranges" and 0 < inside <= 65536
        return FIRST_SUBUID + inside - 1 if ranged else NOBODY

    gid = uid

    def _command(self):
        if not self.user and not self.binds:
            return [self.program]
        binds = dict(self.binds)
        if self.user:
            # /etc/subuid as this test wants it, for this process alone.
            ranges = self.folder / "subids"
            ranges.write_text(f"nobody:{FIRST_SUBUID}:65536\n" if self.user == "ranges" else "")
            binds |= {"/etc/subuid": ranges, "/etc/subgid": ranges}
        become = f"setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups" if self.user else ""
        mounts = "".join(f"mount --bind {ours} {theirs} && " for theirs, ours in binds.items())
        return ["unshare", "-m", "sh", "-c", f"{mounts} exec {become} {self.program}"]

    def start(self, command, **request):
        request = {"command": command, "store": str(self.store), "patience": "3s", **request}
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "ASAN_OPTIONS": "detect_leaks=1"}
        process = subprocess.Popen(self._command(), env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, cwd="/")
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        return process

    @staticmethod
    def finish(process, timeout=60):
        """The lines that came, as objects."""
        try:
            out = _read(process, timeout)
        finally:
            process.stdin.close()
        complaint = process.stderr.read().decode()
        process.wait()
        assert "Sanitizer" not in complaint and "runtime error" not in complaint, complaint
        lines = [json.loads(line) for line in out.splitlines()]
        assert lines, f"nothing said, {process.returncode}: {complaint}"
        return lines

    def __call__(self, command, **request):
        return self.finish(self.start(command, **request))

    def pull(self, image, **request):
        """The record, or fails."""
        last = self("pull", image=image, **request)[-1]
        assert "done" in last, last
        return json.loads(open(last["done"]["record"]).read())

    def refused(self, image, **request):
        """(code, message) of the error."""
        last = self("pull", image=image, **request)[-1]
        assert "error" in last, last
        return last["error"]["code"], last["error"]["message"]

    def layer(self, layer):
        return self.store / "layers" / layer.hex

    def leftovers(self):
        """What a whole store does not have."""
        layers = self.store / "layers"
        return sorted(p.name for p in layers.iterdir() if p.name.startswith((".new", ".old")))


def _read(process, timeout):
    timer = threading.Timer(timeout, process.kill)
    timer.start()
    try:
        return process.stdout.read()
    finally:
        timer.cancel()
