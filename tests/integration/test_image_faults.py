# SPDX-License-Identifier: MIT
"""Registries that misbehave and layers that mean harm: a clear error each, and a store that is as it was.
The misbehaving is a scripted peer before a real registry."""
import gzip
import io
import json
import os
import re
import stat
import tarfile
import time

import pytest
from images import File, Folder, Image, Layer, Link, Node, Puller, Registry, Symlink, sha
from peer import HOLD, HTTP_500, RESET, Peer, reply

KEPT = Layer([Folder("bin"), File("bin/kept", b"kept")])
DATA = Layer([File("data", os.urandom(3 << 20))])
IMAGE = Image([DATA])
BLOB = f"/v2/t/x/blobs/{DATA.digest}"
MANIFEST = "/v2/t/x/manifests/"


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    made = Registry(tmp_path_factory.mktemp("registry"))
    IMAGE.push(made.address, "t/x", "1")
    Image([KEPT]).push(made.address, "t/kept", "1")
    yield made.address
    made.close()


@pytest.fixture
def peer(real):
    with Peer(upstream=int(real.split(":")[1])) as made:
        made.address = f"127.0.0.1:{made.port}"
        yield made


@pytest.fixture(params=["root", "ranges"])
def puller(request, image_program, image_folder, real):
    yield from whole_store(Puller(image_program, image_folder, None if request.param == "root" else "ranges"), real)


@pytest.fixture
def root(image_program, image_folder, real):
    yield from whole_store(Puller(image_program, image_folder), real)


def whole_store(puller, real):
    """Another image is there before and after, and nothing half made."""
    puller.pull(f"{real}/t/kept:1")
    before = sorted(os.listdir(puller.store / "layers"))
    yield puller
    record = puller.pull(f"{real}/t/kept:1", policy="never")
    assert record["layers"] == [KEPT.hex] and (puller.layer(KEPT) / "bin/kept").read_bytes() == b"kept"
    assert puller.leftovers() == []
    assert set(before) <= set(os.listdir(puller.store / "layers"))
    assert [line for line in puller("list") if "warning" in line] == []


def refused(puller, peer, *code, **more):
    got, message = puller.refused(f"{peer.address}/t/x:1", **more)
    assert got in code, (got, message)
    assert not puller.layer(DATA).exists()
    return message


# Answers

