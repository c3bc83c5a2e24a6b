# SPDX-License-Identifier: MIT
"""Where the daemon is and who may use it: TLS on a port of a real daemon's network, contexts, a socket of root's."""
import hashlib
import json
import shutil
import subprocess

import pytest

from docker_steps import document, end, output, step

PORT = 2376
FLAGS = ["--backend", "docker", "--output", "json"]


def openssl(folder, *args):
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)


def authority(folder):
    folder.mkdir()
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={folder.name}",
            "-keyout", "ca-key.pem", "-out", "ca.pem")
    return folder


def sign(ca, folder):
    """ca.pem, cert.pem and key.pem of a client in FOLDER, as DOCKER_CERT_PATH names it."""
    folder.mkdir()
    (folder / "ext").write_text("extendedKeyUsage=clientAuth\n")
    openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=stranger", "-keyout", "key.pem", "-out", "csr")
    openssl(folder, "x509", "-req", "-in", "csr", "-CA", str(ca / "ca.pem"), "-CAkey", str(ca / "ca-key.pem"),
            "-CAcreateserial", "-days", "2", "-extfile", "ext", "-out", "cert.pem")
    shutil.copy(ca / "ca.pem", folder)


@pytest.fixture
def certificates(docker, tmp_path):
    """ours: what the daemon knows as a client's (tests/services/tls). stranger: another authority's."""
    shutil.copytree(docker.state / "tls", tmp_path / "ours")
    sign(authority(tmp_path / "other"), tmp_path / "stranger")
    return tmp_path


@pytest.fixture
def tls(docker, pipeline_runtime):
    """tls(env, document): a run in the daemon's network, where it listens with TLS and wants to know its clients."""
    inside = ["nsenter", "--target", str(docker.netns_pid), "--net", "--"]
    return lambda env, doc, *flags: pipeline_runtime([*FLAGS, *flags, "run", "-"], doc, env=env, wrap=inside)


def verified(folder, host=f"tcp://127.0.0.1:{PORT}"):
    return {"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(folder)}


def context(folder, name, certificates):
    """A context of the docker CLI's, as `docker context create` writes it; FOLDER is DOCKER_CONFIG."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = folder / "contexts" / "meta" / digest
    meta.mkdir(parents=True)
    meta.joinpath("meta.json").write_text(json.dumps({
        "Name": name, "Metadata": {},
        "Endpoints": {"docker": {"Host": f"tcp://127.0.0.1:{PORT}", "SkipTLSVerify": False}}}))
    keys = folder / "contexts" / "tls" / digest / "docker"
    keys.mkdir(parents=True)
    for file in ("ca.pem", "cert.pem", "key.pem"):
        shutil.copy(certificates / file, keys)


def test_tls(tls, certificates):
    doc = document(step("a", "echo secure; exit 3", files=[{"name": "f", "path": "/f"}], ignore_err=True),
                   step("b", "cat /f", files=[{"name": "f", "path": "/f"}]),
                   files=[{"metadata": {"name": "f"}, "data": "aGVsbG8K"}])
    result = tls(verified(certificates / "ours"), doc)
    assert (result.code, output(result, "a"), output(result, "b")) == (0, "secure\n", "hello\n"), result
    assert end(result, "a")["exit_code"] == 3


@pytest.mark.once
def test_tls_of_a_context(tls, certificates, tmp_path):
    tmp_path = tmp_path / "config"
    context(tmp_path, "remote", certificates / "ours")
    doc = document(step("a", "echo secure"))
    for env, flags in (({"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "remote"}, ()),
                       ({"DOCKER_CONFIG": str(tmp_path)}, ("--docker-context", "remote"))):
        result = tls(env, doc, *flags)
        assert (result.code, output(result, "a")) == (0, "secure\n"), result
    (tmp_path / "config.json").write_text('{"currentContext": "remote"}')
    assert tls({"DOCKER_CONFIG": str(tmp_path)}, doc).code == 0
    # Nothing of the context's folder is used for an address that is not the context's.
    result = tls({"DOCKER_CONFIG": str(tmp_path), "DOCKER_HOST": f"tcp://127.0.0.1:{PORT}"}, doc)
    assert result.code == 3, result


def test_tls_that_cannot_be_trusted(tls, certificates, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    def refused(env, code=2):
        result = tls(env, document(step("a")))
        assert result.code == code and f":{PORT} (DOCKER_HOST)" in result.stderr, result
        return result.stderr

    # The daemon's certificate is another authority's, or for another name.
    assert "certificate problem" in refused(verified(certificates / "stranger"))
    assert "localhost" in refused(verified(certificates / "ours", f"tcp://localhost:{PORT}"))
    # We have none, or one that the daemon does not know.
    shutil.copy(certificates / "ours" / "ca.pem", mine)
    assert "does not take none for a client's certificate" in refused(verified(mine))
    for file in ("cert.pem", "key.pem"):
        shutil.copy(certificates / "stranger" / file, mine)
    assert f"does not take {mine}/cert.pem for a client's certificate" in refused(verified(mine))
    # No TLS at all, where the daemon wants it.
    assert "if it wants TLS" in refused({"DOCKER_HOST": f"tcp://127.0.0.1:{PORT}"}, 3)

    result = tls(verified(mine / "none"), document(step("a")))
    assert result.code == 2 and "there is no ca.pem in" in result.stderr, result


def test_26_a_socket_that_an_ordinary_user_may_not_use(docker, pipeline_runtime):
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    result = pipeline_runtime([*FLAGS, "--docker-host", docker.host, "run", "-"], document(step("a")),
                              wrap=user, env={"HOME": "/nonexistent"}, cwd="/")
    assert result.code == 3, result
    assert f"no permission to use {docker.host}" in result.stderr
    assert "add you to the group that owns it" in result.stderr
