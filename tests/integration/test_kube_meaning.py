# SPDX-License-Identifier: MIT
"""What a document means in a cluster where that is Kubernetes' own matter: who is held, what is whose, who is let in."""
import base64
import json
import re
import signal
import subprocess

import pytest
import yaml

from docker_steps import document, end, output, step, warnings
from kube import wait_for
from test_samples import SAMPLES

REGISTRY = "http://127.0.0.1:5000"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
FRESH = "127.0.0.1:5000/plr-test/fresh"


def files(**data):
    return [{"metadata": {"name": name}, "data": base64.b64encode(value).decode()} for name, value in data.items()]


def to_image(cluster, of, tag):
    """What plr-test/fresh:TAG is from now on."""
    script = (f"curl -sf -H 'Accept: {MANIFEST}' {REGISTRY}/v2/plr-test/{of}/manifests/1 >$0 && for blob in $(jq -r "
              f"'.config.digest, .layers[].digest' $0); do curl -sf -o /dev/null -X POST '{REGISTRY}/v2/plr-test/fresh/"
              f"blobs/uploads/?mount='$blob'&from=plr-test/{of}'; done && curl -sf -X PUT -H 'Content-Type: {MANIFEST}' "
              f"--data-binary @$0 {REGISTRY}/v2/plr-test/fresh/manifests/{tag}")
    subprocess.run([*cluster.enter, "sh", "-c", script, str(cluster.state / "manifest.json")], check=True)


@pytest.mark.each_version
@pytest.mark.parts
@pytest.mark.parametrize("image, policy", [(f"{FRESH}:latest", {}), (f"{FRESH}:1", {"pull_policy": "always"})])
def test_an_image_that_an_earlier_step_has_pushed(cluster, kube, image, policy):
    """It is resolved at its turn: by name and by what is said of it."""
    tag = image.rsplit(":", 1)[1]
    to_image(cluster, "env", tag)
    running = kube.start(document(step("push", "echo up; sleep 3"),
                                  step("use", "pwd", image=image, docker=policy),
                                  step("after")), limit=120)
    running.line("up\\n")
    to_image(cluster, "workdir", tag)
    result = running.finish()
    assert (result.code, output(result, "use")) == (0, "/srv/work\n"), result
    assert result.ends["after"]["reason"] == "exit", result


@pytest.mark.each_version
@pytest.mark.parts
def test_an_image_that_is_not_there_yet(cluster, kube):
    """The first build of a pipeline makes it."""
    running = kube.start(document(step("push", "echo up; sleep 3"), step("use", "pwd", image=f"{FRESH}:new",
                                                                        docker={"pull_policy": "always"})), limit=120)
    running.line("up\\n")
    to_image(cluster, "workdir", "new")
    result = running.finish()
    assert (result.code, output(result, "use")) == (0, "/srv/work\n"), result
    assert not any("rror" in text for text in warnings(result)), result


@pytest.mark.parametrize("step_of", [
    lambda: step("b", "echo ran", docker={"pull_policy": "always"}, image="127.0.0.1:5000/alpine:3.6"),
    lambda: step("b", image="plr-test/cmd:1", command=[])])
def test_a_pause_image_that_cannot_be_had_is_done_without(kube, step_of):
    result = kube(document(step("a", "sleep 1"), step_of(), step("c", "echo done")),
                  "--kube-pause-image 127.0.0.1:5000/nothing:1 --kube-image-grace 20s", limit=120)
    assert (result.code, output(result, "c")) == (0, "done\n"), result
    assert output(result, "b") in ("ran\n", "cmd\n"), result
    assert not any("nothing:1" in text for text in warnings(result)), result


def test_an_image_that_prepares_files_and_cannot_be_had_is_said(kube):
    result = kube(document(step("a", docker={"user": "1000"}, files=[{"name": "x", "path": "/x"}]), files=files(x=b"x")),
                  "--kube-pause-image 127.0.0.1:5000/nothing:1 --kube-image-grace 2s", limit=60)
    assert (result.code, end(result, "a")["reason"]) == (1, "image"), result
    assert "127.0.0.1:5000/nothing:1" in end(result, "a")["message"], result


