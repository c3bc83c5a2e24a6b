# SPDX-License-Identifier: MIT
"""How the cluster is found and who we are to it: kubeconfig in all its forms, plugins that misbehave (fault 48), tokens
that expire while a run goes on (fault 49), and rights that are missing."""
import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from kube import RULES

API = "client.authentication.k8s.io/v1"
EXPIRES = "2999-01-01T00:00:00Z"


def steps(*scripts):
    return {"steps": [{"metadata": {"name": f"s{index}"},
                       "docker": {"image": "alpine:3.6", "command": ["sh", "-c", script]}}
                      for index, script in enumerate(scripts)]}


HELLO = steps("echo hello")


def passes(kube, flags="", document=HELLO, **kwargs):
    result = kube(document, flags, **kwargs)
    assert result.code == 0, result
    return result


def refuses(kube, code, *words, **kwargs):
    """The backend does not open: the words are in one line on stderr, and nothing was created."""
    result = kube(HELLO, **kwargs)
    assert result.code == code, result
    line = next(line for line in result.stderr.splitlines() if line.startswith("pipeline-runtime:"))
    for word in words:
        assert word in line, result
    assert kube.namespace.leftovers(0) == []
    return result


def bound_token(namespace, secret):
    """A token of the account that ends when the secret does."""
    made = namespace.post("secrets", {"metadata": {"name": secret}})
    answer = namespace.post(f"serviceaccounts/{namespace.account}/token", {"spec": {"boundObjectRef": {
        "kind": "Secret", "apiVersion": "v1", "name": secret, "uid": made["metadata"]["uid"]}}})
    return answer["status"]["token"]


def plugin(kube, script, **exec_):
    """A kubeconfig whose user is what the script says; `calls` counts how often it ran."""
    folder = Path(kube.namespace.folder.name)
    path = folder / "plugin"
    path.write_text(f"#!/bin/sh\necho x >> {folder}/calls\n{script}\n")
    path.chmod(0o755)
    (folder / "calls").unlink(missing_ok=True)
    user = {"exec": {"apiVersion": API, "command": "./plugin", **exec_}}
    return {"KUBECONFIG": str(kube.namespace.write_kubeconfig("plugged", user))}


def calls(kube):
    return len(Path(kube.namespace.folder.name, "calls").read_text().split())


def says(**status):
    answer = {"kind": "ExecCredential", "apiVersion": API, "status": status}
    return f"cat <<'EOF'\n{json.dumps(answer)}\nEOF"


def test_files_are_merged_and_a_context_is_chosen(kube, tmp_path):
    whole = yaml.safe_load(kube.namespace.kubeconfig.read_text())
    clusters, rest = tmp_path / "clusters", tmp_path / "rest"
    clusters.write_text(json.dumps({"clusters": whole["clusters"]}))
    rest.write_text(yaml.safe_dump({**whole, "current-context": "other", "clusters": [
        {"name": "tests", "cluster": {"server": "https://nowhere.invalid"}}]}))
    env = {"KUBECONFIG": f"{tmp_path}/missing:{clusters}:{rest}"}
    refuses(kube, 2, f'{rest}:', 'expected the name of an entry of "contexts", found "other"; there is "tests"', env=env)
    passes(kube, "--kube-context tests", env=env)
    passes(kube, f"--kube-config {kube.namespace.kubeconfig}", env={"KUBECONFIG": "/nowhere"})


def test_a_wrong_entry_is_told_with_its_line(kube, tmp_path):
    path = tmp_path / "config"
    path.write_text("current-context: a\ncontexts:\n- name: a\n  context: {cluster: b}\n"
                    "clusters:\n- name: b\n  cluster:\n    sever: https://x\n")
    refuses(kube, 2, f'{path}:8:5: expected "server", the address of the API server', env={"KUBECONFIG": str(path)})
    path.write_text("a: [\n")
    refuses(kube, 2, f"{path}:2:1: ", env={"KUBECONFIG": str(path)})


@pytest.mark.each_version
def test_in_a_pod(kube, tmp_path):
    """The service account's files as Kubernetes mounts them."""
    cluster = kube.cluster.where()
    address = cluster["server"].removeprefix("https://").rsplit(":", 1)
    (tmp_path / "token").write_text(kube.namespace.token())
    (tmp_path / "namespace").write_text(kube.namespace.name)
    (tmp_path / "ca.crt").write_bytes(base64.b64decode(cluster["certificate-authority-data"]) if
                                      "certificate-authority-data" in cluster else
                                      Path(cluster["certificate-authority"]).read_bytes())
    mount = ('mount -t tmpfs none "$(realpath /var/run)" && mkdir -p /var/run/secrets/kubernetes.io && '
             f'cp -r {tmp_path} /var/run/secrets/kubernetes.io/serviceaccount && exec "$@"')
    passes(kube, wrap=["unshare", "--mount", "sh", "-c", mount, "sh"],
           env={"KUBECONFIG": None, "KUBERNETES_SERVICE_HOST": address[0], "KUBERNETES_SERVICE_PORT": address[1]})