def test_404(root, peer):
    peer.play("GET", MANIFEST, reply("404 Not Found", b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}'))
    assert "no such image" in (message := refused(root, peer, "IMAGE")) and "manifest unknown" in message


def test_401_without_a_way_to_log_in(root, peer):
    peer.play("GET", MANIFEST, reply("401 Unauthorized", b"{}", 'Www-Authenticate: Negotiate'))
    assert "kind of authentication" in refused(root, peer, "PROTOCOL", "IMAGE")


def test_429_is_tried_again_and_its_wait_is_kept(root, peer):
    peer.play("GET", MANIFEST, reply("429 Too Many Requests", b"{}", "Retry-After: 1"), times=2)
    began = time.monotonic()
    lines = root("pull", image=f"{peer.address}/t/x:1")
    assert "done" in lines[-1] and time.monotonic() - began >= 2
    assert len([line for line in lines if "trying again" in line.get("notice", "")]) == 2


def test_429_for_ever(root, peer):
    peer.play("GET", MANIFEST, reply("429 Too Many Requests", b"{}", "Retry-After: 0"))
    assert "429" in refused(root, peer, "INFRASTRUCTURE")
    peer.play("GET", MANIFEST, reply("429 Too Many Requests", b"{}", "Retry-After: 7200"))
    assert "come back in 7200 s" in refused(root, peer, "INFRASTRUCTURE")


@pytest.mark.parametrize("status", ["500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable"])
def test_a_5xx_passes(root, peer, status):
    peer.play("GET", BLOB, reply(status, b"{}"), times=2)
    root.pull(f"{peer.address}/t/x:1")


def test_500_for_ever(root, peer):
    peer.play("GET", BLOB, HTTP_500)
    assert "status 500" in refused(root, peer, "INFRASTRUCTURE")


def test_a_registry_that_hangs(puller, peer):
    peer.play("GET", MANIFEST, [HOLD])
    assert "did not answer in time" in refused(puller, peer, "TIMEOUT", patience="300ms")
    peer.behave()
    peer.play("GET", BLOB, [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % DATA.size, DATA.blob[:1000], HOLD])
    assert "silent" in refused(puller, peer, "TIMEOUT", patience="5s")  # enough for what comes before
    peer.behave()
    puller.pull(f"{peer.address}/t/x:1")


def test_what_was_there_is_used_when_the_registry_fails(root, peer):
    root.pull(f"{peer.address}/t/x:1")
    peer.play("GET", MANIFEST, HTTP_500)
    lines = root("pull", image=f"{peer.address}/t/x:1", policy="always")
    assert "done" in lines[-1] and any("going on with" in line.get("warning", "") for line in lines)
    peer.play("GET", MANIFEST, reply("403 Forbidden", b"{}"))
    assert root.refused(f"{peer.address}/t/x:1", policy="always")[0] == "IMAGE"


@pytest.mark.parametrize("answer", [b"\x00\x01garbage", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc",
                                    reply("200 OK", b""), reply("200 OK", b"{"), reply("200 OK", b"[]"),
                                    reply("200 OK", b'{"schemaVersion":1,"fsLayers":[]}'),
                                    reply("200 OK", b'{"schemaVersion":2,"config":{"digest":"sha256:../../etc"}}'),
                                    reply("200 OK", b'{"schemaVersion":2,"layers":' + b"[" * 100000)])
def test_manifests_that_are_none(root, peer, answer):
    peer.play("GET", MANIFEST, answer)
    refused(root, peer, "PROTOCOL", "UNSUPPORTED", "INFRASTRUCTURE")


def test_a_manifest_that_is_too_large(root, peer):
    peer.play("GET", MANIFEST, reply("200 OK", b" " * (5 << 20)))
    assert "more than" in refused(root, peer, "PROTOCOL")


# Bytes

def test_another_manifest_than_its_digest(root, peer):
    peer.play("GET", MANIFEST, reply("200 OK", IMAGE.manifest + b" "))
    code, message = root.refused(f"{peer.address}/t/x@{IMAGE.digest}")
    assert code == "IMAGE" and IMAGE.digest in message


def test_another_config_than_its_digest(root, peer):
    peer.play("GET", f"/v2/t/x/blobs/{sha(IMAGE.config)}", reply("200 OK", IMAGE.config + b" "))
    assert "the config" in refused(root, peer, "IMAGE")


def test_another_layer_than_its_digest(puller, peer):
    wrong = bytearray(DATA.blob)
    wrong[-20] ^= 1
    peer.play("GET", BLOB, reply("200 OK", bytes(wrong)))
    refused(puller, peer, "IMAGE")
    assert os.listdir(puller.store / "partial") == []  # else the next pull would trip over it
    peer.behave()
    puller.pull(f"{peer.address}/t/x:1")


def test_another_layer_than_its_diff_id(puller, real):
    layer = Layer([File("f", b"f")], diff_id=sha(b"something else"))
    Image([layer]).push(real, "t/lie", "1")
    code, message = puller.refused(f"{real}/t/lie:1")
    assert code == "IMAGE" and "decompressed" in message and not puller.layer(layer).exists()


def test_a_layer_that_ends_early_or_late(root, peer):
    peer.play("GET", BLOB, reply("200 OK", DATA.blob[:-100]))
    assert "ends after" in refused(root, peer, "IMAGE")
    peer.play("GET", BLOB, reply("200 OK", DATA.blob + b"more"))
    assert "longer" in refused(root, peer, "IMAGE")


def ranges(peer):
    return [request.headers.get("range") for request in peer.seen("GET", BLOB)]


def test_a_download_goes_on_where_the_connection_broke(puller, peer):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % DATA.size
    peer.play("GET", BLOB, [head, DATA.blob[:1000000], 0.2, RESET], times=1)
    puller.pull(f"{peer.address}/t/x:1")
    assert (puller.layer(DATA) / "data").stat().st_size == 3 << 20
    first, second = ranges(peer)
    assert first is None and 0 < int(re.fullmatch(r"bytes=(\d+)-", second)[1]) <= 1000000


def test_a_download_goes_on_where_a_killed_pull_was(puller, peer):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % DATA.size
    peer.play("GET", BLOB, [head, DATA.blob[:2000000], HOLD], times=1)
    process = puller.start("pull", image=f"{peer.address}/t/x:1", patience="60s")
    partial = puller.store / "partial"
    deadline = time.monotonic() + 60
    while (sizes := [entry.stat().st_size for entry in os.scandir(partial)]) != [2000000]:
        assert time.monotonic() < deadline, sizes
        time.sleep(0.01)
    process.kill()
    process.communicate()
    puller.pull(f"{peer.address}/t/x:1")
    assert ranges(peer) == [None, "bytes=2000000-"]


def test_a_server_that_knows_no_ranges(root, peer):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % DATA.size
    peer.play("GET", BLOB, [head, DATA.blob])
    peer.play("GET", BLOB, [head, DATA.blob[:500000], 0.2, RESET], times=1)
    root.pull(f"{peer.address}/t/x:1")


def test_a_server_that_sends_another_range(root, peer):
    peer.play("GET", BLOB, [b"HTTP/1.1 206 Partial\r\nContent-Length: 10\r\nContent-Range: bytes 5-14/100\r\n\r\n",
                            DATA.blob[5:15]])
    assert "another part" in refused(root, peer, "PROTOCOL")


# Redirects and tokens

def test_blobs_elsewhere_get_no_credentials(root, peer):
    with Peer() as elsewhere:
        elsewhere.play("GET", "/blob", reply("200 OK", DATA.blob))
        peer.play("GET", BLOB, reply("307 Temporary Redirect", b"", f"Location: http://127.0.0.1:{elsewhere.port}/blob?sig=1"))
        peer.play("GET", MANIFEST, reply("200 OK", IMAGE.manifest))
        peer.play("GET", MANIFEST, reply("401 Unauthorized", b"{}", 'Www-Authenticate: Basic realm="t"'), times=1)
        root.pull(f"{peer.address}/t/x:1", auths=[{"address": peer.address, "username": "u", "password": "p"}])
        assert "authorization" in peer.seen("GET", BLOB)[0].headers
        request, = elsewhere.seen("GET", "/blob")
        assert "authorization" not in request.headers and request.path == "/blob?sig=1"


def test_redirects_in_a_circle(root, peer):
    peer.play("GET", BLOB, reply("307 Temporary Redirect", b"", f"Location: {BLOB}"))
    assert "round and round" in refused(root, peer, "PROTOCOL")


@pytest.mark.parametrize("where", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://user@127.0.0.1/x", "nowhere", "//x/y"])
def test_redirects_to_no_place(root, peer, where):
    peer.play("GET", BLOB, reply("307 Temporary Redirect", b"", f"Location: {where}"))
    assert "no address" in refused(root, peer, "PROTOCOL")


def token_room(peer, answer):
    peer.play("GET", "/v2/", reply("401 Unauthorized", b"{}",
              f'Www-Authenticate: Bearer realm="http://{peer.address}/token",service="s,1",scope="repository:t/x:pull"'))
    peer.play("GET", "/token", answer)
    return peer


def test_a_token(root, peer):
    token_room(peer, reply("200 OK", b'{"access_token":"abc"}'))
    rule = peer._rules.pop()  # the 401 is only for who has no token
    original = peer._rule
    peer._rule = lambda request: original(request) or (
        rule if request.headers.get("authorization") != "Bearer abc" and rule.path.match(request.path) else None)
    root.pull(f"{peer.address}/t/x:1", auths=[{"address": peer.address, "username": "me", "password": "secret"}])
    question = peer.seen("GET", "/token")
    assert len(question) == 1 and question[0].headers["authorization"].startswith("Basic ")
    assert "service=s%2C1" in question[0].path and "scope=repository%3At%2Fx%3Apull" in question[0].path


def test_an_identity_token(root, peer, image_folder):
    """What a login left in place of a password is exchanged by POST, and nothing of it is shown."""
    token_room(peer, reply("200 OK", b'{"access_token":"abc"}'))
    peer.play("POST", "/token", reply("401 Unauthorized", b"{}"))
    rule = peer._rules.pop()
    original = peer._rule
    peer._rule = lambda request: original(request) or (
        rule if request.headers.get("authorization") != "Bearer abc" and rule.path.match(request.path) else None)
    config = image_folder / "config.json"
    config.write_text(json.dumps({"auths": {peer.address: {"identitytoken": "refresh+me"}}}))
    message = refused(root, peer, "IMAGE", config=str(config))
    assert "refresh" not in message and "does not accept the credentials" in message
    peer.play("POST", "/token", reply("200 OK", b'{"access_token":"abc"}'))
    root.pull(f"{peer.address}/t/x:1", config=str(config))
    for question in peer.seen("POST", "/token"):
        body = question.body.decode()
        assert "grant_type=refresh_token" in body and "refresh_token=refresh%2Bme" in body and "client_id=" in body
        assert "scope=repository%3At%2Fx%3Apull" in body and "authorization" not in question.headers
    assert len(peer.seen("POST", "/token")) == 2 and peer.seen("GET", "/token") == []


@pytest.mark.parametrize("answer, word", [
    (reply("403 Forbidden", b"{}"), "without a login"), (reply("200 OK", b"{}"), "no token"),
    (reply("200 OK", b'{"token":"a\\nX: y"}'), "no token"), (reply("200 OK", b'{"token":"abc"}'), "no access")])
def test_tokens_that_open_nothing(root, peer, answer, word):
    assert word in refused(root, token_room(peer, answer), "IMAGE", "PROTOCOL")


# Layers that mean harm

def harm(puller, real, entries, **more):
    layer = Layer(entries, **more)
    Image([layer]).push(real, "t/harm", "1")
    last = puller("pull", image=f"{real}/t/harm:1", policy="always")[-1]
    return layer, last.get("error")


OUT = "../../../../../../../../tmp/plr-escaped"


@pytest.mark.parametrize("entries", [
    [File(OUT, b"x")], [File("a/../../x", b"x")], [Folder("..")],
    [Symlink("l", "/tmp"), File("l/plr-escaped", b"x")],
    [Symlink("l", "../../../../../../../../tmp"), File("l/plr-escaped", b"x")],
    [Symlink("l", "/proc/self/cwd"), File("l/plr-escaped", b"x")],
    [Symlink("a", "b"), Symlink("b", "a"), File("a/plr-escaped", b"x")],
    [Link("h", "/etc/passwd"), File("h", b"x")], [Link("h", OUT)], [Link("h", "../x")],
    [Symlink("l", "/etc"), Link("h", "l/passwd")],
    [File(".wh...", b"")], [File(".wh..", b"")], [File(".wh.", b"")], [File(OUT + "/.wh.x", b"")],
    [Symlink("l", "/etc"), File("l/.wh.passwd", b"")], [File(".wh.d/inside", b"")],
    [File("/".join(["d"] * 300), b"")], [File("n" * 300, b"")], [File("p/" * 2000 + "p", b"")],
    [Symlink("f", "/etc/plr-escaped"), File("f", b"x")],
], ids=range(21))
def test_tricks_with_paths(puller, real, entries):
    os.path.lexists("/tmp/plr-escaped") and os.unlink("/tmp/plr-escaped")
    passwd = open("/etc/passwd", "rb").read()
    layer, error = harm(puller, real, entries)
    assert error is None or error["code"] in ("IMAGE", "SYSTEM"), error
    for path in ("/tmp/plr-escaped", "/etc/plr-escaped", puller.store / "x", puller.store / "layers/x", "/h"):
        assert not os.path.lexists(path)
    assert open("/etc/passwd", "rb").read() == passwd
    if error:
        assert not puller.layer(layer).exists()
    else:
        # Whatever was put somewhere was put below, and nothing of this machine was linked there.
        for folder, _, names in os.walk(puller.layer(layer)):
            assert all(os.lstat(os.path.join(folder, name)).st_size < 100 for name in names)


def test_absolute_names_are_below(puller, real):
    layer, error = harm(puller, real, [File("/etc/plr-absolute", b"x")])
    assert error is None and (puller.layer(layer) / "etc/plr-absolute").exists()
    assert not os.path.exists("/etc/plr-absolute")


def test_devices(puller, real):
    layer, error = harm(puller, real, [Node("null", tarfile.CHRTYPE, 1, 3, mode=0o666), Node("hidden", tarfile.CHRTYPE, 0, 0),
                                       Node("pipe", tarfile.FIFOTYPE, 0, 0, mode=0o600)])
    assert error is None
    names = sorted(os.listdir(puller.layer(layer)))
    assert names == (["pipe"] if puller.user else ["null", "pipe"])
    assert stat.S_ISFIFO((puller.layer(layer) / "pipe").stat().st_mode)


@pytest.mark.parametrize("files", [1, 300])
def test_a_bomb(puller, real, files):
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for i in range(files):
            info = tarfile.TarInfo(f"zeros{i}")
            info.size = (300 << 20) // files
            archive.addfile(info, open("/dev/zero", "rb"))
    layer, error = harm(puller, real, [], tar=tar.getvalue())
    assert error["code"] == "IMAGE" and ("not believed" if files > 1 else "too large") in error["message"]
    assert not puller.layer(layer).exists()


def test_a_hole_of_a_petabyte(root, real):
    info = tarfile.TarInfo("hole")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "hole",
                        "GNU.sparse.realsize": str(1 << 50)}
    blocks = b"1\n0\n1\n".ljust(512, b"\0") + b"x".ljust(512, b"\0")
    info.size = 513
    layer, error = harm(root, real, [(info, blocks[:513])])
    assert error["code"] == "IMAGE" and not root.layer(layer).exists()


@pytest.mark.parametrize("cut", [0, 100, 600, 1100])
def test_a_torn_tar(root, real, cut):
    layer, error = harm(root, real, [], tar=Layer([File("f", b"f" * 2000)]).tar[:cut])
    assert error["code"] == "IMAGE" and not root.layer(layer).exists()


def test_noise(root, real):
    layer, error = harm(root, real, [], tar=os.urandom(5000))
    assert error["code"] == "IMAGE"
    layer, error = harm(root, real, [], tar=gzip.compress(os.urandom(100))[:-8], pack="none")
    assert error["code"] == "IMAGE"


def test_deep_trees_are_removed(root, real):
    """A tree that is deeper than any path is long, made through links: it must be possible to get rid of it."""
    entries, here = [], ""
    for i in range(20):
        folder = "/".join(["d" * 50] * 60)
        entries += [Folder(f"{here}{folder}"), Symlink(f"l{i}", f"{here.rstrip('/')}/{folder}".lstrip("/"))]
        here = f"l{i}/"
    layer, error = harm(root, real, entries)
    assert error is None
    root("remove", image=f"{real}/t/harm:1")
    assert not root.layer(layer).exists()
