# SPDX-License-Identifier: MIT
"""plr-init as one who copies files: they become its user's, with their bytes and modes."""

import os
import stat
import subprocess

import pytest

from init_peer import LIMIT, program

both = pytest.mark.parametrize("architecture", ["amd64", "arm64"])


def copy(architecture, *words, **arguments):
    return subprocess.run([*program(architecture), "--copy", "--", *map(str, words)], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=LIMIT, check=False, **arguments)


@both
def test_bytes_modes_and_owners(architecture, tmp_path):
    tmp_path.chmod(0o777)
    for folder in list(tmp_path.parents)[:-2]:
        folder.chmod(folder.stat().st_mode | 0o055)
    data = bytes(range(256)) * 4100
    (tmp_path / "from").write_bytes(data)
    (tmp_path / "empty").write_bytes(b"")
    wanted = [("from", "secret", 0o400), ("from", "all", 0o666), ("empty", "nothing", 0o4755)]
    done = copy(architecture, *[word for name, to, mode in wanted for word in (tmp_path / name, tmp_path / to, mode)],
                user=1234, group=1235, umask=0o77)
    assert (done.returncode, done.stderr) == (0, b"")
    for name, to, mode in wanted:
        made = (tmp_path / to).stat()
        assert (stat.S_IMODE(made.st_mode), made.st_uid, made.st_gid) == (mode, 1234, 1235), to
        assert (tmp_path / to).read_bytes() == (tmp_path / name).read_bytes()


@both
def test_what_is_there_already_is_left_alone(architecture, tmp_path):
    (tmp_path / "from").write_bytes(b"new")
    (tmp_path / "to").write_bytes(b"old")
    done = copy(architecture, tmp_path / "from", tmp_path / "to", 420)
    assert done.returncode == 125 and os.fsencode(tmp_path / "to") in done.stderr
    assert (tmp_path / "to").read_bytes() == b"old"


@both
@pytest.mark.parametrize("words", [("/nowhere/a", "b", "420"), ("/dev/null", "/nowhere/b", "420"), ("/dev/null", "x", "rw")])
def test_a_failure_is_said(architecture, tmp_path, words):
    assert copy(architecture, *words, cwd=tmp_path).returncode == 125
