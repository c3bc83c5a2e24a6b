# SPDX-License-Identifier: MIT
"""What stands before an API server: a reverse proxy that knows users by passwords, as API servers did until 1.18, and
tells the server behind it a token."""
import base64
import socket
import ssl
from urllib.parse import urlsplit

from peer import Peer, reply


class ApiPeer(Peer):
    """Without TLS on a port of the loopback of the cluster's network. PASSWORD, if there is one, is USER:PASSWORD."""

    def __init__(self, cluster, token, password=None):
        where = cluster.where()
        ca = where.get("certificate-authority-data")
        self._tls = ssl.create_default_context(cafile=where.get("certificate-authority"),
                                               cadata=ca and base64.b64decode(ca).decode())
        self._server = urlsplit(where["server"])
        self._token = token
        self._basic = password and f"Basic {base64.b64encode(password.encode()).decode()}"
        super().__init__(netns=cluster.netns_pid, upstream=self._server.port or 443)
        self.change("POST|PUT|PATCH", "/", lambda body: body)  # so that it is all there

    def _pass_on(self, sock, request):
        if self._basic and request.headers.get("authorization") != self._basic:
            sock.sendall(reply("401 Unauthorized", b'{"kind":"Status","code":401,"message":"Unauthorized"}'))
            return
        lines = [line for line in request.head.split(b"\r\n")
                 if not line.lower().startswith((b"connection:", b"authorization:", b"expect:"))]
        lines += [b"Connection: close", b"Authorization: Bearer " + self._token.encode()]
        plain = socket.create_connection((self._server.hostname, self.upstream))
        with self._tls.wrap_socket(plain, server_hostname=self._server.hostname) as server:
            with self._lock:
                self._open.add(server)
            try:
                server.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + request.body)
                while data := server.recv(65536):
                    sock.sendall(data)
            finally:
                with self._lock:
                    self._open.discard(server)
