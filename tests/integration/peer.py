# SPDX-License-Identifier: MIT
"""A daemon or registry that misbehaves as told: it plays raw bytes, or passes requests on to a real one.

    peer = Peer(unix=path, upstream=daemon.socket)
    peer.play("POST", "/images/create", HTTP_429, times=2)       # then the real daemon again
    peer.play("GET", "/events", [b"HTTP/1.1 200 OK\\r\\n", 0.5, b"...", HOLD])

A reply is bytes, or a list of bytes, seconds to sleep, HOLD (say no more, but keep the connection) and
RESET (close with a TCP reset, or at once). After the last piece the connection is closed. One connection
carries one request: that is how a peer may be, and it keeps the script's order clear.
"""
import ctypes
import os
import re
import socket
import struct
import threading
from dataclasses import dataclass, field

HOLD = object()
RESET = object()
CLONE_NEWNET = 0x40000000


def reply(status, body=b"", *headers, kind="application/json"):
    """A correct answer in one piece."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


HTTP_429 = reply("429 Too Many Requests", b'{"message":"toomanyrequests"}', "Retry-After: 0")
HTTP_500 = reply("500 Internal Server Error", b'{"message":"it broke"}')
REDIRECT = reply("307 Temporary Redirect", b"", "Location: http://192.0.2.1/elsewhere")
NOT_CHUNKS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nnot a chunk\r\n"
HUGE_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n"
NEGATIVE_LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc"
CUT_SHORT = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"Id\":"
HTTP_09 = b"{\"Id\":\"no status line\"}"
HEADER_BOMB = [b"HTTP/1.1 200 OK\r\n"] + [b"X-Bomb: " + b"b" * 1000 + b"\r\n"] * 20000
SLOW_LORIS = [b"HTTP/1.1 200 OK\r\n"] + [piece for letter in b"X-Slow: " * 10 for piece in (bytes([letter]), 0.5)] + [HOLD]


@dataclass
class Request:
    method: str
    path: str
    headers: dict
    body: bytes
    head: bytes = field(repr=False, default=b"")


@dataclass
class Rule:
    method: str
    path: re.Pattern
    pieces: list
    times: int


class Peer:
    """Listens on a Unix socket, or on PORT of the loopback of the network of process NETNS."""

    def __init__(self, unix=None, port=None, netns=None, upstream=None):
        self.requests = []
        self.upstream = upstream  # a path, or a port on the same loopback
        self._rules = []
        self._changes = []
        self._lock = threading.Lock()
        self._open = set()
        self._closing = threading.Event()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(unix, port, netns, ready), daemon=True)
        self._thread.start()
        ready.wait(10)

    def play(self, method, path, pieces, times=None):
        """METHOD and PATH are regular expressions, the path's of its beginning after the version; later rules win."""
        pieces = pieces if isinstance(pieces, list) else [pieces]
        with self._lock:
            self._rules.insert(0, Rule(method, re.compile(r"(/v\d+\.\d+)?" + path), pieces, times))

    def change(self, method, path, change):
        """Passes on such requests with another body: change(body)."""
        with self._lock:
            self._changes.append((method, re.compile(r"(/v\d+\.\d+)?" + path), change))

    def behave(self):
        """Forgets the script."""
        with self._lock:
            self._rules.clear()
            self._changes.clear()

    def seen(self, method, path):
        """The requests that fit: regular expressions as for play()."""
        with self._lock:
            return [r for r in self.requests if re.fullmatch(method, r.method) and re.match(r"(/v\d+\.\d+)?" + path, r.path)]

    def close(self):
        self._closing.set()
        with self._lock:
            waiting = list(self._open)
        for sock in [self._listener, *waiting]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._thread.join(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _serve(self, unix, port, netns, ready):
        # A thread moves alone; the threads it starts are where it is.
        if netns:
            with open(f"/proc/{netns}/ns/net") as file:
                if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) < 0:
                    raise OSError(ctypes.get_errno(), "setns")
        if unix:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(unix))
        else:
            self._listener = socket.socket()
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind(("127.0.0.1", port or 0))
            self.port = self._listener.getsockname()[1]
        self._listener.listen(64)
        ready.set()
        while not self._closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                break
            threading.Thread(target=self._answer, args=(sock,), daemon=True).start()
        self._listener.close()
        if unix:
            os.unlink(unix)

    def _answer(self, sock):
        with self._lock:
            self._open.add(sock)
        try:
            head = self._head(sock)
            if not head:
                return
            head, _, body = head.partition(b"\r\n\r\n")
            request = _parse(head)
            rule = self._rule(request)
            with self._lock:
                changes = [change for method, path, change in self._changes
                           if re.fullmatch(method, request.method) and path.match(request.path)]
            length = int(request.headers.get("content-length", 0))
            if rule or changes:
                if request.headers.get("expect"):
                    sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                while len(body) < length and (more := sock.recv(65536)):
                    body += more
            for change in changes:
                body = change(body)
            request.body = body
            with self._lock:
                self.requests.append(request)
            if rule:
                self._play(sock, rule.pieces)
            elif self.upstream:
                self._pass_on(sock, request)
            else:
                sock.sendall(reply("404 Not Found", b'{"message":"not in the script"}'))
        except OSError:
            pass  # the client went away: its right
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    @staticmethod
    def _head(sock):
        head = b""
        while b"\r\n\r\n" not in head and (more := sock.recv(65536)):
            head += more
            if head.startswith(b"\x16"):  # TLS, which daemons try first on a registry; they know this for a no
                sock.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
                return None
        return head if b"\r\n\r\n" in head else None

    def _rule(self, request):
        with self._lock:
            for rule in self._rules:
                if re.fullmatch(rule.method, request.method) and rule.path.match(request.path) and rule.times != 0:
                    rule.times = rule.times and rule.times - 1
                    return rule
        return None

    def _play(self, sock, pieces):
        for piece in pieces:
            if piece is HOLD:
                sock.recv(1)
            elif piece is RESET:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            elif isinstance(piece, bytes):
                sock.sendall(piece)
            elif self._closing.wait(piece):
                return

    def _pass_on(self, sock, request):
        if isinstance(self.upstream, int):
            other = socket.create_connection(("127.0.0.1", self.upstream))
        else:
            other = socket.socket(socket.AF_UNIX)
            other.connect(str(self.upstream))
        with self._lock:
            self._open.add(other)
        try:
            lines = [line for line in request.head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
            if len(request.body) > int(request.headers.get("content-length", 0)):  # changed, and all of it is here
                lines = [line for line in lines if not line.lower().startswith(b"content-length:")]
                lines.append(b"Content-Length: %d" % len(request.body))
            other.sendall(b"\r\n".join(lines) + b"\r\nConnection: close\r\n\r\n" + request.body)
            there = threading.Thread(target=_copy, args=(sock, other), daemon=True)
            there.start()
            _copy(other, sock)
            there.join()
        finally:
            with self._lock:
                self._open.discard(other)
            other.close()


class Silent(Peer):
    """Takes connections and never says a word, not TLS's first one either."""

    def _answer(self, sock):
        with self._lock:
            self._open.add(sock)
            self.requests.append(sock)
        try:
            while sock.recv(65536):
                pass
        except OSError:
            pass
        with self._lock:
            self._open.discard(sock)
        sock.close()


def _parse(head):
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Request(method, path, headers, b"", head)


def _copy(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for sock, how in ((sink, socket.SHUT_WR), (source, socket.SHUT_RD)):
        try:
            sock.shutdown(how)
        except OSError:
            pass
