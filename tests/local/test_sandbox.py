# SPDX-License-Identifier: MIT
"""plr-sandbox, driven through its socket: what a step finds, as root and as an ordinary user."""

import os
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest

from cgroups import cgroups_named
from sandbox_peer import HOST, NOBODY, NONE, PROGRAM, ROOM, Failed, Room, encode, image, read_all, sealed

CONFIGURATION, SYSTEM, PROTOCOL = -6, -10, -11


# The first line

def test_a_task_is_held_and_runs_at_its_word(room):
    task = room.held("sh", "-c", "echo $LATE; echo other >&2; exit 7")
    assert os.get_blocking(task.out)
    assert task.go("LATE=word") == (3, b"")
    assert (read_all(task.out), read_all(task.err)) == ("word\n", "other\n")
    word, payload = task.init_word()
    assert word == 6 and struct.unpack_from("<I", payload)[0] == 7 << 8
    end = room.end(task)
    assert end["status"] == 7 << 8
    assert end["memory_peak"] > 100000
    assert not end["oom"]
    room.remove(task)
    assert not os.path.exists(f"{room.folder}/tasks/1")


def test_a_detached_command_takes_the_place_of_its_init(room):
    """Its limit of processes is all its own: one is the command itself."""
    fields = [("DETACH", None), ("PIDS", 2)]
    task = room.held("sh", "-c", "trap 'echo term; exit 5' TERM; echo $$; while :; do sleep 0.1; done", fields=fields)
    assert task.go() == (3, b"")
    assert task.init_word() is None
    assert os.read(task.out, 9) == b"1\n"
    room.say("KILL", task.number, signal.SIGTERM)
    assert room.end(task)["status"] >> 8 == 5


def test_who_does_not_care_for_a_sigterm_ends_by_it(room):
    tasks = [room.held(*words, fields=[("DETACH", None)]) for words in
             (("sleep", "100"), ("sh", "-c", "trap '' TERM; echo ignores; sleep 100"))]
    for task in tasks:
        task.go()
        assert task.init_word() is None
    assert os.read(tasks[1].out, 9) == b"ignores\n"
    for task in tasks:
        room.say("KILL", task.number, signal.SIGTERM)
    assert room.end(tasks[0])["status"] == signal.SIGKILL
    room.say("KILL", tasks[1].number, signal.SIGKILL)
    assert room.end(tasks[1])["status"] == signal.SIGKILL


def test_many_tasks_at_once(room):
    tasks = [room.start([("ARGUMENT", "sh"), ("ARGUMENT", "-c"), ("ARGUMENT", f"exit {i}"),
                         ("HOST_ROOT", None), ("NETWORK", HOST)]) for i in range(1, 31)]
    for task in tasks:
        room.expect("READY", task.number)
        task.go()
    assert [room.end(task)["status"] >> 8 for task in tasks] == list(range(1, 31))


def test_more_tasks_than_descriptors_were_given(uid):
    with Room(uid, wrap=["prlimit", "--nofile=128:2048"]) as room:
        room.ready()
        fields = image(room, more=[("ARGUMENT", "sh"), ("ARGUMENT", "-c"),
                                   ("ARGUMENT", "ulimit -n"), ("NETWORK", HOST)])
        tasks = [room.start(fields) for _ in range(100)]
        for task in tasks:
            room.expect("READY", task.number)
        for task in tasks:
            task.go()
        assert {read_all(task.out) for task in tasks} == {"128\n"}
        assert {room.end(task)["status"] for task in tasks} == {0}


def test_a_number_can_be_used_again_after_its_removal(room):
    for _ in range(3):
        task = room.held("true", number=5)
        task.go()
        room.end(task)
        room.remove(task)


# The root

def test_layers_lie_over_each_other_and_changes_go_away(room):
    fields = image(room, {"/data": "top", "/bin/tool": "#!/bin/sh\necho tool\n"})
    script = "cat /data; tool; echo changed > /data; echo x > /bin/tool; cat /data"
    assert room.shell(script, root=False, fields=fields) == "toptool\nchanged\n"
    assert room.shell("cat /data", root=False, fields=fields) == "top"
    assert (Path(fields[1][1]) / "data").read_text() == "top"


