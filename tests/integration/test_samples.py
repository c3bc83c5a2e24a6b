# SPDX-License-Identifier: MIT
"""Every sample runs on each kind of daemon and says what samples/README.md promises."""
import json
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[2] / "samples"

# name: (exit code, what the output has in it)
EXPECTED = {
    "1_hello_world": (0, [b"hello world\n"]),
    "2_on_success": (0, [b"published\n"]),
    "3_on_failure": (1, [b"cleaned up\n"]),
    "4_volume_host": (0, [b"written to the machine\n"]),
    "5_volume_temp": (0, [b"left by write\n"]),
    "5_volume_tmpfs": (0, [b"kept in memory\n", b"tmpfs\n"]),
    "6_redis": (0, []),
    "7_redis_multi": (0, []),
    "8_postgres": (0, [b"42"]),
    "9_working_dir": (0, [b"/var/tmp\n"]),
    "10_docker": (0, []),
    "11_requires_auth": (0, []),
    "12_graph": (0, [b"published\n"]),
    "13_hooks": (0, [b"the run has passed\n"]),
    "14_readiness": (0, []),
    "15_retry": (0, [b"it works the second time\n"]),
    "16_secrets": (0, [b"******"]),
    "17_exit_78": (0, [b"nothing to do today\n"]),
    "18_resources": (0, [b"67108864\n"]),
}


def test_no_sample_is_forgotten():
    assert {path.stem for path in SAMPLES.glob("*.json")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_sample(run, docker, name):
    document = json.loads((SAMPLES / f"{name}.json").read_text())
    # The socket of the daemon under test is not where a user's is.
    flags = [f"--volume={document['volumes'][0]['metadata']['name']}={docker.socket}"] if name == "10_docker" else []
    code, texts = EXPECTED[name]
    result = run(document, flags, limit=120)
    assert result.code == code, result
    for text in texts:
        assert text in result.output(), result
    if name == "16_secrets":
        for secret in document["secrets"]:
            assert secret["data"].encode() not in result.stdout, result