@pytest.mark.each_version
def test_an_init_container_that_fails_is_said(kube, tmp_path):
    (tmp_path / "template.yml").write_text(
        "spec: {initContainers: [{name: fetch, image: 'alpine:3.6', command: [sh, -c, 'exit 9']}]}")
    result = kube(document(step("a")), ["--kube-pod-template", str(tmp_path / "template.yml")], limit=60)
    assert (result.code, end(result, "a")["reason"]) == (3, "infrastructure"), result
    assert "fetch" in end(result, "a")["message"] and "9" in end(result, "a")["message"], result


@pytest.mark.parametrize("stream", ["1", "2"])
def test_what_a_short_step_says_is_there(kube, stream):
    """Its first line may stand before its plr-init's word that it runs."""
    names = [f"s{n}" for n in range(10)]
    for _ in range(3):
        result = kube(document(*[step(name, command=["sh", "-c", f"echo this is {name} >&{stream}"]) for name in names]))
        assert {name: output(result, name) for name in names} == {name: f"this is {name}\n" for name in names}, result


def test_renewed_steps_are_steps(kube):
    """Retries, hooks with what they are told late, a failure and what it skips: as of others."""
    always = {"pull_policy": "always"}
    doc = document(step("a"), step("flaky", "[ -e /v/x ] || { touch /v/x; exit 3; }; echo again", docker=always,
                                   retry={"attempts": 2}, volumes=[{"name": "v", "path": "/v"}]),
                   step("fails", "echo bad; exit 7", docker=always), step("skipped", docker=always),
                   step("sorry", "echo sorry", docker=always, run_policy="on-failure"),
                   hooks={"on_failure": [step("told", "echo $PIPELINE_RESULT $PIPELINE_FAILED_STEPS", docker=always)]},
                   volumes=[{"metadata": {"name": "v"}, "temp": {}}])
    result = kube(doc, limit=180)
    assert (output(result, "flaky"), output(result, "sorry")) == ("again\n", "sorry\n"), result
    assert output(result, "told") == "failed fails\n", result
    assert (end(result, "fails")["exit_code"], end(result, "skipped")["reason"], result.code) == (7, "skipped", 1), result


def test_a_step_behind_a_privileged_one_is_not_held(kube):
    running = kube.start(document(step("a", "echo up; sleep 2", docker={"privileged": True}),
                                  step("b", "echo ran")), limit=90)
    running.line("up\\n")
    images = {one["name"]: one["image"] for one in kube.namespace.pod()["spec"]["containers"]}
    result = running.finish()
    assert "pause" in images["s1"] and "pause" not in images["s0"], images
    assert (result.code, output(result, "b")) == (0, "ran\n"), result


@pytest.mark.each_version
def test_files_of_users_and_of_root(kube):
    """Bytes, modes and owners; the folder that they come into is not hidden; the step's own can be written to."""
    binary = bytes(range(256))
    look = "stat -c '%a %u %g' /etc/one /etc/two; od -An -v -tx1 /etc/one | tr -d ' \\n'; echo; ls /etc/passwd"
    mounts = [{"name": "x", "path": "/etc/one", "mode": 0o400}, {"name": "x", "path": "/etc/two", "mode": 0o666}]
    doc = document(step("user", f"{look} && echo more >>/etc/two && wc -c </etc/two", docker={"user": "1000:7"}, files=mounts),
                   step("other", "stat -c '%a %u' /f; cat /etc/one 2>/dev/null || echo none", docker={"user": "2000"},
                        files=[{"name": "x", "path": "/f"}]),
                   step("root", look, files=mounts), files=files(x=binary))
    result = kube(doc, limit=90)
    assert output(result, "user") == f"400 1000 7\n666 1000 7\n{binary.hex()}\n/etc/passwd\n261\n", result
    assert output(result, "other") == "644 2000\nnone\n", result
    assert output(result, "root") == f"400 0 0\n666 0 0\n{binary.hex()}\n/etc/passwd\n", result
    assert result.code == 0


def test_files_that_no_secret_holds_are_refused(kube):
    result = kube(document(step("a", files=[{"name": "x", "path": "/x"}, {"name": "y", "path": "/y"}]),
                           files=files(x=bytes(600 << 10), y=bytes(600 << 10))))
    assert result.code == 2 and "1 MiB" in result.stderr + result.text, result
    assert kube.namespace.pods() == [] and kube.namespace.secrets() == []


def test_a_file_as_large_as_may_be(kube):
    data = bytes(range(251)) * 4170
    result = kube(document(step("a", "sha256sum </x"), files=files(x=data)) | {"steps": [
        step("a", "wc -c </x", files=[{"name": "x", "path": "/x"}])]})
    assert (result.code, output(result, "a")) == (0, f"{len(data)}\n"), result


