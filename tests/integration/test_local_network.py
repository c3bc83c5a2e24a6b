# SPDX-License-Identifier: MIT
"""The network of a run on the local backend, as the user sees it: names, ports, what is said where there is no way out,
and that nothing of it is left. What the pieces do by themselves is in tests/local/test_net.py."""
import json
import os
import shutil
import signal
import socket
import time

import pytest

from docker_steps import document, end, output

SERVE = "import socket; s = socket.create_server(('', 8080)); print('listens', flush=True)\n" \
        "while True: c = s.accept()[0]; c.sendall(b'NAME'); c.close()"
ASK = "import socket\nfor name in NAMES:\n s = socket.create_connection((name, 8080), timeout=60); " \
      "print(name, s.recv(9).decode(), flush=True)"


def python(text, **docker):
    return {"command": ["/usr/bin/python3", "-c", text], **docker}


def service(name, **fields):
    docker = python(SERVE.replace("NAME", name), **fields.pop("docker", {}))
    return {"metadata": {"name": name}, "docker": docker, "ready": {"tcp": 8080}, **fields}


def step(name, text, **fields):
    return {"metadata": {"name": name}, "docker": python(text, **fields.pop("docker", {})), **fields}


def warnings(result):
    return [event["message"] for event in result.events if event["event"] == "warning"]


def free_port():
    with socket.create_server(("", 0)) as server:
        return server.getsockname()[1]


def test_two_services_on_one_port(local):
    """By name and by alias, and readiness is asked of each."""
    asks = ASK.replace("NAMES", "['one', 'eins', 'two', 'zwei']")
    result = local(document(step("ask", asks), services=[service("one", aliases=["eins"]), service("two", aliases=["zwei"])]),
                   "--rootfs host")
    assert result.code == 0, result
    assert output(result, "ask").split() == "one one eins one two two zwei two".split()


def test_shared_names_are_the_loopback(local):
    result = local(document(step("ask", ASK.replace("NAMES", "['one', 'uno', '127.0.0.1']"),
                                 docker={"extra_hosts": ["uno:127.0.0.1"]}), services=[service("one")]),
                   "--rootfs host --network shared")
    assert result.code == 0, result
    assert output(result, "ask").split() == "one one uno one 127.0.0.1 one".split()


SERVE6 = "import socket; s = socket.create_server(('::', 8080), family=socket.AF_INET6, dualstack_ipv6=True); print('listens', flush=True)\n" \
         "while True: c, a = s.accept(); c.sendall(a[0].encode()); c.close()"
ASK6 = "import socket\nfor name in NAMES:\n s = socket.create_connection((name, 8080), timeout=60); print(s.recv(99).decode())\n" \
       "print(*sorted({a[4][0] for a in socket.getaddrinfo('six', 1)}))"


def test_ipv6_in_an_isolated_network(local):
    """As with Docker's option: an address each, and names resolve to both; without it there is none."""
    six = {"metadata": {"name": "six"}, "docker": python(SERVE6), "ready": {"tcp": 8080}}
    doc = document(step("ask", ASK6.replace("NAMES", "['fd70:6c72::ad5:101', 'six', '10.213.1.1']")), services=[six])
    result = local(doc, "--rootfs host --network isolated --local-ipv6")
    assert result.code == 0, result
    assert output(result, "ask").split() == ["fd70:6c72::ad5:102", "fd70:6c72::ad5:102", "::ffff:10.213.1.2",
                                             "10.213.1.1", "fd70:6c72::ad5:101"]
    look = step("look", "print(*(line[:2] for line in open('/proc/net/if_inet6')))")
    result = local(document(look, services=[six]), "--rootfs host --network isolated")
    assert output(result, "look").split() == ["00"], result


@pytest.mark.parametrize("network", ["shared", "isolated", "none"])
def test_the_loopback_has_ipv6(local, network):
    talk = "import socket; s = socket.create_server(('::1', 7), family=socket.AF_INET6)\n" \
           "socket.create_connection(('::1', 7), timeout=5); print(s.accept()[1][0])"
    result = local(document(step("talk", talk)), f"--rootfs host --network {network}")
    assert output(result, "talk") == "::1\n", result


@pytest.mark.parametrize("network", ["shared", "isolated"])
def test_a_published_port(local, network):
    port = free_port()
    served = service("web", docker={"ports": [{"port": 8080, "host": port}]})
    hold = step("hold", "print('runs', flush=True); import time; time.sleep(1000)")
    running = local.start(document(hold, services=[served]), f"--rootfs host --network {network}")
    running.line(lambda line: '"runs' in line)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        assert client.recv(9) == b"web"
    running.signal()
    running.finish()
    with socket.create_server(("", port)):
        pass  # it is free again


