# SPDX-License-Identifier: MIT
"""The view of this machine that a step has where it has no image, and what the kernel shows in it."""

import os
from pathlib import Path

from sandbox_peer import NOBODY, Room, read_all


def test_the_view_of_this_machine_has_its_programs_and_none_of_its_secrets(room):
    secrets = ["/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssh", "/etc/machine-id",
               "/etc/subuid", "/etc/ssl/private", "/etc/docker", "/home/*", "/root/.*[a-z]*",
               "/var/lib/*", "/work", "/run/*", "/boot", "/proc/1/root/work"]
    out = room.shell(f"for i in {' '.join(secrets)}; do [ -e $i ] && echo $i; done; "
                     "python3 -c 'print(1)'; [ -e /etc/passwd ] && echo passwd")
    assert out == "1\npasswd\n"


def test_the_view_can_be_changed_and_the_machine_is_not(room):
    out = room.shell("echo x > /usr/plr-test && echo y > /etc/plr-test && echo z > /tmp/plr-test "
                     "&& cat /usr/plr-test /etc/plr-test /tmp/plr-test")
    assert out == "x\ny\nz\n"
    assert not any(os.path.exists(f"/{place}/plr-test") for place in ("usr", "etc", "tmp"))


def test_nothing_else_of_the_machine_is_in_the_view(room):
    shown = {"bin", "dev", "etc", "home", "mnt", "opt", "proc", "root", "run", "sbin", "srv", "sys", "tmp", "usr", "var"}
    names = {name for name in room.shell("ls -A /").split() if not name.startswith("lib")}
    assert names <= shown
    # Not even what is new there, and not what the sandbox itself needs.
    new = Path("/plr-test-new")
    task = room.held("sh", "-c", "read line < /tmp/wait; ls -A / /..; ls -d /.plr-root /plr-test-new",
                     fields=[("MOUNT", [("TARGET", "/tmp/wait"), ("SOURCE", pipe(room))])])
    task.go()
    new.mkdir()
    try:
        Path(room.base, "pipe").write_text("go\n")
        assert set(read_all(task.out).split()) & {"plr-test-new", ".plr-root"} == set()
    finally:
        new.rmdir()
    room.end(task)


def pipe(room):
    os.mkfifo(f"{room.base}/pipe")
    os.chown(f"{room.base}/pipe", room.uid, room.uid)
    return f"{room.base}/pipe"


def written(room, task):
    """What a task has on disk of plr-test, by the overlay that it was written to."""
    return sorted(str(path.relative_to(f"{room.folder}/tasks/{task.number}"))
                  for path in Path(f"{room.folder}/tasks/{task.number}").rglob("plr-test"))


def test_changes_are_on_disk_where_they_may_be_big_or_looked_at(room):
    """Root's all; of an ordinary user those that are no addition to the top of a folder of the machine's."""
    script = "for i in /usr /etc /root /; do echo x > $i/plr-test || exit; done"
    places = {0: ["machine/.plr-root/plr-test", "machine/.plr-root/root/plr-test", "machine/etc/plr-test",
                  "machine/usr/plr-test"],
              NOBODY: ["root/plr-test", "root/root/plr-test"]}[room.uid]
    look = {0: [], NOBODY: ["etc/plr-test", "usr/plr-test"]}[room.uid]
    for fields, expected in ([], places), ([("LOOK", None)], look + places):
        task = room.held("sh", "-c", script, fields=fields)
        task.go()
        assert room.end(task)["status"] == 0, read_all(task.err)
        assert written(room, task) == [f"upper.{path}" for path in sorted(expected)]


def test_a_file_keeps_its_number_when_it_is_changed():
    with Room() as room:
        room.ready()
        numbers = room.shell("for i in 1 2; do stat -c '%d %i' /etc/os-release /usr/lib/os-release; "
                             "touch /usr/lib/os-release; done; stat -c %d /usr /etc / /tmp").split("\n")
        assert numbers[:2] == numbers[2:4]
        assert {line.split()[0] for line in numbers if line} == {numbers[0].split()[0]}


def test_the_view_where_the_root_is_a_stack_of_overlays(tmp_path):
    """The kernel lays no third one over it, but one over each folder that is mounted there."""
    script = f"""set -e; cd {tmp_path}; mount -t tmpfs none .; mkdir base u w v x one two
        mount -t overlay -o lowerdir=/,upperdir=u,workdir=w none one
        mount -t overlay -o lowerdir=one,upperdir=v,workdir=x none two
        for i in usr etc opt dev proc sys tmp; do mount --rbind /$i two/$i; done; exec chroot two "$@" """
    with Room(wrap=["unshare", "-m", "sh", "-c", script, "sh"]) as room:
        room.ready()
        fields = [("HOSTS", b"10.1.2.3 other\n")]
        assert room.shell("cat /etc/hosts; echo x > /usr/plr-test; [ -e /work ] || echo none",
                          fields=fields).split() == ["10.1.2.3", "other", "none"]


def test_the_view_where_etc_and_opt_have_mounts_in_them(uid):
    script = ("mkdir -p /opt/plr-test && mount -t tmpfs none /opt && mkdir /opt/a && echo x > /opt/a/b "
              "&& mount -t tmpfs none /opt/a && mount --bind /etc/hostname /etc/hosts && exec \"$@\"")
    wrap = ["unshare", "-m", "sh", "-c", script, "sh"]
    if uid:
        wrap += ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    with Room(uid, wrap=wrap, drop=False) as room:
        room.ready()
        out = room.shell("[ -e /opt/a ] && grep -c root: /etc/passwd; ls /etc/shadow /etc/ssh 2>/dev/null;"
                         "[ -L /etc/alternatives/awk ] && echo x > /etc/plr-test && cat /etc/plr-test")
        assert out == "1\nx\n"
    os.rmdir("/opt/plr-test")


def test_what_the_kernel_shows(room):
    out = room.shell("""
        ls /dev | tr '\\n' ' '; echo; stat -c %a /dev/shm /tmp
        echo hi > /dev/null && head -c 3 /dev/zero | wc -c
        df -k /dev/shm | tail -1 | awk '{print $2}'
        set -- /proc/[0-9]*; echo $#
        ls /proc/acpi | wc -l; wc -c < /proc/keys; ls /sys/firmware | wc -l
        (echo 1 > /proc/sys/kernel/sysrq) 2>/dev/null || echo readonly
        mkdir /sys/x 2>/dev/null || echo readonly
        python3 -c 'import os; m, s = os.openpty(); print(os.ttyname(s))'
        """, fields=[("SHM_SIZE", 3 << 20)])
    lines = out.splitlines()
    nodes = "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero"
    assert lines[0].split() == nodes.split()
    assert lines[1:] == ["1777", "1777", "3", "3072", "2", "0", "0", "0", "readonly", "readonly",
                         "/dev/pts/0"]
