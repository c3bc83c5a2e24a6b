# SPDX-License-Identifier: MIT
"""The network of a room by itself (backends/local/sandbox/net*.c): the way out, published ports, what is shut, and
what is said where something is missing; as root and as an ordinary user."""
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from machine import ADDRESS, WORLD, Lines, Machine

BUILD = Path(os.environ["PLR_BUILD"])
USERS = {"root": 0, "user": 65534}
ROOM, GATEWAY, NAME_SERVER = "10.213.0.1", "10.213.0.2", "10.213.0.3"
ONE, TWO = "10.213.1.1", "10.213.1.2"
TOOLS = ["busybox", "curl", "ip", "sh", "python3"]


@pytest.fixture
def folder(tmp_path):
    """Readable for all, as pytest's own is not; in it net_room and a PATH with what a test wants."""
    path = Path("/tmp") / f"plr-net-{os.getpid()}-{tmp_path.name}"
    (path / "bin").mkdir(parents=True)
    shutil.copy(BUILD / "tests/local/net_room", path)
    for tool in TOOLS:
        (path / "bin" / tool).symlink_to(shutil.which(tool, path="/usr/bin:/usr/sbin:/bin:/sbin"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def machine(folder):
    made = Machine(folder)
    yield made
    made.stop()


class Room:
    def __init__(self, machine, user, arguments, program=None):
        folder = machine.folder
        if program:
            (folder / "bin" / program).symlink_to(shutil.which(program))
        environment = dict(os.environ, PATH=str(folder / "bin"), ASAN_OPTIONS="detect_leaks=0")
        self.process = machine.spawn(
            machine_command(machine, [str(folder / "net_room"), *arguments], USERS[user]), env=environment)
        self.lines = Lines(self.process)

    def ready(self):
        return self.lines.until("ready")

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, line):
        """What a command prints, when all have ended."""
        before = len(self.lines.seen)
        self.say(line)
        self.say("wait")
        self.lines.until("waited")
        return [text for text in self.lines.seen[before:] if not text.startswith(("status", "waited"))]


def machine_command(machine, command, uid):
    """PATH is for net_room and what it starts, not for what brings it there."""
    tools = [shutil.which("nsenter"), "-t", str(machine.pid), "-n", "-m", "-p"]
    if uid != 0:
        tools += [shutil.which("setpriv"), "--reuid", str(uid), "--regid", str(uid), "--clear-groups"]
    return tools + command


def get(url, seconds=60):
    return f"curl -sfm {seconds} {url} && echo || echo refused"


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("program", ["slirp4netns", "pasta"])
@pytest.mark.parametrize("bridge", [False, True], ids=["shared", "isolated"])
def test_the_way_out(machine, user, program, bridge):
    """The world and names are reached, the machine's loopback is not, by whatever address."""
    room = Room(machine, user, ["--outbound"] + ["--bridge"] * bridge, program)
    room.ready()
    place = f"task {ONE}/16 " if bridge else "room "
    assert room.ask(place + get(f"http://{WORLD}:8000")) == ["world"]
    for shut in ("127.0.0.1", GATEWAY, NAME_SERVER, ROOM, ADDRESS):
        assert room.ask(place + get(f"http://{shut}:8001", 1)) == ["refused"], shut
    assert any(WORLD in line for line in room.ask(place + f"busybox nslookup world.test {NAME_SERVER}"))


@pytest.mark.parametrize("program", ["slirp4netns", "pasta"])
def test_two_tasks_in_the_world_at_once(machine, program):
    """An answer goes to who asked, not to who asked last."""
    room = Room(machine, "root", ["--outbound", "--bridge"], program)
    room.ready()
    go = machine.folder / "go"
    late = "import os, socket, time\ns = socket.create_server(('', 8002))\nprint('listens', flush=True)\n" \
           f"c = s.accept()[0]\nwhile not os.path.exists('{go}'): time.sleep(0.02)\nc.sendall(b'late')"
    Lines(machine.start(["python3", "-c", late])).until("listens")
    waits = f"import socket\ns = socket.create_connection(('{WORLD}', 8002), timeout=60)\n" \
            "print('connected', flush=True)\nprint(s.recv(9).decode())"
    room.say(f"task {ONE}/16 python3 {script(machine, waits)}")
    room.lines.until("connected")
    room.say(f"task {TWO}/16 " + get(f"http://{WORLD}:8000") + f"; echo > {go}")
    room.say("wait")
    room.lines.until("waited")
    assert {"world", "late"} <= set(room.lines.seen)


def test_the_services_of_the_machine_can_be_reached_in_its_own_network(machine):
    """What the other tests find shut is open at all."""
    assert machine.run(["curl", "-s", "http://127.0.0.1:8001"]).stdout == "loopback"
    assert machine.run(["python3", "-c", ABSTRACT]).stdout == "secret\n"


ABSTRACT = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('\\0plr-secret'); print(s.recv(9).decode())"


@pytest.mark.parametrize("user", USERS)
def test_abstract_sockets_of_the_machine_are_shut(machine, user):
    room = Room(machine, user, ["--bridge"])
    room.ready()
    for place in ("room", f"task {ONE}/16", "alone"):
        assert room.ask(f"{place} python3 -c \"{ABSTRACT}\" 2>&1 | busybox tail -1") == [
            "ConnectionRefusedError: [Errno 111] Connection refused"]


@pytest.mark.parametrize("user", USERS)
def test_two_services_on_one_port(machine, user):
    room = Room(machine, user, ["--bridge"])
    room.ready()
    for address in (ONE, TWO):
        room.say(f"task {address}/16 while :; do echo I am {address} | busybox nc -l -p 8080; done")
    for client, address in enumerate((ONE, TWO), 3):  # each its own address: the first may still be there
        room.say(f"task 10.213.1.{client}/16 until busybox nc {address} 8080 2>/dev/null; do busybox usleep 20000; done")
        assert room.lines.until("I am") == f"I am {address}"


@pytest.mark.parametrize("user", USERS)
def test_a_namespace_with_nothing_but_a_loopback(machine, user):
    room = Room(machine, user, [])
    room.ready()
    lines = room.ask("alone ip -br address; ip route; ip -6 route show default")
    assert [line.split()[0] for line in lines] == ["lo"]
    assert "127.0.0.1/8" in lines[0]


def test_the_next_attempt_has_the_address_at_once(machine):
    """The kernel takes a namespace apart later; ten attempts in a row come before that."""
    room = Room(machine, "root", ["--bridge"])
    room.ready()
    for _ in range(10):
        assert room.ask(f"task {ONE}/16 echo $$ > /dev/null; busybox ping -c 1 -W 5 {ROOM} >/dev/null && echo yes"
                        ) == ["yes"]


def test_a_hundred_tasks_at_once(machine):
    room = Room(machine, "user", ["--bridge"])
    room.ready()
    for i in range(100):
        room.say(f"task 10.213.1.{i + 1}/16 until busybox ping -c 1 -W 5 {ROOM} >/dev/null; do :; done; echo yes")
    room.say("wait")
    room.lines.until("waited")
    assert room.lines.seen.count("yes") == 100


ECHO = "import socket\ns = socket.create_server(('', 80))\nprint('listening', flush=True)\n" \
       "while True:\n c = s.accept()[0]\n while True:\n  d = c.recv(65536)\n  if not d: break\n  c.sendall(d)\n c.close()"


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("place", ["room", f"task {TWO}/16"], ids=["shared", "isolated"])
def test_published_tcp(machine, user, place):
    """Three megabytes and an end come through, both ways; nothing of it needs a way out."""
    address = "" if place == "room" else f":{TWO}"
    room = Room(machine, user, ["--port", f"7001:80{address}/tcp"] + ["--bridge"] * bool(address))
    room.ready()
    room.say(f"{place} python3 {script(machine, ECHO)}")
    room.lines.until("listening")
    client = "import socket, threading\n" \
             f"for address in '127.0.0.1', '{ADDRESS}', '::1':\n" \
             " s = socket.create_connection((address, 7001), timeout=60)\n" \
             " sent = bytes(range(256)) * 12000\n" \
             " def send():\n  s.sendall(sent); s.shutdown(socket.SHUT_WR)\n" \
             " threading.Thread(target=send).start()\n" \
             " got = b''.join(iter(lambda: s.recv(65536), b''))\n" \
             " print(got == sent)\n"
    done = machine.run(["python3", "-c", client])
    assert done.stdout.split() == ["True"] * 3, done.stderr


def script(machine, text):
    path = machine.folder / "script.py"
    path.write_text(text)
    return path


@pytest.mark.parametrize("user", USERS)
def test_published_udp(machine, user):
    """Two clients at once, and each gets its own answers."""
    server = "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('', 53))\n" \
             "print('listening', flush=True)\nwhile True:\n d, a = s.recvfrom(999)\n s.sendto(d.upper(), a)\n"
    room = Room(machine, user, ["--port", "7002:53/udp"])
    room.ready()
    room.say(f"room python3 {script(machine, server)}")
    room.lines.until("listening")
    client = "import socket\nc = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in 'ab']\n" \
             f"for i in 0, 1: c[i].settimeout(20); c[i].connect(('{ADDRESS}', 7002)); c[i].send(b'ab'[i:i+1])\n" \
             "print(c[1].recv(9), c[0].recv(9))"
    assert machine.run(["python3", "-c", client]).stdout == "b'B' b'A'\n"


def test_nobody_listens_yet(machine):
    """Who comes before the service is sent away, and the port goes on."""
    room = Room(machine, "root", ["--port", "7001:80/tcp"])
    room.ready()
    client = f"import socket; s = socket.create_connection(('{ADDRESS}', 7001), timeout=60); print(s.recv(9))"
    done = machine.run(["python3", "-c", client])
    assert done.stdout == "b''\n" or "ConnectionResetError" in done.stderr
    room.say(f"room python3 {script(machine, ECHO)}")
    room.lines.until("listening")
    client = f"import socket; s = socket.create_connection(('{ADDRESS}', 7001), timeout=60)\n" \
             "s.send(b'hello'); print(s.recv(9))"
    assert machine.run(["python3", "-c", client]).stdout == "b'hello'\n"


def test_a_port_in_use(machine):
    room = Room(machine, "root", ["--port", "8000:80/tcp"])
    line = room.lines.until("failed")
    assert 'port 8000/tcp of this machine cannot be published for "web": Address already in use' in line


def test_a_low_port_as_a_user(machine):
    room = Room(machine, "user", ["--port", "81:80/tcp"])
    line = room.lines.until("failed")
    assert "port 81/tcp" in line and '"web"' in line and "ip_unprivileged_port_start" in line


def test_ports_in_the_network_of_the_machine(machine):
    """Under another number they are forwarded; under their own nothing is in the step's way."""
    room = Room(machine, "user", ["--host", "--port", f"7003:8001:{TWO}/tcp", "--port", "7004:7004/tcp"])
    room.ready()
    assert machine.run(["curl", "-s", f"http://{ADDRESS}:7003"]).stdout == "loopback"
    assert machine.run(["python3", "-c", "import socket; socket.create_server(('', 7004))"]).returncode == 0


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("program", ["slirp4netns", "pasta"])
def test_the_way_out_dies(machine, user, program):
    room = Room(machine, user, ["--outbound"], program)
    room.ready()
    names = machine.run(["ps", "-A", "-o", "pid=,comm="]).stdout.splitlines()
    pid = [line.split()[0] for line in names if program[:5] in line.split()[1] or "passt" in line]
    machine.run(["kill", "-9", *pid])
    room.say("wait helper")
    assert room.lines.until("helper:") == \
        f"helper: the run's network has lost its way out: {program} was killed by signal 9"


def test_no_program(machine):
    line = Room(machine, "root", ["--outbound"]).lines.until("failed")
    assert "neither slirp4netns nor pasta is installed" in line


@pytest.mark.parametrize("tun, words", [(0o600, "may not be opened: Permission denied"), (None, "cannot be opened: ")])
def test_no_tun(folder, tun, words):
    machine = Machine(folder, tun)
    try:
        line = Room(machine, "user", ["--outbound"], "slirp4netns").lines.until("failed")
        assert "/dev/net/tun " + words in line
        if tun is not None:
            room = Room(machine, "root", ["--outbound"])
            room.ready()  # root may
    finally:
        machine.stop()


def test_a_program_that_fails(machine):
    """What it said is in the message."""
    (machine.folder / "bin/slirp4netns").write_text("#!/bin/sh\necho no luck today >&2\nexit 1\n")
    (machine.folder / "bin/slirp4netns").chmod(0o755)
    assert "slirp4netns ended: no luck today" in Room(machine, "root", ["--outbound"]).lines.until("failed")


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("program", ["slirp4netns", "pasta"])
def test_nothing_outlives_the_run(machine, user, program):
    """Killed in the middle, with a published port, a task and a connection open."""
    before = machine.run(["ip", "-o", "link"]).stdout
    room = Room(machine, user, ["--bridge", "--outbound", "--port", f"7001:80:{TWO}/tcp"], program)
    room.ready()
    room.say(f"task {TWO}/16 python3 {script(machine, ECHO)}")
    room.lines.until("listening")
    client = machine.start(["busybox", "nc", ADDRESS, "7001"])
    client.stdin.write("hello\n")
    client.stdin.flush()
    assert client.stdout.readline() == "hello\n"
    assert len(machine.programs()) >= 4
    outer = machine.run(["ps", "-A", "-o", "pid=,comm="]).stdout.splitlines()
    machine.run(["kill", "-9", next(line.split()[0] for line in outer if line.endswith("net_room"))])
    client.wait(60)
    machine.run(["python3", "-c", WAIT_GONE])
    assert machine.programs() == []
    assert machine.run(["ip", "-o", "link"]).stdout == before


# Until of our programs none is left, at most a minute.
WAIT_GONE = r'''
import os, time
def alive(p):
    try:
        name, rest = open(f"/proc/{p}/stat").read().split(") ")
    except OSError:
        return False
    return rest[0] != "Z" and name.split("(")[1].startswith(("net_room", "plr-net", "slirp", "pasta", "passt"))
for _ in range(600):
    if not any(alive(p) for p in os.listdir("/proc") if p.isdigit()):
        break
    time.sleep(0.1)
'''