@pytest.mark.parametrize("network", ["shared", "isolated"])
def test_a_port_in_use(local, network):
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        result = local(document(step("web", "pass", docker={"ports": [{"port": 80, "host": port}]})),
                       f"--rootfs host --network {network}")
    assert result.code != 0
    message = f'port {port}/tcp of this machine cannot be published for "web": Address already in use'
    assert message in json.dumps(result.ended).replace('\\"', '"'), result


def test_names_of_servers(local):
    """A step's own servers and domains win."""
    result = local(document(step("read", "print(open('/etc/resolv.conf').read())",
                                 docker={"dns": ["192.0.2.77"], "dns_search": ["one.test", "two.test"]})),
                   "--rootfs host --network shared")
    assert output(result, "read").split() == "nameserver 192.0.2.77 search one.test two.test".split()


@pytest.mark.parametrize("flags, network, words", [
    ("", "machine", "steps use the network of this machine"),
    ("--network shared", "own", "steps reach each other and nothing else"),
    ("--network isolated", "own", "steps reach each other and nothing else"),
    ("--forbid host-network", "own", "steps reach each other and nothing else"),
], ids=["auto", "shared", "isolated", "forbidden"])
def test_no_way_out(local, flags, network, words):
    """Nothing installed: who chose the network decides, and the warning names what is missing."""
    tools = local.home / "tools"  # what the fixture itself needs
    tools.mkdir()
    for name in ("unshare", "sh", "mount", "setpriv"):
        (tools / name).symlink_to(shutil.which(name))
    local.own["PATH"] = str(tools)
    result = local(document(step("look", "import os; print(os.readlink('/proc/self/ns/net'))")), f"--rootfs host {flags}")
    assert result.code == 0, result
    said = [text for text in warnings(result) if "slirp4netns" in text]
    assert len(said) == 1 and "neither slirp4netns nor pasta is installed" in said[0] and words in said[0], result
    machine = output(result, "look").strip() == os.readlink("/proc/self/ns/net")
    assert machine == (network == "machine")


def test_none_is_a_loopback(local):
    result = local(document(step("look", "import os; print(*sorted(os.listdir('/sys/class/net')))", network="none")),
                   "--rootfs host")
    assert output(result, "look").split() == ["lo"], result


def helpers(pid):
    """What helps a run's network, among the descendants of a process: {name: pid}."""
    found, parents = {}, {}
    for other in filter(str.isdigit, os.listdir("/proc")):
        try:
            name, rest = open(f"/proc/{other}/stat").read().split("(", 1)[1].rsplit(") ", 1)
        except OSError:
            continue
        parents[int(other)] = (int(rest.split()[1]), name, rest[0])
    for other, (parent, name, state) in parents.items():
        above = parent
        while above > 1 and above != pid:
            above = parents.get(above, (0,))[0]
        if above == pid and state != "Z" and name in ("plr-net", "slirp4netns"):
            found[name] = other
    return found


@pytest.mark.parametrize("local", ["root"], indirect=True)
def test_the_way_out_dies(local):
    """No step could keep its promise then: the run fails at once, and says why."""
    hold = step("hold", "print('runs', flush=True); import time; time.sleep(1000)")
    running = local.start(document(hold), "--rootfs host --network shared")
    running.line(lambda line: '"runs' in line)
    os.kill(helpers(running.pid)["slirp4netns"], signal.SIGKILL)
    result = running.finish()
    assert result.code == 3, result
    assert "the run's network has lost its way out: slirp4netns was killed by signal 9" in json.dumps(result.ended), result


@pytest.mark.parametrize("local", ["root"], indirect=True)
def test_nothing_is_left_of_a_killed_engine(local):
    hold = step("hold", "print('runs', flush=True); import time; time.sleep(1000)")
    running = local.start(document(hold), "--rootfs host --network isolated")
    running.line(lambda line: '"runs' in line)
    left = helpers(running.pid)
    assert set(left) == {"plr-net", "slirp4netns"}
    running.process.kill()
    running.process.wait()
    deadline = time.monotonic() + 60
    while any(os.path.exists(f"/proc/{pid}") for pid in left.values()) or list(local.store.glob("runs/*")):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
