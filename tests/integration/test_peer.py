# SPDX-License-Identifier: MIT
"""The scripted peer does what its script says: other tests lean on it."""
import socket
import time

import pytest

from peer import CUT_SHORT, HOLD, HTTP_429, RESET, Peer, reply
from rest import Rest, RestError

OK = reply("200 OK", b'{"a":1}')


@pytest.fixture
def scripted(tmp_path):
    with Peer(unix=tmp_path / "s") as made:
        made.path = tmp_path / "s"
        yield made


def raw(path, request=b"GET /x HTTP/1.1\r\nHost: d\r\n\r\n"):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(10)
    sock.connect(str(path))
    sock.sendall(request)
    return sock


def read_all(sock):
    data = b""
    while more := sock.recv(65536):
        data += more
    return data


def test_plays_replies_in_order_then_falls_through(scripted):
    scripted.play("GET", "/thing", OK)
    scripted.play("GET", "/thing", HTTP_429, times=2)
    rest = Rest(scripted.path)
    for _ in range(2):
        with pytest.raises(RestError, match="toomanyrequests"):
            rest.get("/v1.41/thing")
    assert rest.get("/v1.41/thing?x=1") == {"a": 1}
    with pytest.raises(RestError, match="not in the script"):
        rest.get("/other")


def test_records_requests_with_their_bodies(scripted):
    scripted.play("POST", "/create", OK)
    Rest(scripted.path).post("/v1.41/create", {"Image": "x" * 100000})
    [request] = scripted.seen("POST|PUT", "/create")
    assert scripted.seen("PUT", "/create") == []
    assert request.body == b'{"Image": "' + b"x" * 100000 + b'"}'
    assert request.headers["content-type"] == "application/json"


def test_raw_bytes_go_out_unchanged_and_the_connection_closes(scripted):
    scripted.play("GET", "/x", CUT_SHORT)
    assert read_all(raw(scripted.path)) == CUT_SHORT


def test_sleeps_and_holds(scripted):
    scripted.play("GET", "/x", [b"a", 0.2, b"b", HOLD])
    began = time.monotonic()
    sock = raw(scripted.path)
    assert sock.recv(9) == b"a" and sock.recv(9) == b"b"
    assert time.monotonic() - began >= 0.2
    sock.settimeout(0.2)
    with pytest.raises(TimeoutError):
        sock.recv(1)


def test_reset(tmp_path):
    with Peer() as made:
        made.play("GET", "/x", [b"a", 0.05, RESET])
        sock = socket.create_connection(("127.0.0.1", made.port))
        sock.sendall(b"GET /x HTTP/1.1\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            read_all(sock)


@pytest.mark.once
def test_passes_on_to_a_real_daemon(docker, peer):
    between = peer(docker)
    rest = Rest(between.host.removeprefix("unix://"))
    between.play("GET", "/version", HTTP_429, times=1)
    with pytest.raises(RestError):
        rest.get("/version")
    assert rest.get("/version") == docker.get("/version")
    made = rest.post("/v1.41/containers/create", {"Image": "alpine:3.6", "Cmd": ["echo", "through"]})["Id"]
    rest.post(f"/v1.41/containers/{made}/start")
    assert rest.post(f"/v1.41/containers/{made}/wait")["StatusCode"] == 0
    assert b"through" in rest.get(f"/v1.41/containers/{made}/logs?stdout=1")
    docker.delete(f"/containers/{made}", force="1")


@pytest.mark.once
def test_a_bad_registry_then_a_good_one(docker, bad_registry):
    bad_registry.play("HEAD|GET", "/v2/alpine/manifests", HTTP_429)
    name = f"127.0.0.1:{bad_registry.port}/alpine:3.6"
    with pytest.raises(RuntimeError, match="(?i)too ?many ?requests"):
        docker.cli("pull", name)
    bad_registry.behave()
    docker.cli("pull", name)
    assert name in docker.images()