def test_a_private_dev_of_an_image_is_covered(room):
    fields = image(room, {"/dev/secret": "x", "/dev/shm/y": "y"})
    assert "secret" not in room.shell("ls /dev /dev/shm", root=False, fields=fields)
    for path in ("/proc", "/sys", "/dev"):
        with pytest.raises(Failed, match=f"{path} is a link"):
            room.held("true", root=False, fields=image(room, {path: ("/bin",)}))


# Volumes and files

def test_a_host_volume_and_one_of_the_run(uid):
    with Room(uid, [("VOLUME", [("VOLUME_NUMBER", 1)]),
                    ("VOLUME", [("VOLUME_NUMBER", 2), ("MEMORY_VOLUME", None),
                                ("SIZE", 1 << 20)])]) as room:
        room.ready()
        here = Path(room.base) / "here"
        here.mkdir()
        os.chown(here, uid, uid)
        fields = [("MOUNT", [("TARGET", "/new/place"), ("SOURCE", str(here))]),
                  ("MOUNT", [("TARGET", "/disk"), ("VOLUME_NUMBER", 1)]),
                  ("MOUNT", [("TARGET", "/memory"), ("VOLUME_NUMBER", 2)])]
        room.shell("echo a > /new/place/f; echo b > /disk/f; echo c > /memory/f", fields=fields)
        assert (here / "f").read_text() == "a\n"
        out = room.shell("cat /new/place/f /disk/f /memory/f; stat -c %a /disk /memory;"
                         "df -k /memory | tail -1 | awk '{print $2}'", fields=fields)
        assert out == "a\nb\nc\n755\n1777\n1024\n"
        # Nothing of it is on the machine.
        assert not os.path.exists(f"{room.folder}/volumes/2/f")


def test_a_volume_that_is_not_there_is_an_error(room):
    with pytest.raises(Failed, match="/nowhere") as caught:
        room.held("true", fields=[("MOUNT", [("TARGET", "/x"), ("SOURCE", "/nowhere")])])
    assert caught.value.code == CONFIGURATION


def test_files_with_modes_and_no_way_out_of_the_root(room):
    out = Path(room.base) / "outside"
    out.mkdir()
    os.chown(out, room.uid, room.uid)
    fields = image(room, {"/link": (str(out),), "/up": ("../../../../..",), "/abs": ("/etc",),
                          "/file": (f"{out}/file",), "/etc/hosts": (f"{out}/hosts",)})
    with pytest.raises(Failed, match="/link/two"):
        room.held("true", root=False, fields=[*fields, ("FILE", [
            ("TARGET", "/link/two"), ("MODE", 0o644), ("DATA", b"x")])])
    files = {"/deep/er/one": 0o640, "/up/three": 0o755, "/abs/four": 0o644, "/file": 0o444}
    for path, mode in files.items():
        fields.append(("FILE", [("TARGET", path), ("MODE", mode), ("DATA", path.encode())]))
    fields.append(("HOSTS", b"127.0.0.1 here\n"))
    script = ("cat /deep/er/one /etc/four /three /file /etc/hosts; stat -c '%a %u' /deep/er/one "
              "/three; [ -L /file ] || echo plain")
    assert room.shell(script, root=False, fields=fields) == (
        "/deep/er/one/abs/four/up/three/file127.0.0.1 here\n640 0\n755 0\nplain\n")
    assert not list(out.iterdir())


@pytest.mark.parametrize("path", ["/dev/shm/x", "/memory/x", "/dev/x"])
def test_a_file_in_memory_is_refused(uid, path):
    with Room(uid, [("VOLUME", [("VOLUME_NUMBER", 2), ("MEMORY_VOLUME", None)])]) as room:
        room.ready()
        with pytest.raises(Failed, match="in memory") as caught:
            room.held("true", fields=[("MOUNT", [("TARGET", "/memory"), ("VOLUME_NUMBER", 2)]),
                                      ("FILE", [("TARGET", path), ("MODE", 0o644),
                                                ("DATA", b"x")])])
        assert caught.value.code == CONFIGURATION


def test_a_set_id_file_has_its_bits_and_no_effect():
    with Room() as room:
        room.ready()
        fields = [("USER", "1234"), ("FILE", [("TARGET", "/opt/who"), ("MODE", 0o4755),
                                              ("DATA", Path("/usr/bin/id").read_bytes())])]
        out = room.shell("stat -c %a /opt/who; /opt/who -u", fields=fields)
        assert out == "4755\n1234\n"
        with pytest.raises(Failed, match="mode"):
            room.held("true", fields=[("FILE", [("TARGET", "/x"), ("MODE", 0o14755),
                                                ("DATA", b"")])])


