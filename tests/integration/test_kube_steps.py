# SPDX-License-Identifier: MIT
"""What is Kubernetes' own about the steps of a run: its objects, and what they say to whom."""
import json

import pytest
import yaml

from docker_steps import document, end, output, step
from kube import wait_for
from test_samples import SAMPLES

NUMERIC = {"docker": {"user": "1000:1000"}}


def read(name):
    return json.loads((SAMPLES / "kubernetes" / f"{name}.json").read_text())


def test_first_sample(kube):
    result = kube(read("1_hello_world"))
    assert (result.code, result.output("greet")) == (0, b"hello world\n"), result


def test_second_sample(kube):
    result = kube(read("2_redis"))
    assert (result.code, result.output("set"), result.output("incr")) == (0, b"OK\n", b"42\n"), result


@pytest.mark.each_version
def test_one_pod_with_a_container_for_each_step(kube):
    running = kube.start(document(step("a", "echo up; sleep 1"), step("b"), step("c", retry={"attempts": 2})))
    running.line("up\\n")
    pod = kube.namespace.pod()
    result = running.finish()
    assert result.code == 0, result
    assert len(pod["spec"]["containers"]) == 4
    assert pod["metadata"]["labels"]["pipeline-runtime.io/run"] == result.ended["run"]
    assert pod["spec"]["activeDeadlineSeconds"] > 0 and pod["spec"]["automountServiceAccountToken"] is False
    # The pod's end takes the Secret of its run along, and nobody else's.
    assert all(s["metadata"]["name"].startswith("plr-init-") for s in kube.namespace.secrets())


@pytest.mark.each_version
def test_steps_follow_one_another_without_a_word_from_outside(kube):
    """Ten steps that the kubelet tells of once a second: by its word alone they take ten seconds."""
    result = kube(document(*[step(f"s{n}") for n in range(10)]))
    began = [e["monotonic_ns"] for e in result.events if e["event"] == "step" and e["to"] == "running"]
    assert result.code == 0 and len(began) == 10, result
    assert max(began) - min(began) < 5e9, result


def test_what_steps_say_comes_in_their_order(kube, proxy):
    """Each log is a stream of its own. That of the first is held back until the second step is over, too."""
    def is_over(container):
        statuses = kube.namespace.pod()["status"].get("containerStatuses", [])
        return any(one["name"] == container and "terminated" in one["state"] for one in statuses)

    proxy.change("GET", r".*/log\?.*container=s0", lambda body: wait_for(lambda: is_over("s1"), 60) and body)
    result = kube(document(step("a", "echo one"), step("b", "echo two"), step("c", "echo three")))
    assert result.code == 0, result
    assert [e["step"] for e in result.events if e["event"] == "output"] == ["a", "b", "c"], result
    assert [e["step"] for e in result.events if e["event"] == "step" and e["to"] == "running"] == ["a", "b", "c"], result


@pytest.mark.each_version
def test_a_secret_is_its_steps_alone(kube):
    """It is no text of the pod's, and no other container has it."""
    doc = document(step("has", "echo up; printf %s $TOKEN | wc -c; sleep 1", secrets=[{"name": "token", "env": "TOKEN"}]),
                   step("lacks", "env; find / -xdev -name '*token*' -type f"),
                   secrets=[{"metadata": {"name": "token"}, "data": "correct-horse"}])
    running = kube.start(doc)
    running.line("up\\n")
    pod, held = json.dumps(kube.namespace.pod()), kube.namespace.secret_values()
    result = running.finish()
    assert output(result, "has") == "up\n13\n" and "TOKEN" not in output(result, "lacks"), result
    assert "correct-horse" not in pod and b"correct-horse" in held


@pytest.mark.each_version
def test_a_dollar_in_parentheses_is_text(kube):
    result = kube(document(step("a", "echo '$(HOME) $$(X) $((1+1))'; echo \"$MINE\"", environment={"MINE": "$(HOME)"})))
    assert output(result, "a") == "$(HOME) $$(X) $((1+1))\n$(HOME)\n", result


@pytest.mark.each_version
def test_an_image_says_what_to_run(kube):
    """Without a command: read from the registry where that answers, else by the image that comes at its turn."""
    result = kube(document(step("read", image="127.0.0.1:5000/plr-test/cmd:1", command=[]),
                           step("swapped", image="plr-test/cmd:1", command=[]),
                           step("after", "echo after")), limit=120)
    assert [output(result, name) for name in ("read", "swapped", "after")] == ["cmd\n", "cmd\n", "after\n"], result
    assert result.code == 0


@pytest.mark.each_version
def test_names_that_are_none_of_dns(kube):
    """The API does not take them. They resolve for root, for others, and in what has no plr-init of ours."""
    hold = "trap exit TERM; while sleep 0.1; do :; done"
    result = kube(document(step("root", "grep -w redis_1 /etc/hosts; hostname -i"),
                           step("other", "grep -ow My_Alias /etc/hosts", docker={"user": "1000"}),
                           services=[step("redis_1", hold, aliases=["My_Alias"]),
                                     step("looks", f"grep -ow redis_1 /etc/hosts; {hold}")]))
    assert result.code == 0, result
    assert output(result, "root").startswith("127.0.0.1\tredis_1 My_Alias looks root other\n"), result
    assert [output(result, "other"), output(result, "looks")] == ["My_Alias\n", "redis_1\n"], result


