# SPDX-License-Identifier: MIT
"""Faults of output and secrets on a real daemon (the numbers are those of the list of faults)."""
import base64

import pytest

from docker_steps import IMAGE, document, output, step
from kube_runner import KubeRunner

pytestmark = pytest.mark.once

SECRET = "correct-horse-battery"


def secret_step(name, script, **fields):
    return step(name, script, secrets=[{"name": "token", "env": "TOKEN"}], **fields)


def with_secret(*steps, value=SECRET):
    return document(*steps, secrets=[{"metadata": {"name": "token"}, "data": value}])


def test_14_a_line_that_never_ends_is_split_and_memory_stays_small(run):
    # 64 MiB without a newline: more than the command may ever hold.
    result = run(document(step("long", "head -c 67108864 /dev/zero | tr '\\0' x")))
    pieces = [e for e in result.events if e["event"] == "output"]
    missing = 67108864 - sum(len(e["text"]) for e in pieces)
    # What a kubelet loses where it rotates a log is said (docs/backends.md).
    may_miss = isinstance(run, KubeRunner) and any(e.get("gap") for e in pieces)
    assert result.code == 0 and (missing == 0 or 0 < missing < 1 << 20 and may_miss), result.stderr
    assert max(len(e["text"]) for e in pieces) <= 65536
    # A piece is full, and split, unless the writer has paused, as he does on a busy machine.
    assert all(e.get("split") or e.get("partial") or e.get("gap") for e in pieces[:-1])
    assert all(len(e["text"]) == 65536 for e in pieces if e.get("split")) and any(e.get("split") for e in pieces)


def test_15_a_secret_across_writes(run):
    script = "for c in $(echo $TOKEN | sed 's/./& /g'); do printf %s $c; sleep 0.01; done; echo; echo before $TOKEN after"
    result = run(with_secret(secret_step("leak", script)))
    assert SECRET.encode() not in result.stdout, result
    assert output(result, "leak") == "******\nbefore ****** after\n", result


def test_16_multi_line_overlapping_and_encoded(run):
    value = "first-line-of-it\nsecond-line-of-it"
    script = 'echo "$TOKEN" | tail -n 1; echo "$TOKEN" | base64; printf "x$TOKEN" | base64 | tr -d "\\n"; echo'
    result = run(with_secret(secret_step("leak", script), value=value))
    assert b"second-line" not in result.stdout, result
    for offset in range(3):
        encoded = base64.b64encode(b"." * offset + value.encode())[4:-4]
        assert encoded not in result.stdout, result


def test_16_in_the_words_of_a_failure(run):
    result = run(with_secret(step("leak", image=IMAGE, command=["/bin/sh", "-c", "exec /nowhere/$TOKEN"],
                                  secrets=[{"name": "token", "env": "TOKEN"}])))
    assert result.code == 1 and SECRET not in result.stderr and SECRET.encode() not in result.stdout, result


@pytest.mark.not_in_a_pod("containerd 1.6 ends a line at a carriage return, too")
def test_17_binary_output_is_byte_exact(run):
    result = run(document(step("bytes", "printf '\\000\\377\\n\\001a\\r\\n\\200'")))
    assert result.output("bytes") == b"\x00\xff\n\x01a\r\n\x80", result


def test_much_output_arrives_whole_and_in_order(run):
    result = run(document(step("much", "seq 1 150000")), limit=90)
    assert result.output("much") == b"".join(b"%d\n" % n for n in range(1, 150001))


@pytest.mark.not_in_a_pod("a pod's log has both streams in one")
def test_ignored_streams_are_drained_and_not_shown(run):
    result = run(document(step("quiet", "seq 1 100000; echo seen >&2", ignore_stdout=True)))
    assert result.code == 0 and result.output("quiet") == b"seen\n", result