# Who it is

@pytest.mark.parametrize("user, expected", [
    ("", "0 0 0"), ("0", "0 0 0"), ("build", "1000 1001 1001,2000"), ("1000", "1000 1001 1001,2000"),
    ("build:tools", "1000 2000 2000"), ("77", "77 0 0"), ("77:88", "77 88 88"), (":5", "0 5 5")])
def test_users_by_name_and_number(room, user, expected):
    fields = image(room, {"/etc/passwd": "root:x:0:0::/root:\nbuild:x:1000:1001::/home/build:\n",
                          "/etc/group": "root:x:0:\ntools:x:2000:other,build\n"})
    out = room.shell("echo $(id -u) $(id -g) $(id -G | tr ' ' ,); echo $HOME", root=False,
                     fields=[*fields, ("USER", user)])
    who, home = out.splitlines()
    if room.uid:  # one id is mapped: other groups are not to be had
        assert who.split()[:2] == expected.split()[:2]
    else:
        assert who == expected
    assert home == {"0": "/root", "1000": "/home/build", "77": "/"}[expected.split()[0]]


def with_ranges(path):
    """Runs as the ordinary user, who has ranges of ids, in a mount namespace of its own."""
    path.write_text(f"{NOBODY}:200000:65536\n")
    passwd = Path(f"{path}-passwd")  # newuidmap wants to know who asks
    passwd.write_text(Path("/etc/passwd").read_text() + f"plrtest:x:{NOBODY}:{NOBODY}::/:/bin/sh\n")
    for each in (path, passwd):
        each.chmod(0o644)
    script = (f"mount --bind {path} /etc/subuid && mount --bind {path} /etc/subgid && "
              f"mount --bind {passwd} /etc/passwd && exec \"$@\"")
    return ["unshare", "-m", "sh", "-c", script, "sh", "setpriv", f"--reuid={NOBODY}",
            f"--regid={NOBODY}", "--clear-groups"]


def test_ranges_of_ids_give_a_user_other_users(tmp_path):
    with Room(NOBODY, wrap=with_ranges(tmp_path / "ranges"), drop=False) as room:
        room.ready()
        assert not room.warnings
        fields = image(room, {"/etc/passwd": "root:x:0:0::/root:\nbuild:x:1000:1001::/home/build:\n",
                              "/etc/group": "tools:x:2000:build\n"},
                       [("FILE", [("TARGET", "/f"), ("MODE", 0o640), ("UID", 1000), ("GID", 7),
                                  ("DATA", b"x")])])
        out = room.shell("id -u; id -G; stat -c '%u %g' /f; mkdir /tmp/x; ls -ld /tmp/x | wc -l",
                         root=False, fields=[*fields, ("USER", "build"),
                                             ("WORKING_DIR", "/tmp")])
        assert out == "1000\n1001 2000\n1000 7\n1\n"
        # What belongs to the other ids is removed, too: the room's end looks.
        room.shell("mkdir -p /d/e; touch /d/e/f; busybox chown -R 1000:1000 /d; busybox chmod 0 /d/e",
                   root=False, fields=fields)


def test_what_a_dead_room_left_of_other_ids_is_removed(tmp_path):
    wrap = with_ranges(tmp_path / "ranges")
    room = Room(NOBODY, wrap=wrap, drop=False)
    try:
        room.ready()
        room.shell("mkdir /d; touch /d/f; busybox chown -R 1000:1000 /d", root=False,
                   fields=image(room))
        room.process.kill()
        room.process.wait()
        assert os.path.exists(room.folder)
        subprocess.run([*wrap, PROGRAM, "--remove", room.folder], check=True, timeout=60)
        assert not os.path.exists(room.folder)
    finally:
        room.close()


@pytest.mark.parametrize("user", ["nobody-there", "root:no-group", "4294967296", "-1"])
def test_a_user_that_is_not_there_is_an_error(room, user):
    with pytest.raises(Failed, match="there is no") as caught:
        room.held("true", fields=[("USER", user)])
    assert caught.value.code == CONFIGURATION