def test_what_is_one_steps_no_other_one_finds(kube):
    """Not by its variables, not by its files, not by its processes."""
    search = ("env; ps; for p in /proc/[0-9]*; do cat $p/environ $p/cmdline 2>/dev/null; done; "
              "find /.plr /etc /home -type f -exec cat {} + 2>/dev/null; grep plr /proc/mounts")
    doc = document(step("has", "echo up; sleep 2", docker={"user": "1000"}, secrets=[{"name": "token", "env": "TOKEN"}],
                        files=[{"name": "x", "path": "/etc/x", "mode": 0o400}], environment={"OWN": "own-to-has"}),
                   step("beside", "sleep 100", detach=True, environment={"OWN": "of-whom-is-beside"}),
                   step("lacks", search), step("detached", f"{search}; sleep 100", detach=True), step("last"),
                   secrets=[{"metadata": {"name": "token"}, "data": "correct-horse"}], files=files(x=b"battery-staple"))
    # What is masked would not be seen: the text is turned round.
    for one in doc["steps"][2:4]:
        one["docker"]["args"] = ["-c", f"({search}) | tr '\\0' '\\n' | rev; " + ("sleep 100" if one.get("detach") else "")]
    result = kube(doc, limit=90)
    seen = output(result, "lacks") + output(result, "detached")
    assert result.code == 0 and len(seen) > 500, result
    for word in ("correct-horse", "battery-staple", "own-to-has", "of-whom-is-beside"):
        assert word[::-1] not in seen, word


@pytest.mark.each_version
def test_a_readiness_command_is_not_run_before_its_steps_turn(kube):
    """It would be the first of the user's to run."""
    doc = document(step("first", "sleep 4; ls -A /v; nc -l -p 7777 </dev/null & sleep 1; kill $!", volumes=[{"name": "v", "path": "/v"}]),
                   step("server", "echo up >/v/up; sleep 3; touch /v/ready; sleep 1000", detach=True,
                        ready={"exec": ["sh", "-c", "touch /v/asked; [ -e /v/ready ]"], "timeout": "60s"},
                        volumes=[{"name": "v", "path": "/v"}]),
                   step("client", "ls /v", volumes=[{"name": "v", "path": "/v"}]),
                   volumes=[{"metadata": {"name": "v"}, "temp": {}}])
    result = kube(doc, limit=120)
    assert (result.code, output(result, "first"), output(result, "client")) == (0, "", "asked\nready\nup\n"), result


def test_who_answers_at_a_port_before_the_turn_is_somebody_else(kube):
    doc = document(step("other", "(while :; do nc -l -p 7777 -e true; done) & sleep 4"),
                   step("server", "sleep 3; touch /v/ready; while :; do nc -l -p 7777 -e true; done", detach=True,
                        ready={"tcp": 7777, "timeout": "60s"}, volumes=[{"name": "v", "path": "/v"}]),
                   step("client", "ls /v", volumes=[{"name": "v", "path": "/v"}]),
                   volumes=[{"metadata": {"name": "v"}, "temp": {}}])
    result = kube(doc, limit=120)
    assert (result.code, output(result, "client")) == (0, "ready\n"), result


@pytest.mark.each_version
def test_restricted_lets_files_of_users_in(cluster, kube):
    """And what is renewed. What wants more than the level gives is said in the API's words."""
    cluster.call("PATCH", kube.namespace.path, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}},
                 kind="application/merge-patch+json")
    user = {"user": "1000:1000"}
    doc = document(step("a", "cat /x; stat -c %u /x", docker=user, files=[{"name": "x", "path": "/x", "mode": 0o400}]),
                   step("b", "id -u", docker={**user, "pull_policy": "always"}), files=files(x=b"text\n"))
    result = kube(doc, limit=90)
    assert (result.code, output(result, "a"), output(result, "b")) == (0, "text\n1000\n", "1000\n"), result
    if not cluster.has(23):
        return  # levels are labels that mean nothing yet
    refused = kube(document(step("a", "id -u", docker={"privileged": True})))
    assert refused.code in (2, 3) and "violates PodSecurity" in refused.text + refused.stderr, refused
    assert [s for s in kube.namespace.secrets() if not s["metadata"]["name"].startswith("plr-init-")] == []


