# SPDX-License-Identifier: MIT
"""A machine for tests of the network: namespaces with an address, a world, services, a resolver and a
/dev/net/tun of its own, which the test may break as it likes."""
import subprocess
import sys
import threading
import queue

ADDRESS = "198.51.100.2"  # of the machine
WORLD = "198.51.100.9"    # another one of its addresses, on another link: what a room sees as the world

# What runs in it: HTTP for the world and on the loopback only, an abstract socket, and a name server on the
# loopback, as systemd-resolved has it.
SERVICES = r'''
import socket, threading

def http(address, port, text):
    server = socket.create_server((address, port), backlog=100)
    def one(c):
        with c:
            c.recv(65536)
            c.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
    def serve():
        while True:
            threading.Thread(target=one, args=(server.accept()[0],), daemon=True).start()
    threading.Thread(target=serve, daemon=True).start()

def abstract():
    server = socket.socket(socket.AF_UNIX)
    server.bind("\0plr-secret")
    server.listen()
    def serve():
        while True:
            with server.accept()[0] as c:
                c.sendall(b"secret")
    threading.Thread(target=serve, daemon=True).start()

http("0.0.0.0", 8000, b"world")
http("127.0.0.1", 8001, b"loopback")
abstract()
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind(("127.0.0.53", 53))
print("ready", flush=True)
while True:
    query, peer = names.recvfrom(4096)
    end = query.index(b"\0", 12) + 5
    a = query[end - 4:end - 2] == b"\0\1"
    answer = query[:2] + b"\x81\x80\0\1" + (b"\0\1" if a else b"\0\0") + b"\0\0\0\0" + query[12:end]
    if a:
        answer += b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4" + socket.inet_aton("WORLD")
    names.sendto(answer, peer)
'''.replace("WORLD", WORLD)

SETUP = r'''
set -e
mount --make-rprivate /
mount -t proc proc /proc
ip link set lo up
ip link add w0 type veth peer name w1
ip addr add {address}/24 dev w0
ip addr add {world}/24 dev w1
ip link set w0 up
ip link set w1 up
ip route add default via {world} dev w0
mount -t tmpfs -o mode=755 none /dev/net
{tun}
echo nameserver 127.0.0.53 > {folder}/resolv.conf
mount --bind {folder}/resolv.conf /etc/resolv.conf
echo made
exec sleep infinity
'''


class Lines:
    """What a process prints, line by line, with a time limit."""

    def __init__(self, process):
        self.process, self.queue, self.seen = process, queue.Queue(), []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.queue.put(line.rstrip("\n"))
        self.queue.put(None)

    def until(self, begin, timeout=90):
        while True:
            line = self.queue.get(timeout=timeout)
            assert line is not None, f"it ended without {begin!r}: {self.seen}"
            self.seen.append(line)
            if line.startswith(begin):
                return line


class Machine:
    def __init__(self, folder, tun=0o666):
        self.folder, self.processes = folder, []
        node = f"mknod -m {tun:o} /dev/net/tun c 10 200; chmod {tun:o} /dev/net/tun" if tun is not None else ""
        setup = SETUP.format(address=ADDRESS, world=WORLD, tun=node, folder=folder)
        self.holder = self.spawn(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", setup])
        Lines(self.holder).until("made")
        children = open(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children").read()
        self.pid = int(children.split()[0])
        Lines(self.start([sys.executable, "-c", SERVICES])).until("ready")

    def spawn(self, command, **options):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
        self.processes.append(process)
        return process

    def inside(self, command, uid=0):
        enter = ["nsenter", "-t", str(self.pid), "-n", "-m", "-p"]
        if uid != 0:
            enter += ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups"]
        return enter + command

    def start(self, command, uid=0, **options):
        return self.spawn(self.inside(command, uid), **options)

    def run(self, command, **options):
        return subprocess.run(self.inside(command), capture_output=True, text=True, timeout=90, **options)

    def programs(self):
        """Names of all that runs in it; who was killed stays a zombie, for its init does not wait."""
        lines = self.run(["ps", "-A", "-o", "stat=,comm="]).stdout.splitlines()
        names = [line.split()[1] for line in lines if not line.startswith("Z")]
        return [name for name in names if name not in ("ps", "sleep", "python3")]

    def stop(self):
        self.holder.kill()  # and with it its PID namespace
        for process in self.processes:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
