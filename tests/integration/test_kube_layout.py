# SPDX-License-Identifier: MIT
"""A pod for each step: what is the same as in one pod, and what only several pods can do."""
import pytest

from docker_steps import document, end, output, step, warnings
from kube import APART, RULES, wait_for
from test_samples import EXPECTED, look, read

LAYOUT = "--kube-layout pod-per-step"
SERVICE = "trap exit TERM; while :; do sleep 0.1; done"


def beside(*steps, **fields):
    """A document whose steps do not wait for each other."""
    return document(step("first"), *[{"depends_on": ["first"], **one} for one in steps], **fields)


@pytest.fixture
def apart(kube):
    """A run with a pod for each step."""
    return lambda doc, flags="", **kwargs: kube(doc, f"{LAYOUT} {flags}", **kwargs)


@pytest.fixture
def volume(cluster, kube, tmp_path):
    """There is a volume of the node's for a claim."""
    name = kube.namespace.name
    tmp_path.chmod(0o777)
    cluster.post("/api/v1/persistentvolumes", {"metadata": {"name": name}, "spec": {
        "capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": name,
        "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": str(tmp_path)}}})
    yield f"--kube-storage-class {name}"
    cluster.delete(f"/api/v1/persistentvolumes/{name}")


# Those whose steps share a volume want a claim, or the node's own; test_shared_volume has one.
@pytest.mark.parametrize("name", [
    name for name in EXPECTED if name not in
    ("4_volume_host", "5_volume_temp", "5_volume_tmpfs", "10_docker", "12_graph", "15_retry")])
def test_sample(apart, name):
    result = apart(read(name), limit=120)
    look(result, read(name), name, {"build": b"it broke\n"} if name == "3_on_failure" else {})


@pytest.mark.each_version
@pytest.mark.parametrize("name", ["5_volume_temp", "12_graph", "15_retry"])
def test_shared_volume(apart, kube, volume, name):
    """A sample whose steps, or attempts, leave something to each other: by a claim, which goes with the run."""
    result = apart(read(name), volume, limit=120)
    look(result, read(name), name)
    wait_for(lambda: kube.namespace.claims() == [], 40)


def test_shared_volume_without_the_right(apart, kube):
    """Before anything is made, with the rule that would allow it and what else can be done."""
    kube.namespace.allow(RULES)
    result = apart(read("5_volume_temp"))
    assert result.code == 2 and kube.namespace.pods() == [], result
    said = result.stderr + result.text
    assert "persistentvolumeclaims" in said and "--kube-pod-template" in said, result


def test_two_services_on_one_port(kube):
    """One pod cannot have them: each step gets a pod by itself, and that is said once."""
    result = kube(read("7_redis_multi"), limit=120)
    look(result, read("7_redis_multi"), "7_redis_multi")
    assert [text for text in warnings(result) if "pod of its own" in text] == [
        "each step has a pod of its own, because two services have the same port"], result


@pytest.mark.each_version
def test_order_and_pods(kube):
    """One pod for each step, in order, each labelled and limited, and all gone at the end."""
    running = kube.start(document(*[step(f"s{n}", f"echo up {n}; sleep 0.3") for n in range(3)]), LAYOUT)
    running.line("up 2\\n")
    pods = {pod["metadata"]["name"]: pod for pod in kube.namespace.pods()}
    result = running.finish()
    assert result.code == 0, result
    run = result.ended["run"]
    assert set(pods) == {f"plr-{run}-s{n}" for n in range(3)}
    for pod in pods.values():
        assert pod["metadata"]["labels"]["pipeline-runtime.io/run"] == run
        assert pod["spec"]["activeDeadlineSeconds"] > 0 and len(pod["spec"]["containers"]) == 1
    shown = [e["text"] for e in result.events if e["event"] == "output"]
    assert shown == ["up 0\n", "up 1\n", "up 2\n"], result
    assert kube.namespace.pods() == []