def test_passwd_is_that_of_the_root_whatever_links_say(room):
    secret = Path(room.base) / "passwd"
    secret.write_text("mallory:x:0:0::/:\n")
    secret.chmod(0o644)
    fields = image(room)
    top = Path(fields[0][1])
    (top / "etc/passwd").unlink()
    (top / "etc/passwd").symlink_to(secret)
    with pytest.raises(Failed, match="no user mallory"):
        room.held("true", root=False, fields=[*fields, ("USER", "mallory")])


def test_working_directory_hostname_and_environment(room):
    out = room.shell("pwd; hostname; echo $HOSTNAME $A; stat -c %a .; env | wc -l", fields=[
        ("WORKING_DIR", "/some/where"), ("HOSTNAME", "box"), ("ENVIRONMENT", "A=b c")])
    assert out.splitlines()[:4] == ["/some/where", "box", "box b c", "755"]


# Ends

def test_kill_takes_the_whole_tree(room):
    task = room.held("sh", "-c", "(setsid sleep 1000 &) ; echo started; sleep 1000")
    task.go()
    assert os.read(task.out, 100) == b"started\n"
    room.say("KILL", task.number, signal.SIGKILL)
    assert room.end(task)["status"] == signal.SIGKILL
    assert read_all(task.out) == ""  # nobody holds the pipe any more


def test_remove_kills_first(room):
    task = room.held("sleep", "1000")
    task.go()
    room.remove(task)
    assert room.end(task)["status"] == signal.SIGKILL


def test_the_end_of_the_engine_is_the_end_of_all(room):
    task = room.held("sh", "-c", "trap '' TERM; echo started; setsid sleep 1000 & wait",
                     fields=[("GRACE_MS", 100000)])
    task.go()
    assert os.read(task.out, 100) == b"started\n"
    room.socket.close()
    assert read_all(task.out) == ""
    room.process.wait(60)
    assert not os.path.exists(room.folder)