def test_command_of_kubernetes_replaces_dockers(kube):
    result = kube(document(step("a", "echo docker", kubernetes={"command": ["echo"], "args": ["kubernetes"]})))
    assert output(result, "a") == "kubernetes\n", result


@pytest.mark.each_version
def test_pod_security_restricted(cluster, kube):
    """Where every step has a user other than root. The baseline is what all others pass."""
    for level, fields in (("restricted", NUMERIC), ("baseline", {})):
        cluster.call("PATCH", kube.namespace.path, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}},
                     kind="application/merge-patch+json")
        result = kube(document(step("a", "id -u", **fields), step("b", "id -u", **fields)))
        assert result.code == 0 and output(result, "b") == ("1000\n" if fields else "0\n"), result


@pytest.mark.each_version
def test_all_missing_rights_in_one_message(cluster, kube):
    """With the rules that would grant them; nothing is made."""
    account = {"metadata": {"name": "poor"}}
    kube.namespace.post("serviceaccounts", account)
    poor = kube.namespace.write_kubeconfig("poor", {"token": kube.namespace.token("poor")})
    result = kube(document(step("a")), env={"KUBECONFIG": str(poor)})
    assert result.code in (2, 3), result
    for word in ("pods", "pods/log", "secrets", "create", "watch"):
        assert word in result.stderr + result.text, result
    assert kube.namespace.pods() == []


@pytest.mark.each_version
def test_the_printed_role_is_enough(cluster, kube):
    """And it is what the tests' account has, which has pods for each step, too."""
    from kube import APART, RULES

    def rights(rules):
        return {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}

    for flags, rules in ([], RULES), (["--kube-layout", "pod-per-step"], APART):
        printed = kube.command_line([*flags, "kube-role"])
        roles = [one for one in yaml.safe_load_all(printed.text) if one and one["kind"] == "Role"]
        assert rights(roles[0]["rules"]) == rights(rules), printed


@pytest.mark.each_version
def test_debug_prints_what_the_server_takes(cluster, kube, tmp_path):
    shown = kube(document(step("a", secrets=[{"name": "t", "env": "T"}]), step("b"),
                          secrets=[{"metadata": {"name": "t"}, "data": "correct-horse"}]), "--kube-debug")
    assert shown.code == 0 and "correct-horse" not in shown.text, shown
    (tmp_path / "objects.yml").write_text(shown.text)
    said = cluster.kubectl("-n", kube.namespace.name, "apply", "--dry-run=server", "-f", str(tmp_path / "objects.yml"))
    assert "pod/plr-" in said and "secret/plr-" in said, said
    assert kube.namespace.pods() == []


@pytest.mark.each_version
def test_a_field_that_nobody_knows_in_a_template_is_refused(kube, tmp_path):
    """By a server that can tell: one of old drops it."""
    template = tmp_path / "template.yaml"
    template.write_text(yaml.safe_dump({"spec": {"tolerationz": [{"operator": "Exists"}]}}))
    result = kube(document(step("a")), f"--kube-pod-template {template}", limit=60)
    if not kube.cluster.has(25):
        assert result.code == 0, result
        return
    assert result.code == 2 and 'unknown field "spec.tolerationz"' in result.ended["message"], result


def cpu_of_nodes(cluster):
    """Thousandths of a core that the widest node has."""
    words = [node["status"]["allocatable"]["cpu"] for node in cluster.get("/api/v1/nodes")["items"]]
    return max(int(word[:-1]) if word.endswith("m") else 1000 * int(word) for word in words)


@pytest.mark.each_version
def test_requests_of_steps_that_never_run_together_do_not_add_up(cluster, kube):
    """Three steps of which a node has room for one."""
    wish = cpu_of_nodes(cluster) * 6 // 10
    steps = [step(f"s{n}", resources={"requests": {"cpu": wish - n}}) for n in range(3)]
    result = kube(document(*steps), "--kube-schedule-timeout 5s", limit=60)
    assert result.code == 0, result
    # Side by side they do.
    steps += [step("first"), step("beside", resources={"requests": {"cpu": wish}}, depends_on=["first"])]
    for one in steps[:3]:
        one["depends_on"] = ["first"]
    result = kube(document(*steps), "--kube-schedule-timeout 3s", limit=60)
    assert result.code == 3 and "Insufficient cpu" in result.ended["message"], result


def test_sweep_removes_what_a_killed_engine_left(kube):
    running = kube.start(document(step("a", "echo up; sleep 1000")))
    running.line("up\\n")
    running.kill()
    running.finish(check=False)
    assert len(kube.namespace.pods()) == 1
    swept = kube.command_line(["sweep", "--backend", "kubernetes"])
    assert swept.code == 0, swept
    wait_for(lambda: not kube.namespace.pods(), 40)