def test_names_of_services_and_detached_steps(apart):
    """Each is found at the address of its pod, by names that are none of DNS, too."""
    doc = document(step("left", SERVICE, detach=True), step("look", "grep -E 'left|db_1|alias' /etc/hosts; hostname -i"),
                   services=[step("db_1", SERVICE, aliases=["alias"])])
    result = apart(doc)
    assert result.code == 0, result
    lines = [line.split() for line in output(result, "look").splitlines()]
    found = {name: line[0] for line in lines for name in line[1:]}
    assert found["db_1"] == found["alias"] and len({found["db_1"], found["left"], lines[-1][0]}) == 3, result


def test_secrets_and_files(kube):
    """A pod has its own step's only."""
    doc = document(step("has", "cat /f; printf %s $T | wc -c; echo up; sleep 1", secrets=[{"name": "t", "env": "T"}],
                        files=[{"name": "f", "path": "/f", "mode": 0o400}]),
                   step("lacks", "env; ls /f", ignore_err=True),
                   secrets=[{"metadata": {"name": "t"}, "data": "correct-horse"}],
                   files=[{"metadata": {"name": "f"}, "data": "aGVsbG8K"}])
    running = kube.start(doc, LAYOUT)
    running.line("up\\n")
    assert not any(s["metadata"]["name"].endswith("-s1") for s in kube.namespace.secrets())
    result = running.finish()
    assert output(result, "has") == "hello\n13\nup\n", result
    assert "correct-horse" not in output(result, "lacks") and "\nT=" not in output(result, "lacks"), result
    assert end(result, "lacks")["exit_code"] != 0, result


@pytest.mark.each_version
def test_retries_have_a_pod_each(apart):
    result = apart(document(step("again", "echo on $(hostname); exit 3", retry={"attempts": 3, "on": ["exit"]})))
    hosts = output(result, "again").split()[1::2]
    assert result.code == 1 and len(set(hosts)) == 3 and hosts[1] == hosts[0] + "-2", result
    assert end(result, "again")["exit_code"] == 3, result


def test_exit_codes_and_signals(apart):
    result = apart(document(step("code", "exit 42", ignore_err=True), step("killed", "kill -KILL $$", ignore_err=True),
                            step("missing", command=["/not/there"])))
    assert result.code == 1, result
    assert end(result, "code")["exit_code"] == 42 and end(result, "killed")["signal"] == 9, result
    assert end(result, "missing")["exit_code"] == 127, result


def test_a_step_without_a_command(apart):
    """Its image says what to run; nobody holds it then."""
    result = apart(document(step("a", image="plr-test/cmd:1", command=[]), step("b", "echo b")))
    assert [output(result, name) for name in "ab"] == ["cmd\n", "b\n"] and result.code == 0, result


def test_much_output(apart):
    result = apart(document(step("much", "seq 1 20000"), step("next", "echo next")), limit=60)
    assert output(result, "much").split() == [str(n) for n in range(1, 20001)], "lines are missing"
    assert output(result, "next") == "next\n", result


def test_cancel_stops_what_runs_and_runs_what_always_runs(kube):
    doc = document(step("long", "trap 'echo told; exit 9' TERM; echo up; while :; do sleep 0.1; done"), step("never"),
                   step("clean", "echo cleaned", run_policy="always"), services=[step("side", SERVICE)])
    running = kube.start(doc, LAYOUT)
    running.line("up\\n")
    running.signal()
    result = running.finish()
    assert result.code == 130, result
    assert output(result, "long") == "up\ntold\n" and output(result, "clean") == "cleaned\n", result
    assert end(result, "never")["reason"] == "skipped" and end(result, "side")["reason"] == "stopped", result


def test_a_step_that_is_not_to_run_leaves_no_pod(kube):
    """It was prepared, held; its pod goes when it is skipped, not with the run."""
    running = kube.start(document(step("bad", "sleep 2; exit 1"), step("skipped"),
                                  step("last", "echo up; sleep 3", run_policy="always")), LAYOUT)
    running.line("up\\n")
    wait_for(lambda: not any(pod["metadata"]["name"].endswith("-s1") for pod in kube.namespace.pods()))
    assert running.finish().code == 1


