# SPDX-License-Identifier: MIT
"""plr-image against a real registry: what is pulled, what stands in the store afterwards, and who may do what.
As root, as an ordinary user with a range of ids, and as one without."""
import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from images import ARCH, File, Folder, Image, Layer, Link, Node, Puller, Registry, Symlink, index_of, put

NONE = b""


@pytest.fixture(scope="module")
def real_registry(tmp_path_factory):
    made = Registry(tmp_path_factory.mktemp("registry"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def real(real_registry):
    return real_registry.address


@pytest.fixture(params=["root", "ranges", "plain"])
def puller(request, image_program, image_folder):
    return Puller(image_program, image_folder, None if request.param == "root" else request.param)


@pytest.fixture
def root(image_program, image_folder):
    return Puller(image_program, image_folder)


HELLO = Layer([Folder("bin"), File("bin/hello", b"hello\n", mode=0o755)])


def test_pull_puts_config_and_layers_into_the_store(puller, real):
    top = Layer([File("etc/top", b"top")])
    Image([HELLO, top], {"Entrypoint": ["/bin/hello"], "Cmd": ["-x"], "Env": ["A=b", "C="], "User": "1:2",
                         "WorkingDir": "/w", "StopSignal": "SIGINT"}).push(real, "t/hello", "1")
    record = puller.pull(f"{real}/t/hello:1")
    assert record["name"] == f"{real}/t/hello:1"
    assert record["config"] == {"entrypoint": ["/bin/hello"], "cmd": ["-x"], "env": ["A=b", "C="], "user": "1:2",
                                "working_dir": "/w", "stop_signal": "SIGINT"}
    assert record["platform"] == {"os": "linux", "arch": ARCH}
    assert record["layers"] == [HELLO.hex, top.hex]
    assert (puller.layer(HELLO) / "bin/hello").read_bytes() == b"hello\n"
    assert (puller.layer(top) / "etc/top").read_bytes() == b"top"
    assert stat.S_IMODE(os.stat(puller.store).st_mode) == 0o700
    assert list((puller.store / "partial").iterdir()) == []


def test_modes_owners_times_links_and_names(puller, real):
    nfd, latin = "a\u0301\u00e9", os.fsdecode(b"latin-\xe9")
    layer = Layer([
        Folder("d", mode=0o1777, mtime=1000000000), File("d/in", b"x"), File("suid", b"s", mode=0o6755),
        File("no", b"", mode=0), File("owned", b"o", uid=1000, gid=1001), File("far", b"f", uid=3000000, gid=7),
        Symlink("link", "/etc/passwd"), Link("hard", "suid"), Folder("set", mode=0o2755), File("set/in", b"", gid=0),
        File(nfd, b"nfd"), File(latin, b"latin"), File("x" * 200 + "/" + "y" * 200, b"long")])
    Image([layer]).push(real, "t/modes", "1")
    puller.pull(f"{real}/t/modes:1")
    at = puller.layer(layer)
    assert stat.S_IMODE((at / "d").stat().st_mode) == 0o1777
    assert (at / "d").stat().st_mtime == 1000000000  # though a file was put into it afterwards
    assert stat.S_IMODE((at / "suid").stat().st_mode) == 0o6755
    assert (at / "suid").stat().st_ino == (at / "hard").stat().st_ino
    assert stat.S_IMODE((at / "no").stat().st_mode) == 0
    assert os.readlink(at / "link") == "/etc/passwd"
    assert (at / "set/in").stat().st_gid == puller.gid(0)
    assert (at / nfd).read_bytes() == b"nfd" and (at / latin).read_bytes() == b"latin"
    assert (at / ("x" * 200) / ("y" * 200)).read_bytes() == b"long"
    assert ((at / "owned").stat().st_uid, (at / "owned").stat().st_gid) == (puller.uid(1000), puller.gid(1001))
    assert (at / "far").stat().st_uid == puller.uid(3000000)


def test_attributes(puller, real):
    capability = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    layer = Layer([
        File("cap", b"c", mode=0o755, pax_headers={"SCHILY.xattr.security.capability": capability}),
        File("user", b"u", pax_headers={"SCHILY.xattr.user.colour": "red"}),
        Folder("trick", pax_headers={"SCHILY.xattr.trusted.overlay.opaque": "y", "SCHILY.xattr.user.overlay.opaque": "y",
                                     "SCHILY.xattr.trusted.overlay.redirect": "/etc"})])
    Image([layer]).push(real, "t/attributes", "1")
    puller.pull(f"{real}/t/attributes:1")
    at = puller.layer(layer)
    assert os.getxattr(at / "user", "user.colour") == b"red"
    assert os.listxattr(at / "trick") == []
    assert b"\x00\x04\x00\x00" in os.getxattr(at / "cap", "security.capability")


def opaque(puller, path):
    return os.getxattr(path, "user.overlay.opaque" if puller.user else "trusted.overlay.opaque")


def is_whiteout(path):
    st = os.lstat(path)
    return stat.S_ISCHR(st.st_mode) and st.st_rdev == 0


def test_whiteouts(puller, real):
    layer = Layer([
        Folder("d"), File("d/.wh.gone", NONE), Folder("o"), File("o/.wh..wh..opq", NONE), File("o/new", b"n"),
        File("both", b"stays"), File(".wh.both", NONE),              # what the layer brings, it does not hide
        File(".wh.again", NONE), Folder("again"), File("again/x", b"x"),  # hidden below, new here
        File("e/.wh..wh..opq", NONE), File(".wh..wh.plnk", NONE), Folder(".wh..wh.aufs")])
    Image([layer]).push(real, "t/whiteouts", "1")
    puller.pull(f"{real}/t/whiteouts:1")
    at = puller.layer(layer)
    assert is_whiteout(at / "d/gone")
    assert opaque(puller, at / "o") == b"y" and (at / "o/new").exists()
    assert (at / "both").read_bytes() == b"stays"
    assert opaque(puller, at / "again") == b"y" and (at / "again/x").exists()
    assert opaque(puller, at / "e") == b"y"
    assert sorted(os.listdir(at)) == ["again", "both", "d", "e", "o"]


def test_a_layer_that_hides_all_below_is_the_lowest(puller, real):
    layers = [HELLO, Layer([File(".wh..wh..opq", NONE), File("only", b"")]), Layer([File("a", b"")])]
    Image(layers).push(real, "t/opaque", "1")
    assert puller.pull(f"{real}/t/opaque:1")["layers"] == [layer.hex for layer in layers[1:]]


def test_an_overlay_takes_the_layers(root, real, tmp_path):
    below = Layer([Folder("d"), File("d/gone", b""), File("d/stays", b""), Folder("o"), File("o/old", b"")])
    above = Layer([File("d/.wh.gone", NONE), Folder("o"), File("o/.wh..wh..opq", NONE), File("o/new", b"")])
    # The first layer comes again: an overlay refuses the same folder twice.
    Image([below, HELLO, above, HELLO]).push(real, "t/overlay", "1")
    layers = root.pull(f"{real}/t/overlay:1")["layers"]
    assert layers == [below.hex, above.hex, HELLO.hex]
    lower = ":".join(str(root.store / "layers" / layer) for layer in reversed(layers))
    seen = subprocess.run(["unshare", "-m", "sh", "-c", f"mount -t overlay -o lowerdir={lower} none {tmp_path} && "
                           f"cd {tmp_path} && find . -type f | sort"], capture_output=True, text=True, check=True)
    assert seen.stdout.split() == ["./bin/hello", "./d/stays", "./o/new"]


@pytest.mark.parametrize("pack", ["gzip", "zstd", "none"])
def test_compressions(root, real, pack):
    layer = Layer([File("f", os.urandom(300000) + bytes(700000))], pack=pack)
    Image([layer]).push(real, f"t/pack-{pack}", "1")
    root.pull(f"{real}/t/pack-{pack}:1")
    assert hashlib.sha256((root.layer(layer) / "f").read_bytes()).hexdigest() == \
        hashlib.sha256(tarfile.open(fileobj=__import__("io").BytesIO(layer.tar)).extractfile("f").read()).hexdigest()


def test_a_platform_of_an_index(root, real):
    here, other = Image([HELLO], {"Cmd": ["here"]}), Image([HELLO], {"Cmd": ["other"]}, arch="riscv64")
    here.push(real, "t/index", "here")
    other.push(real, "t/index", "other")
    put(real, "/v2/t/index/manifests/1", index_of([other, here]), "application/vnd.oci.image.index.v1+json")
    assert root.pull(f"{real}/t/index:1")["config"]["cmd"] == ["here"]
    assert root.pull(f"{real}/t/index:1", platform={"arch": "riscv64"})["config"]["cmd"] == ["other"]
    code, message = root.refused(f"{real}/t/index:1", platform={"arch": "s390x"})
    assert code == "IMAGE" and "linux/s390x" in message and "riscv64" in message


def test_policies(root, real):
    name = f"{real}/t/policy"
    assert root.refused(f"{name}:1", policy="never")[0] == "IMAGE"
    Image([HELLO], {"Cmd": ["old"]}).push(real, "t/policy", "1")
    Image([HELLO], {"Cmd": ["old"]}).push(real, "t/policy", "latest")
    cmd = lambda tag, **more: root.pull(name + tag, **more)["config"]["cmd"]  # noqa: E731
    assert cmd(":1") == cmd("") == ["old"]
    Image([HELLO], {"Cmd": ["new"]}).push(real, "t/policy", "1")
    new = Image([HELLO], {"Cmd": ["new"]})
    new.push(real, "t/policy", "latest")
    assert cmd(":1") == cmd(":1", policy="if-not-exists") == cmd(":1", policy="never") == ["old"]
    assert cmd("", policy="if-not-exists") == ["old"]
    assert cmd("") == ["new"]
    assert cmd(":1", policy="always") == ["new"]
    assert cmd(f"@{new.digest}") == ["new"]


def test_a_registry_that_is_away_and_an_image_that_is_there(root, image_folder):
    made = Registry(image_folder / "short-lived")
    try:
        Image([HELLO]).push(made.address, "t/away", "latest")
        root.pull(f"{made.address}/t/away")
    finally:
        made.close()
    lines = root("pull", image=f"{made.address}/t/away")
    assert "done" in lines[-1]
    assert any("going on with the image that is there" in line.get("warning", "") for line in lines)
    assert root.refused(f"{made.address}/t/other")[0] == "INFRASTRUCTURE"


def test_an_image_that_is_not_there(root, real):
    code, message = root.refused(f"{real}/t/nothing:1")
    assert code == "IMAGE" and "no such image" in message and "t/nothing" in message


def test_credentials(root, image_folder):
    password = "tester:$2y$05$00rjK5R5L6mqlBWecOCSVe6bZGnsa4CmwMMhW1w9rV.9GLbbbxcWy"
    (image_folder / "htpasswd").write_text(password)
    made = Registry(image_folder / "locked", f"auth: {{ htpasswd: {{ realm: t, path: {image_folder}/htpasswd }} }}")
    try:
        name = f"{made.address}/t/locked:1"
        code, message = root.refused(name)
        assert code == "IMAGE" and "login" in message
        wrong = [{"address": made.address, "username": "tester", "password": "wr0ng-word"}]
        code, message = root.refused(name, auths=wrong)
        assert code == "IMAGE" and "credentials" in message and "wr0ng-word" not in message
        right = [{"address": made.address, "username": "tester", "password": "s3cret-word"}]
        assert "no such image" in root.refused(name, auths=right)[1]
        (image_folder / "config.json").write_text(json.dumps(
            {"auths": {made.address: {"username": "tester", "password": "s3cret-word"}}}))
        assert "no such image" in root.refused(name, config=str(image_folder / "config.json"))[1]
    finally:
        made.close()


def certificate(folder, name):
    """server.crt and .key for a host, signed by an authority of its own, ca.crt."""
    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)

    folder.mkdir()
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    openssl("req", "-x509", *new, "-subj", f"/CN=authority of {name}", "-keyout", "ca.key", "-out", "ca.crt")
    openssl("req", *new, "-subj", f"/CN={name}", "-keyout", "server.key", "-out", "csr")
    (folder / "extensions").write_text(f"subjectAltName=DNS:{name}\n")
    openssl("x509", "-req", "-in", "csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "extensions", "-out", "server.crt")


@pytest.fixture
def secure(real_registry, image_folder):
    """A registry that speaks TLS only, registry.test:PORT, with what `real` holds; its `tls` has the certificates."""
    certificate(image_folder / "tls", "registry.test")
    made = Registry(image_folder / "secure", tls=image_folder / "tls", content=real_registry.content)
    made.tls, made.name = image_folder / "tls", f"registry.test:{made.address.split(':')[1]}"
    (image_folder / "hosts").write_text("127.0.0.1 localhost registry.test other.test\n")
    Image([HELLO]).push(real_registry.address, "t/secure", "1")
    yield made
    made.close()


def test_tls_with_an_authority_of_ones_own(puller, secure, image_folder):
    """It is where Docker looks for it, or among the system's; without it nothing is spoken to."""
    puller.binds["/etc/hosts"] = image_folder / "hosts"
    image = f"{secure.name}/t/secure:1"
    code, message = puller.refused(image)
    assert code == "CONFIGURATION" and "certificate" in message, message
    folder = puller.home / ".config/docker/certs.d" / secure.name
    folder.mkdir(parents=True)
    shutil.copy(secure.tls / "ca.crt", folder)
    assert puller.pull(image)["layers"] == [HELLO.hex]
    # That it is of the right authority is not enough.
    other = image.replace("registry.test", "other.test")
    folder.rename(folder.with_name(secure.name.replace("registry.test", "other.test")))
    assert puller.refused(other)[0] == "CONFIGURATION"
    assert puller.refused(image, policy="always")[0] == "CONFIGURATION"
    puller.binds["/etc/ssl/certs/ca-certificates.crt"] = secure.tls / "ca.crt"
    assert puller.pull(image, policy="always")["layers"] == [HELLO.hex]


def test_no_tls_where_it_was_not_allowed(root, real, image_folder):
    """A registry beyond the loopback is never asked without TLS by itself."""
    (image_folder / "hosts").write_text("127.0.0.1 localhost registry.test\n")
    root.binds["/etc/hosts"] = image_folder / "hosts"
    name = f"registry.test:{real.split(':')[1]}"
    assert root.refused(f"{name}/t/hello:1")[0] in ("CONFIGURATION", "INFRASTRUCTURE")
    assert "no such image" in root.refused(f"{name}/t/nowhere:1", insecure=[name])[1]


def test_import_of_layouts_and_archives(puller, image_folder):
    image = Image([HELLO], {"Cmd": ["/bin/hello"]})
    layout = image.layout(image_folder / "layout", **{"org.opencontainers.image.ref.name": "team/hello:7"})
    assert "done" in puller("import", path=str(layout))[-1]
    archive = image_folder / "layout.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(layout, ".")
    assert "done" in puller("import", path=str(archive), image="archive:1")[-1]
    saved = image_folder / "saved.tar"
    with tarfile.open(saved, "w") as tar:
        folder = image_folder / "saved"
        (folder / "one").mkdir(parents=True)
        (folder / "one/layer.tar").write_bytes(HELLO.tar)
        (folder / "config.json").write_bytes(image.config)
        (folder / "manifest.json").write_text(json.dumps(
            [{"Config": "config.json", "RepoTags": ["saved:2"], "Layers": ["one/layer.tar"]}]))
        tar.add(folder, ".")
    assert "done" in puller("import", path=str(saved))[-1]
    assert sorted(line["image"]["name"] for line in puller("list") if "image" in line) == [
        "docker.io/library/archive:1", "docker.io/library/saved:2", "docker.io/team/hello:7"]
    assert puller.pull("team/hello:7", policy="never")["config"]["cmd"] == ["/bin/hello"]
    assert (puller.layer(HELLO) / "bin/hello").exists()
    assert list((puller.store / "partial").iterdir()) == []


def test_an_archive_does_not_reach_out(root, image_folder):
    archive = image_folder / "evil.tar"
    with tarfile.open(archive, "w") as tar:
        for (info, data) in (Symlink("out", str(image_folder)), File("out/escaped", b"x")):
            tar.addfile(info, data and __import__("io").BytesIO(data))
    assert "error" in root("import", path=str(archive), image="evil:1")[-1]
    assert not (image_folder / "escaped").exists()
    folder = image_folder / "linked"
    folder.mkdir()
    (folder / "index.json").symlink_to("/etc/passwd")
    code = root("import", path=str(folder), image="evil:1")[-1]["error"]
    assert code["code"] == "IMAGE" and "root:" not in code["message"]


def test_remove_and_prune(puller, real):
    own = Layer([Folder("deep"), File("deep/own", b"own", uid=12)])
    Image([HELLO, own]).push(real, "t/two", "1")
    Image([HELLO]).push(real, "t/one", "1")
    puller.pull(f"{real}/t/two:1")
    puller.pull(f"{real}/t/one:1")
    assert {"removed": own.hex} in puller("remove", image=f"{real}/t/two:1")
    assert puller.layer(HELLO).exists() and not puller.layer(own).exists()
    assert puller("remove", image=f"{real}/t/two:1")[-1]["error"]["code"] == "NOTFOUND"
    (puller.store / "partial" / "rest").write_bytes(b"x")
    (puller.store / "layers" / (".new-" + "0" * 64)).mkdir()
    assert puller("prune")[-1] == {"done": {}}
    assert os.listdir(puller.store / "partial") == [] and puller.leftovers() == []


def test_nothing_is_pruned_under_a_run(root, real):
    Image([HELLO]).push(real, "t/used", "1")
    root.pull(f"{real}/t/used:1")
    holder = subprocess.Popen(["flock", "-s", root.store / "lock", "sh", "-c", "echo; read x"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    holder.stdout.readline()
    assert root("prune")[-1]["error"]["code"] == "STATE"
    lines = root("remove", image=f"{real}/t/used:1")
    assert any("next prune" in line.get("notice", "") for line in lines) and root.layer(HELLO).exists()
    holder.communicate(b"\n")
    assert {"removed": HELLO.hex} in root("prune")


BIG = Layer([File(f"f{i}", os.urandom(1 << 20)) for i in range(24)])


def test_many_pulls_at_once_do_the_work_once(puller, real):
    Image([HELLO, BIG]).push(real, "t/big", "1")
    with ThreadPoolExecutor(6) as pool:
        ends = list(pool.map(lambda _: puller("pull", image=f"{real}/t/big:1"), range(6)))
    assert all("done" in lines[-1] for lines in ends)
    made = [line for lines in ends for line in lines
            if line.get("progress", {}).get("layer") == BIG.hex[:12] and line["progress"]["status"] == "done"]
    assert len(made) == 1 and puller.leftovers() == []


@pytest.mark.parametrize("after", [0.0, 0.05, 0.1, 0.2, 0.3])
def test_a_killed_pull_is_repaired_by_the_next(puller, real, after):
    Image([BIG]).push(real, "t/big", "2")
    process = puller.start("pull", image=f"{real}/t/big:2")
    process.stdout.readline()  # it has begun
    time.sleep(after)          # the moment of the kill is what is tried
    process.kill()
    process.communicate()
    puller.pull(f"{real}/t/big:2")
    assert len(os.listdir(puller.layer(BIG))) == 24 and puller.leftovers() == []
    assert os.listdir(puller.store / "partial") == []


def test_who_asked_has_gone(puller, real):
    Image([BIG]).push(real, "t/big", "3")
    process = puller.start("pull", image=f"{real}/t/big:3")
    process.stdout.readline()
    process.stdin.close()
    lines = process.stdout.read().splitlines()
    assert json.loads(lines[-1])["error"]["code"] == "CANCELLED" or b"done" in lines[-1]
    assert process.wait() in (0, 1)
    process.stderr.close()
    puller.pull(f"{real}/t/big:3")


def test_a_killed_unpacker_is_an_error(root, real):
    Image([BIG]).push(real, "t/big", "4")
    process = root.start("pull", image=f"{real}/t/big:4")
    process.stdout.readline()
    children = open(f"/proc/{process.pid}/task/{process.pid}/children").read().split()
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    last = root.finish(process)[-1]
    assert "error" not in last or "signal 9" in last["error"]["message"]
    root.pull(f"{real}/t/big:4")


def test_a_full_disk_is_said(root, real, image_folder):
    Image([BIG]).push(real, "t/big", "5")
    full = image_folder / "full"
    full.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "none", full], check=True)
    try:
        root.store = full / "store"
        code, message = root.refused(f"{real}/t/big:5")
        assert code == "SYSTEM" and "no space left" in message
        assert root.leftovers() == []
        subprocess.run(["mount", "-o", "remount,size=200m", full], check=True)
        root.pull(f"{real}/t/big:5")
    finally:
        subprocess.run(["umount", full], check=True)