@pytest.mark.each_version
def test_another_architecture_is_waited_for_and_said(kube):
    result = kube(document(step("a"), platform={"os": "linux", "arch": "arm64"}), "--kube-schedule-timeout 2s", limit=60)
    assert (result.code, end(result, "a")["reason"]) == (3, "infrastructure"), result
    assert re.search("selector|node affinity", result.text + result.stderr), result


TEMPLATE = """
metadata:
  labels: {team: ours}
  annotations: {example.org/cost: "7"}
spec:
  priority: null
  tolerations: [{key: dedicated, operator: Exists}]
  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [
    {matchExpressions: [{key: kubernetes.io/os, operator: In, values: [linux]}]}]}}}
  securityContext: {supplementalGroups: [4321]}
  hostAliases: [{ip: 127.0.0.1, hostnames: [of-the-template]}, {ip: 10.1.2.3, hostnames: [far]}]
  containers:
    - {name: "*", env: [{name: FROM_TEMPLATE, value: everybody}]}
    - {name: b, resources: {limits: {memory: 64Mi}}}
"""


@pytest.mark.each_version
def test_a_template_is_laid_over_the_pod(kube, tmp_path):
    (tmp_path / "template.yml").write_text(TEMPLATE)
    running = kube.start(document(step("a", "echo up; echo $FROM_TEMPLATE; id -G; grep -c far /etc/hosts; sleep 1"),
                                  step("b", "echo $FROM_TEMPLATE")), ["--kube-pod-template", str(tmp_path / "template.yml")])
    running.line("up\\n")
    pod = kube.namespace.pod()
    result = running.finish()
    assert result.code == 0 and output(result, "b") == "everybody\n", result
    assert "4321" in output(result, "a") and output(result, "a").endswith("\n1\n"), result
    assert pod["metadata"]["labels"]["team"] == "ours" and pod["metadata"]["annotations"]["example.org/cost"] == "7"
    assert "pipeline-runtime.io/run" in pod["metadata"]["labels"]
    assert {"key": "dedicated", "operator": "Exists"} in pod["spec"]["tolerations"]
    limits = {one["name"]: one.get("resources", {}).get("limits") for one in pod["spec"]["containers"]}
    assert limits == {"s0": None, "s1": {"memory": "64Mi"}}


@pytest.mark.each_version
@pytest.mark.parametrize("text, said", [("spec: [", "template"), ("spec: {containers: [{name: nobody}]}", "nobody"),
                                        ("spec: {runtimeClassName: nowhere}", "nowhere")])
def test_a_template_that_does_not_fit(kube, tmp_path, text, said):
    (tmp_path / "template.yml").write_text(text)
    result = kube(document(step("a")), ["--kube-pod-template", str(tmp_path / "template.yml")])
    assert result.code in (2, 3) and said in result.text + result.stderr, result
    assert kube.namespace.pods() == []


@pytest.mark.each_version
def test_a_service_account_is_mounted_if_asked_for(kube):
    look = step("a", "ls /var/run/secrets/kubernetes.io/serviceaccount/token 2>&1 | tail -c 6")
    assert output(kube(document(look), f"--kube-service-account {kube.namespace.account}"), "a") == "token\n"
    assert output(kube(document(look)), "a") != "token\n"
    result = kube(document(look), "--kube-service-account nobody-here")
    assert result.code in (2, 3) and "nobody-here" in result.text + result.stderr, result


@pytest.mark.each_version
def test_registries_ask_for_what_the_document_says(kube):
    """The node pulls with the document's auths, which are no text of the pod; wrong ones are the registry's no."""
    image = "127.0.0.1:5001/plr-test/env:1"
    auth = {"address": "127.0.0.1:5001", "username": "tester", "password": "s3cret-word"}
    doc = document(step("a", "echo up; sleep 1", image=image), docker={"auths": [auth]})
    running = kube.start(doc)
    running.line("up\\n")
    pod = json.dumps(kube.namespace.pod())
    assert running.finish().code == 0 and "s3cret-word" not in pod
    wrong = kube({**doc, "docker": {"auths": [{**auth, "password": "wrong-word"}]},
                  "steps": [step("a", image=image, docker={"pull_policy": "always"})]}, "--kube-image-grace 2s")
    assert (wrong.code, end(wrong, "a")["reason"]) == (1, "image"), wrong
    assert image in end(wrong, "a")["message"], wrong