@pytest.mark.each_version
@pytest.mark.parts
@pytest.mark.parametrize("data", [True, False], ids=["data", "files"])
def test_a_client_certificate(kube, tmp_path, data):
    user = yaml.safe_load((kube.cluster.state / "keys/admin.kubeconfig").read_text())["users"][0]["user"]
    assert {"client-certificate-data", "client-key-data"} <= user.keys()
    if not data:
        for name in ("client-certificate", "client-key"):
            (tmp_path / name).write_bytes(base64.b64decode(user.pop(f"{name}-data")))
            user[name] = str(tmp_path / name)
    passes(kube, env={"KUBECONFIG": str(kube.namespace.write_kubeconfig("certified", user))})


@pytest.mark.parts
def test_the_name_of_the_server(kube):
    def named(name):
        return {"KUBECONFIG": str(kube.namespace.write_kubeconfig(
            "named", **kube.cluster.where(), **{"tls-server-name": name}))}

    passes(kube, env=named("kubernetes.default.svc"))
    refuses(kube, 2, "no trust between us and https://", env=named("somebody.else"))


def test_certificates_may_be_passed_over_with_a_warning(kube):
    server = kube.cluster.where()["server"]
    strict = kube.namespace.write_kubeconfig("strict", server=server)
    refuses(kube, 2, "no trust between us and", env={"KUBECONFIG": str(strict)})
    lax = kube.namespace.write_kubeconfig("lax", server=server, **{"insecure-skip-tls-verify": True})
    result = passes(kube, env={"KUBECONFIG": str(lax)})
    warnings = [event["message"] for event in result.events if event["event"] == "warning"]
    assert len([text for text in warnings if "its certificate is not verified" in text]) == 1, result


PROXY = """
import socket, threading
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
def copy(source, target):
    while data := source.recv(65536):
        target.sendall(data)
    target.close()
while True:
    client, _ = listener.accept()
    request = b""
    while b"\\r\\n\\r\\n" not in request:
        request += client.recv(4096)
    host, port = request.split()[1].decode().rsplit(":", 1)
    print(request.split()[0].decode(), flush=True)
    server = socket.create_connection((host, int(port)))
    client.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
    threading.Thread(target=copy, args=(client, server), daemon=True).start()
    threading.Thread(target=copy, args=(server, client), daemon=True).start()
"""


def test_a_proxy(kube):
    proxy = subprocess.Popen([*kube.cluster.enter, sys.executable, "-c", PROXY], stdout=subprocess.PIPE, text=True)
    try:
        where = {**kube.cluster.where(), "proxy-url": f"http://127.0.0.1:{int(proxy.stdout.readline())}"}
        passes(kube, env={"KUBECONFIG": str(kube.namespace.write_kubeconfig("proxied", **where))})
        assert proxy.stdout.readline() == "CONNECT\n"
    finally:
        proxy.kill()
        proxy.wait()


BASIC = {"username": "someone", "password": "p:a ss\u00e9"}


def test_a_user_with_a_password(kube, api_peer):
    """API servers have none any more, what stands before them may: it turns the password into a token."""
    env, peer = api_peer("someone:p:a ss\u00e9", BASIC)
    passes(kube, env=env)
    assert {request.headers.get("authorization") for request in peer.requests} == {"Basic c29tZW9uZTpwOmEgc3PDqQ=="}
    env, _ = api_peer("someone:another", BASIC)
    result = refuses(kube, 2, "does not accept our credentials", env=env)
    assert BASIC["password"] not in result.stderr + result.text


def test_a_plugin_says_who_we_are(kube):
    """Asked once for a run, without a shell, with its arguments, its environment and the cluster."""
    check = ('[ "$1" = "a b" ] && [ "$2" = "$(printf %s \\$HOME)" ] && [ "$NAMED" = x ] || exit 7; read line && exit 8\n'
             'case $KUBERNETES_EXEC_INFO in *\'"server":"https:\'*) ;; *) exit 9 ;; esac\n')
    passes(kube, env=plugin(kube, check + says(token=kube.namespace.token(), expirationTimestamp=EXPIRES),
                            args=["a b", "$HOME"], env=[{"name": "NAMED", "value": "x"}], provideClusterInfo=True))
    assert calls(kube) == 1


@pytest.mark.parametrize("script, expected", [
    ("echo s3cret; echo s3cret >&2; exit 3", "failed with exit code 3; run it by hand to see why"),
    ("echo s3cret", "expected an ExecCredential, as JSON on its stdout"),
    (says(s3cret="s3cret"), "expected a status with a token or a client certificate"),
    (says(token="s3cret\nX-Other: header"), "expected a token of visible characters"),
], ids=["fails", "garbage", "nothing", "header"])
def test_48_a_plugin_that_misbehaves(kube, script, expected):
    result = refuses(kube, 2, "the credential plugin ", "/plugin", expected, env=plugin(kube, script))
    assert "s3cret" not in result.stderr and b"s3cret" not in result.stdout