def test_what_a_skipped_step_has_brought_along_stays(kube, volume):
    """Its pod, which was prepared, owns the claim of the run: it ends, but goes with the run."""
    mount = [{"name": "v", "path": "/v"}]
    doc = document(step("bad", "sleep 2; exit 1"), step("skipped", volumes=mount),
                   step("last", "touch /v/f && echo up; sleep 3", run_policy="always", volumes=mount),
                   volumes=[{"metadata": {"name": "v"}, "temp": {}}])
    running = kube.start(doc, f"{LAYOUT} {volume} --kube-schedule-timeout 20s", limit=60)
    running.line("up\\n")
    wait_for(lambda: [p for p in kube.namespace.pods() if p["metadata"]["name"].endswith("-s1") and p["status"]["phase"] == "Failed"], 20)
    assert ["deletionTimestamp" in claim["metadata"] for claim in kube.namespace.claims()] == [False]
    result = running.finish()
    assert result.code == 1 and end(result, "skipped")["reason"] == "skipped", result


def test_the_pod_that_should_bring_the_claims_is_refused(cluster, apart, kube, volume):
    """The next one brings them."""
    cluster.post(f"/api/v1/namespaces/{kube.namespace.name}/limitranges", {"metadata": {"name": "small"}, "spec": {
        "limits": [{"type": "Container", "max": {"memory": "1Gi"}}]}})
    mount = [{"name": "v", "path": "/v"}]
    result = apart(document(step("large", volumes=mount, resources={"limits": {"memory": 8 << 30}}),
                            step("last", "touch /v/f && echo up", run_policy="always", volumes=mount,
                                 resources={"limits": {"memory": 64 << 20}}),
                            volumes=[{"metadata": {"name": "v"}, "temp": {}}]),
                   f"{volume} --kube-schedule-timeout 10s", limit=60)
    assert end(result, "large")["reason"] == "configuration" and "maximum memory" in result.text, result
    assert (output(result, "last"), result.code) == ("up\n", 1), result


# What one finds out is told to whoever connects to it; a name that is not known yet is looked for again.
FIND = "until found=$(ping -c 1 -W 1 {0} 2>&-); do sleep 0.1; done; echo $found | cut -d ' ' -f 2,3"
TELL = "nc -l -p 99 -e sh -c 'echo $found'"
HEAR = "until nc -w 2 {0} 99 </dev/null 2>&-; do sleep 0.1; done"
MINE = "ip -o -4 address show dev eth0 | sed 's|.*inet \\([^/]*\\).*|mine \\1|'"


def found(text):
    """{"a": its address} of lines like "a (10.0.0.7):"; the same of "mine"."""
    return {words[0]: words[1].strip("():") for words in map(str.split, text.splitlines())}


@pytest.mark.each_version
@pytest.mark.dns
def test_services_find_each_other(apart, kube):
    """Whichever of them was there first; and a Service is all that there is for it, which goes with the run."""
    def service(name, other):
        return step(name, f"trap exit TERM; {MINE}; {FIND.format(other)}; export found; {TELL.replace('-l', '-ll')} & wait")
    running = kube.start(document(step("ask", "; ".join(HEAR.format(name) for name in ("app", "db")) + "; echo up; sleep 2"),
                                  services=[service("app", "db"), service("db", "app")]), LAYOUT)
    running.line("up\\n")
    [made] = kube.namespace.services()
    [owner] = made["metadata"]["ownerReferences"]
    run = made["metadata"]["labels"]["pipeline-runtime.io/run"]
    assert made["metadata"]["name"] == f"plr-{run}" and made["spec"]["clusterIP"] == "None", made
    assert owner["kind"] == "Pod" and owner["name"] in {f"plr-{run}-s0", f"plr-{run}-s1"}, made
    result = running.finish()
    app, db = (found(output(result, name)) for name in ("app", "db"))
    assert app["db"] == db["mine"] != app["mine"] == db["app"], result
    wait_for(lambda: kube.namespace.services() == [], 40)


@pytest.mark.dns
def test_steps_side_by_side_find_each_other(apart):
    """Both ways: the one is heard only after it has found the other."""
    doc = beside(step("left", f"{MINE}; {FIND.format('right')}; {HEAR.format('right')}"),
                 step("right", f"{MINE}; {FIND.format('left')}; export found; {TELL}"))
    result = apart(doc, limit=60)
    left, right = (found(output(result, name)) for name in ("left", "right"))
    assert result.code == 0 and left["right"] == right["mine"] != left["mine"] == right["left"], result