def test_killing_the_outer_process_kills_all(uid):
    room = Room(uid)
    try:
        room.ready()
        task = room.held("sh", "-c", "echo started; sleep 1000")
        task.go()
        assert os.read(task.out, 100) == b"started\n"
        pid = room.process.pid if uid else int(Path(
            f"/proc/{room.process.pid}/task/{room.process.pid}/children").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        assert read_all(task.out) == ""
        # What is left is a folder (and groups): a sweep removes it.
        subprocess.run([PROGRAM, "--remove", room.folder], check=True, timeout=60,
                       **({"user": uid, "group": uid, "extra_groups": []} if uid else {}))
        assert not os.path.exists(room.folder)
        for group in cgroups_named(f"plr-{room.id}"):
            for below in [*group.glob("*/"), group]:
                below.rmdir()
    finally:
        room.close()


def test_lingering_lets_tasks_end_by_themselves(uid):
    with Room(uid, [("LINGER_MS", 20000)]) as room:
        room.ready()
        task = room.held("sh", "-c", "trap 'echo last; exit' TERM; echo started; sleep 1000 & wait")
        task.go()
        assert os.read(task.out, 100) == b"started\n"
        task.channel.close()
        room.socket.close()
        assert read_all(task.out) == "last\n"
        room.process.wait(60)


def test_no_control_group_is_left(uid):
    with Room(uid) as room:
        room.ready()
        room.shell("true")
        id = room.id
    assert cgroups_named(f"plr-{id}") == []


# Probes

def probe(room, task, *fields):
    room.say("PROBE", task.number, id=9, fields=fields)
    return struct.unpack("<II", room.expect("PROBED", task.number))


def test_a_port_is_asked_in_the_network_of_the_task(room):
    task = room.held("python3", "-m", "http.server", "8123", network=NONE)
    task.go()
    end = time.monotonic() + 60
    while probe(room, task, ("PORT", 8123)) != (0, 0):
        assert time.monotonic() < end
    assert probe(room, task, ("PORT", 8123), ("HTTP", "/")) == (0, 0)
    assert probe(room, task, ("PORT", 8123), ("HTTP", "/none")) == (256, 0)
    assert probe(room, task, ("PORT", 8124)) == (256, 0)


def test_a_program_is_asked_in_the_task(room):
    task = room.held("sh", "-c", "touch /tmp/mark; echo started; sleep 1000",
                     fields=[("ENVIRONMENT", "A=b")])
    task.go()
    os.read(task.out, 100)
    ask = lambda script: probe(room, task, ("ARGUMENT", "sh"), ("ARGUMENT", "-c"),
                               ("ARGUMENT", script))
    assert ask("test -e /tmp/mark && [ $A = b ] && [ ! -e /work ]") == (0, 0)
    assert ask("exit 3") == (3 << 8, 0)
    assert ask("grep -q 'NoNewPrivs:.1' /proc/self/status && grep -q 'Seccomp:.2' /proc/self/status "
               "&& until pgrep -x sleep; do :; done && [ $(pgrep -xc sleep) = 1 ]") == (0, 0)
    assert probe(room, task, ("ARGUMENT", "no-such-program"))[1] == 2
    assert probe(room, task, ("ARGUMENT", "sleep"), ("ARGUMENT", "1000"),
                 ("TIMEOUT_MS", 100))[0] == signal.SIGKILL
    # It has taken its child with it.
    assert ask("[ $(pgrep -xc sleep) = 1 ]") == (0, 0)


def test_a_task_that_is_not_there_cannot_be_asked(room):
    room.say("PROBE", 99, id=1, fields=[("PORT", 80)])
    assert struct.unpack("<II", room.expect("PROBED", 99))[1] == 3


# What a bad request does

@pytest.mark.parametrize("data", [
    b"x", b"\xff" * 64, struct.pack("<II", 999, 0), struct.pack("<II", 19, 2 ** 31),
    encode([("ARGUMENT", "true"), ("RUN_ID", "x")]), encode([]),
    encode([("ARGUMENT", "true"), ("NETWORK", 7)]), struct.pack("<II", 19, 4) + b"a\0b\0" + bytes(4)])
def test_a_malformed_task_hurts_nobody_else(room, data):
    fd = sealed(data)
    task = room.start([("ARGUMENT", "true")], number=50)
    with pytest.raises(Failed) as caught:
        room.expect("READY", 50)
    assert caught.value.code == PROTOCOL
    pipes = os.pipe()
    room.send(struct.pack("<HHII", 1, 2, 51, 0), [fd, pipes[1], pipes[1], pipes[1]])
    with pytest.raises(Failed) as caught:
        room.expect("READY", 51)
    assert caught.value.code == PROTOCOL
    for each in (fd, *pipes):
        os.close(each)
    assert room.shell("echo fine") == "fine\n"
    del task


def test_what_can_still_be_written_to_is_refused(room):
    fd = os.memfd_create("x")
    os.write(fd, encode([("ARGUMENT", "true"), ("NETWORK", HOST), ("HOST_ROOT", None)]))
    room.send(struct.pack("<HHII", 1, 2, 1, 0), [fd, fd, fd, fd])
    with pytest.raises(Failed, match="sealed"):
        room.expect("READY", 1)
    os.close(fd)


@pytest.mark.parametrize("data", [b"", b"x", struct.pack("<HHII", 2, 2, 1, 0),
                                  struct.pack("<HHII", 1, 99, 1, 0),
                                  struct.pack("<HHII", 1, 4, 1, 0) + b"more",
                                  struct.pack("<HHII", 1, 2, 1, 0)])
def test_whoever_breaks_the_rules_is_hung_up_on(uid, data):
    with Room(uid) as room:
        room.ready()
        if data:
            room.send(data)
        else:
            room.socket.shutdown(1)
        assert room.receive() is None


def test_it_is_not_for_people():
    done = subprocess.run([PROGRAM, "x"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "local backend" in done.stderr


def test_privileged_is_all_that_its_starter_may():
    with Room() as room:
        room.ready()
        out = room.shell("mount -t tmpfs none /mnt && echo mounted; grep -c 'Seccomp:.0' "
                         "/proc/self/status; [ $(wc -c < /proc/interrupts) -gt 0 ] && echo shown; "
                         "grep NoNewPrivs /proc/self/status", fields=[("PRIVILEGED", None)])
        assert out == "mounted\n1\nshown\nNoNewPrivs:\t0\n"


def test_a_device_is_the_machines(room):
    out = room.shell("head -c 4 /dev/mine | wc -c; ls -l /elsewhere/zero | cut -c1", fields=[
        ("DEVICE", [("SOURCE", "/dev/zero"), ("TARGET", "/dev/mine")]),
        ("DEVICE", [("SOURCE", "/dev/zero"), ("TARGET", "/elsewhere/zero")])])
    assert out == "4\nc\n"
    with pytest.raises(Failed, match="not a device"):
        room.held("true", fields=[("DEVICE", [("SOURCE", "/etc/passwd"), ("TARGET", "/dev/x")])])


def test_a_network_of_the_room_and_one_of_nobody(uid):
    with Room(uid, [("SUBNET", "10.213.0.0/16")], network=ROOM) as room:
        assert room.ready() == (2, 0)
        server = room.held("python3", "-m", "http.server", "8123", network=ROOM)
        server.go()
        ask = ("import socket, sys; s = socket.socket(); sys.exit(s.connect_ex(('127.0.0.1', 8123)))")
        end = time.monotonic() + 60
        while room.run("python3", "-c", ask, network=ROOM)[0] != 0:
            assert time.monotonic() < end
        assert room.run("python3", "-c", ask, network=NONE)[0] == 111
        assert room.run("python3", "-c", ask, network=HOST)[0] == 111


def jobs_in_a_terminal(kept, uid):
    """A shell of a look has job control, in a terminal that is not the user's; that one is left as it was."""
    ours, theirs = os.openpty()
    before = termios.tcgetattr(theirs)
    with subprocess.Popen([PROGRAM, "--look", kept, "sh", "-i"], user=uid, group=uid, extra_groups=[],
                          stdin=theirs, stdout=theirs, stderr=theirs) as process:
        said = b""

        def until(done, again=b""):
            nonlocal said
            end = time.monotonic() + 60
            while not done():
                assert time.monotonic() < end, said
                os.write(ours, again)
                if select.select([ours], [], [], 0.1)[0]:
                    said += os.read(ours, 1000)
        try:
            until(lambda: b"# " in said)
            os.write(ours, b"sleep 1000\n")
            until(lambda: b"Stopped" in said, again=b"\x1a")
            os.write(ours, b"exec sh -c 'exit 7'\n")
            until(lambda: process.poll() is not None)
        finally:
            process.kill()
        assert process.returncode == 7, said
    assert b"can't access tty" not in said
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


def test_a_look_at_a_step_that_was_kept(uid):
    """The root of an image as the step left it, twice, after kill -9; one look at a time."""
    with Room(uid) as room:
        room.ready()
        fields = image(room, {"/data": "old", "/gone": "x"})
        room.shell("echo new >/data; rm /gone; mkdir -m 0 /closed", root=False, fields=fields)
        # As root it is the child of another, and ends after that: with all that it began.
        outer = room.process.pid if uid else int(Path(
            f"/proc/{room.process.pid}/task/{room.process.pid}/children").read_text().split()[0])
        gone = os.pidfd_open(outer)
        room.process.kill()
        assert select.select([gone], [], [], 60)[0]
        os.close(gone)
        room.process.wait()
        kept = f"{room.folder}/tasks/1"
        more = [("ARGUMENT", "sh"), ("NETWORK", HOST), ("NAME", "it")]
        Path(kept, "look").write_bytes(encode(fields + more))
        os.chown(f"{kept}/look", uid, uid)

        def call(*words):
            return subprocess.run([PROGRAM, *words], capture_output=True, text=True, user=uid, group=uid, extra_groups=[],
                                  stdin=subprocess.DEVNULL, timeout=60)
        for _ in range(2):
            seen = call("--look", kept, "sh", "-c", "cat /data; ls -d /gone /closed; exit 3")
            assert (seen.returncode, seen.stdout) == (3, "new\n/closed\n"), seen
        with subprocess.Popen([PROGRAM, "--look", kept, "sh", "-c", "echo there; sleep 60"], text=True, user=uid, group=uid,
                              extra_groups=[], stdout=subprocess.PIPE) as first:
            assert first.stdout.readline() == "there\n"
            second = call("--look", kept, "true")
            assert second.returncode == 1 and "somebody is looking" in second.stderr, second
            first.send_signal(signal.SIGINT)
        jobs_in_a_terminal(kept, uid)
        assert call("--look", f"{room.base}/nowhere").returncode == 1
        assert call("--remove", room.folder).returncode == 0