def test_48_a_plugin_that_hangs(kube):
    """It is killed after 30 s."""
    result = refuses(kube, 3, "/plugin did not answer in time", env=plugin(kube, "exec sleep 1000"), limit=90)
    assert result.seconds > 29


def test_48_a_plugin_that_never_stops_printing(kube):
    result = refuses(kube, 3, "/plugin prints more than 262144 bytes", env=plugin(kube, "exec yes s3cret"))
    assert "s3cret" not in result.stderr


def test_48_a_plugin_that_is_not_there(kube):
    refuses(kube, 2, "plr-no-such-program", "; see https://example.com",
            env=plugin(kube, "", command="plr-no-such-program", installHint="see https://example.com"))


def test_49_a_refused_credential_is_renewed_once(kube):
    folder = kube.namespace.folder.name
    script = f"if [ $(wc -l < {folder}/calls) = 1 ]; then\n{says(token='stale')}\nelse\n"
    passes(kube, env=plugin(kube, script + says(token=kube.namespace.token()) + "\nfi"))
    assert calls(kube) == 2
    refuses(kube, 2, "does not accept our credentials", env=plugin(kube, says(token="stale")))
    assert calls(kube) == 2


# The API server remembers for ten seconds that a token was good.
LONG = steps("echo one; sleep 14", "echo two", "exit 3")


def expire(kube, running):
    running.event(event="output", step="s0")
    kube.namespace.delete("secrets/short")
    result = running.finish()
    assert result.code == 1 and result.output() == b"one\ntwo\n", result
    assert result.ends["s2"]["exit_code"] == 3, result


@pytest.mark.each_version
def test_49_a_plugins_token_expires_while_a_run_goes_on(kube):
    folder = kube.namespace.folder.name
    short, good = bound_token(kube.namespace, "short"), kube.namespace.token()
    script = f"if [ $(wc -l < {folder}/calls) = 1 ]; then\n{says(token=short)}\nelse\n{says(token=good)}\nfi"
    expire(kube, kube.start(LONG, env=plugin(kube, script)))
    assert calls(kube) == 2


def test_49_a_token_file_rotates_while_a_run_goes_on(kube):
    path = Path(kube.namespace.folder.name, "token")
    path.write_text(bound_token(kube.namespace, "short"))
    config = kube.namespace.write_kubeconfig("rotating", {"tokenFile": "token"})
    running = kube.start(LONG, env={"KUBECONFIG": str(config)})
    running.event(event="output", step="s0")
    path.write_text(kube.namespace.token())
    expire(kube, running)


@pytest.mark.each_version
def test_missing_rights_are_told_at_once(kube):
    namespace = kube.namespace
    namespace.post("serviceaccounts", {"metadata": {"name": "nobody"}})
    config = namespace.write_kubeconfig("nobody", {"token": namespace.token("nobody")})
    refuses(kube, 2, f"9 rights are missing in namespace {namespace.name}; a Role with these rules grants them: ",
            '{apiGroups: [""], resources: [secrets], verbs: [create]}', "`pipeline-runtime kube-role`",
            env={"KUBECONFIG": str(config)})
    role, binding = yaml.safe_load_all(kube.command_line(["kube-role", "nobody"]).text)
    assert role["rules"] == RULES
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace.name}"
    kube.cluster.post(f"{path}/roles", role)
    kube.cluster.post(f"{path}/rolebindings", {**binding, "subjects": [{**binding["subjects"][0], "namespace": namespace.name}]})
    passes(kube, env={"KUBECONFIG": str(config)})


def test_a_url_and_a_node_of_the_command_line(kube):
    server = kube.cluster.where()
    wrong = kube.namespace.write_kubeconfig("wrong", **{**server, "server": "https://127.0.0.1:1"})
    node = kube.cluster.get("/api/v1/nodes")["items"][0]["metadata"]["name"]
    passes(kube, f"--kube-url {server['server']} --kube-node {node}", env={"KUBECONFIG": str(wrong)})
    result = kube(HELLO, "--kube-node elsewhere --kube-schedule-timeout 1s")
    assert result.code == 3 and re.search("selector|node affinity", result.text), result


def test_a_server_that_refuses_connections(kube):
    """It is said, with its address and where that comes from, instead of tried again for minutes."""
    gone = kube.namespace.write_kubeconfig("gone", **{**kube.cluster.where(), "server": "https://127.0.0.1:1"})
    refuses(kube, 3, "https://127.0.0.1:1", env={"KUBECONFIG": str(gone)}, limit=60)