@pytest.mark.each_version
@pytest.mark.dns
def test_a_name_is_that_of_the_attempt_that_lives(apart):
    """And of nobody, once the last has ended. Who looks for it was there before all of them."""
    gone = "until ping -c 1 -W 1 again 2>&1 | grep -q 'bad address'; do sleep 0.1; done"
    doc = beside(step("looks", f"nc -l -p 99; {HEAR.format('again')}; {HEAR.format('again')}; {gone}; echo gone"),
                 step("there", HEAR.format("looks")),
                 step("again", f"{MINE}; export found=$(hostname); {TELL}; exit 3", depends_on=["there"],
                      retry={"attempts": 2, "on": ["exit"]}, ignore_err=True))
    result = apart(doc, limit=90)
    assert output(result, "looks").split() == ["again", "again", "gone"], result
    assert len(set(output(result, "again").split()[1::2])) == 2, result


def test_a_cluster_without_dns(kube):
    """No Service is made, nothing of it is in a pod, and no right is needed for it."""
    kube.namespace.allow(RULES)
    running = kube.start(document(step("a", "cat /etc/resolv.conf; hostname; echo up; sleep 2"), services=[step("s", SERVICE)]),
                         f"{LAYOUT} --kube-cluster-domain none")
    running.line("up\\n")
    assert kube.namespace.services() == []
    result = running.finish()
    said = output(result, "a").splitlines()
    assert result.code == 0 and said[-2] == f"plr-{result.ended['run']}-s1" and "plr-" not in "".join(said[:-2]), result


def test_a_service_without_the_right(kube):
    """Two services on one port choose the layout by themselves: the document is refused, with what can be done."""
    kube.namespace.allow(RULES)
    result = kube(read("7_redis_multi"))
    said = result.stderr + result.text
    assert result.code == 2 and kube.namespace.pods() == [], result
    assert "resources: [services], verbs: [create]" in said and "--kube-cluster-domain none" in said, result
    assert kube(read("1_hello_world"), LAYOUT).code == 0, "steps in a row need no Service"
    kube.namespace.allow(APART)
    assert kube(read("7_redis_multi"), limit=120).code == 0


def test_a_service_that_is_refused(kube, proxy):
    """By what no right tells, a quota for one: the run fails, and says what does without."""
    proxy.change("POST", r".*/services$", lambda body: body.replace(b'"None"', b'"none"'))
    result = kube(beside(step("a", SERVICE), step("b", SERVICE)), LAYOUT)
    assert result.code == 2, result
    assert "the Service by which steps find each other cannot be created" in result.text, result
    assert "--kube-cluster-domain none" in result.text, result


def test_who_owns_the_service_is_spared_as_long_as_the_run_goes_on(kube):
    """Its pod is over, but its deadline moves on: others that sweep leave it there."""
    running = kube.start(beside(step("short"), step("long", "echo up; nc -l -p 99")),
                         f"{LAYOUT} --on-loss keep --keep 4s")
    running.line("up\\n")
    running.line(lambda line: '"step":"short"' in line and '"end":' in line)
    [made] = kube.namespace.services()
    [owner] = made["metadata"]["ownerReferences"]

    def deadline():
        return int(kube.namespace.get(f"pods/{owner['name']}")["metadata"]["annotations"]["pipeline-runtime.io/deadline"])
    before = deadline()
    wait_for(lambda: deadline() > before + 2, 20)
    running.signal()
    assert running.finish().code == 130


@pytest.mark.each_version
def test_debug_prints_what_the_server_takes(cluster, kube, tmp_path):
    doc = beside(*[step(name, volumes=[{"name": "v", "path": "/v"}]) for name in "ab"],
                 volumes=[{"metadata": {"name": "v"}, "temp": {}}])
    shown = kube(doc, f"{LAYOUT} --kube-debug")
    (tmp_path / "objects.yml").write_text(shown.text)
    said = cluster.kubectl("-n", kube.namespace.name, "apply", "--dry-run=server", "-f", str(tmp_path / "objects.yml"))
    assert said.count("pod/plr-") == 3 and "persistentvolumeclaim/plr-" in said and "service/plr-" in said, said
