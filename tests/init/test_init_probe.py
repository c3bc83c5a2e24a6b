# SPDX-License-Identifier: MIT
"""plr-init's question to a port: who listens, who answers HTTP, and who does neither."""

import contextlib
import socket
import subprocess
import threading

import pytest

from init_peer import LIMIT, program

both = pytest.mark.parametrize("architecture", ["amd64", "arm64"])


def probe(architecture, port, *options):
    words = [*program(architecture), "--probe", str(port), *options]
    return subprocess.run(words, stdin=subprocess.DEVNULL, timeout=LIMIT).returncode


@contextlib.contextmanager
def listening(address="127.0.0.1", reply=None, family=socket.AF_INET):
    """A server's port; `reply` is what each connection is answered with."""
    with socket.socket(family, socket.SOCK_STREAM) as server:
        server.bind((address, 0))
        server.listen(8)
        requests = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    peer, _ = server.accept()
                    with peer:
                        request = b""
                        while reply is not None and b"\r\n\r\n" not in request:
                            request += peer.recv(4096)
                        requests.append(request)
                        peer.sendall(reply or b"")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], requests
        server.shutdown(socket.SHUT_RDWR)
        thread.join(LIMIT)


@both
def test_a_port_that_listens_answers(architecture):
    with listening() as (port, _):
        assert probe(architecture, port) == 0
    assert probe(architecture, port) == 1


@both
def test_one_that_listens_on_ipv6_only_answers(architecture):
    with listening("::1", family=socket.AF_INET6) as (port, _):
        assert probe(architecture, port) == 0


@both
@pytest.mark.parametrize("reply, code", [
    (b"HTTP/1.1 200 OK\r\n\r\n", 0),
    (b"HTTP/1.0 302 Found\r\nLocation: /x\r\n\r\n", 0),
    (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", 1),
    (b"HTTP/1.1 20", 1),
    (b"220 mail.example\r\n", 1),
])
def test_http_is_ready_with_2xx_and_3xx(architecture, reply, code):
    with listening(reply=reply) as (port, requests):
        assert probe(architecture, port, "--http", "/health?deep=1") == code
        assert requests[0].startswith(b"GET /health?deep=1 HTTP/1.0\r\n")


@pytest.mark.parametrize("options", [["0"], ["65536"], ["x"], ["80", "--http", "health"]])
def test_a_question_that_is_none_is_refused(options):
    assert probe("amd64", *options) == 125
