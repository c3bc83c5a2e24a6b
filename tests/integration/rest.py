# SPDX-License-Identifier: MIT
"""A daemon's REST API in plain Python: what tests assert with, independent of the code under test."""
import http.client
import json
import socket
from urllib.parse import quote, urlencode


class RestError(Exception):
    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status = status


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("docker", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Rest:
    def __init__(self, path, timeout=30):
        self.path = str(path)
        self.timeout = timeout

    def call(self, method, path, body=None, ok=range(200, 400), kind="application/json", **query):
        """The decoded answer; a status outside OK is a RestError."""
        if query:
            path += "?" + urlencode({k: v if isinstance(v, str) else json.dumps(v) for k, v in query.items()})
        connection = _UnixConnection(self.path, self.timeout)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Content-Type": kind})
            reply = connection.getresponse()
            data = reply.read()
            if reply.status not in ok:
                raise RestError(reply.status, data.decode(errors="replace"))
            is_json = reply.headers.get_content_type() == "application/json"
            return json.loads(data) if is_json and data else data
        finally:
            connection.close()

    def get(self, path, **query):
        return self.call("GET", path, **query)

    def post(self, path, body=None, **query):
        return self.call("POST", path, body, **query)

    def delete(self, path, **query):
        return self.call("DELETE", path, ok=[200, 204, 404, 409], **query)

    # The objects of a daemon. `label` is NAME or NAME=VALUE.

    def containers(self, label=None):
        return self.get("/containers/json", all="1", filters=_filter(label))

    def networks(self, label=None):
        """Without those that every daemon has."""
        found = self.get("/networks", filters=_filter(label))
        return [network for network in found if network["Name"] not in ("bridge", "host", "none", "podman")]

    def volumes(self, label=None):
        return self.get("/volumes", filters=_filter(label)).get("Volumes") or []

    def images(self):
        return sorted(tag for image in self.get("/images/json") for tag in image.get("RepoTags") or [])

    def inspect(self, container):
        return self.get(f"/containers/{quote(container)}/json")

    def leftovers(self, label=None):
        """Every container, network and volume, labelled or not: a daemon of the tests' own starts empty."""
        return ([f"container {c['Names'][0]} {c['State']} {c['Labels']}" for c in self.containers(label)]
                + [f"network {n['Name']} {n['Labels']}" for n in self.networks(label)]
                + [f"volume {v['Name']} {v['Labels']}" for v in self.volumes(label)])

    def clear(self):
        """Removes all of them, so that what one test left does not fail the next."""
        for container in self.containers():
            self.delete(f"/containers/{container['Id']}", force="1", v="1")
        for network in self.networks():
            self.delete(f"/networks/{network['Id']}")
        for volume in self.volumes():
            self.delete(f"/volumes/{volume['Name']}", force="1")


def _filter(label):
    return {"label": [label]} if label else {}