def test_conditions_hooks_and_exit_78(kube):
    """The rules of a document, decided in the pod and by the engine alike."""
    doc = document(step("bad", "exit 3", ignore_err=True), step("decide", "exit 78"), step("rest"),
                   step("clean", "echo clean", run_policy="always"), step("sorry", run_policy="on-failure"),
                   hooks={"on_success": [step("yes", "echo $PIPELINE_RESULT")], "on_failure": [step("no")],
                          "always": [step("end", "echo $PIPELINE_RESULT; exit 4")]})
    result = kube(doc, limit=90)
    assert {name: how.get("skip", how["reason"]) for name, how in result.ends.items()} == {
        "bad": "exit", "decide": "exit", "rest": "exit-78", "clean": "exit", "sorry": "exit-78", "yes": "exit",
        "no": "nothing-failed", "end": "exit"}, result
    assert (output(result, "yes"), output(result, "end"), result.code) == ("passed\n", "passed\n", 1), result


def test_a_step_that_takes_too_long_is_stopped_and_tried_again(kube):
    doc = document(step("slow", "trap 'echo told; exit 0' TERM; echo up; i=0; while [ $i -lt 300 ]; do i=$((i+1)); sleep 0.1; done",
                        timeout="2s", retry={"attempts": 2, "on": ["timeout"]}), step("after"),
                   step("sorry", "echo sorry", run_policy="on-failure"))
    result = kube(doc, limit=90)
    assert output(result, "slow") == "up\ntold\n" * 2, result
    assert (end(result, "slow")["reason"], end(result, "after")["reason"], output(result, "sorry"), result.code) == (
        "timeout", "skipped", "sorry\n", 1), result


@pytest.mark.each_version
@pytest.mark.parametrize("fields, flags", [({"image": "127.0.0.1:5000/nothing:1"}, "--kube-image-grace 10m"),
                                           ({"resources": {"requests": {"cpu": 1000000}}}, "--kube-schedule-timeout 10m")])
def test_an_interrupt_ends_what_waits_for_the_cluster(kube, fields, flags):
    running = kube.start(document(step("a", **fields), step("after")), flags, limit=60)
    running.line(lambda line: "nothing:1" in line if "image" in fields else "nsufficient cpu" in line)
    running.signal(signal.SIGINT)
    result = running.finish()
    assert (result.code, result.ended["outcome"]) == (130, "cancelled"), result
    assert end(result, "after")["reason"] == "skipped", result
    assert kube.namespace.leftovers() == []


def test_what_is_somebody_elses_is_left_alone(kube):
    """The namespace, and what is in it: by a run, by its end, by a sweep."""
    kube.namespace.post("secrets", {"metadata": {"name": "theirs"}, "stringData": {"a": "b"}})
    kube.namespace.post("pods", {"metadata": {"name": "theirs"}, "spec": {"containers": [
        {"name": "s0", "image": "alpine:3.6", "command": ["sleep", "1000"]}]}})
    assert kube(document(step("a"), step("b", "exit 3"))).code == 1
    assert kube.command_line(["sweep", "--backend", "kubernetes"]).code == 0
    assert [pod["metadata"]["name"] for pod in kube.namespace.pods()] == ["theirs"]
    assert "theirs" in [secret["metadata"]["name"] for secret in kube.namespace.secrets()]
    assert "deletionTimestamp" not in kube.namespace.pod()["metadata"]
    kube.namespace.delete("pods/theirs", gracePeriodSeconds="0")
    kube.namespace.delete("secrets/theirs")


@pytest.mark.each_version
def test_debug_of_each_sample_is_taken_by_the_server(cluster, kube, tmp_path):
    shown = 0
    for path in [*SAMPLES.glob("*.json"), *(SAMPLES / "kubernetes").glob("*.json")]:
        said = kube(json.loads(path.read_text()), "--kube-debug")
        if said.code == 2 and "kubernetes" in said.stderr.lower() + said.text.lower():
            continue  # what it cannot do it says
        assert said.code == 0, said
        (tmp_path / "objects.yml").write_text(said.text)
        taken = cluster.kubectl("-n", kube.namespace.name, "apply", "--dry-run=server", "-f", str(tmp_path / "objects.yml"))
        assert "pod/plr-" in taken, (path, taken)
        shown += sum(one["kind"] == "Pod" for one in yaml.safe_load_all(said.text) if one)
    assert shown >= 18
    wait_for(lambda: kube.namespace.pods() == [])
