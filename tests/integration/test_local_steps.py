# SPDX-License-Identifier: MIT
"""Steps on the local backend, from hello world to an engine that is killed, as root and as an ordinary user. They run on
the view of this machine and in its network, unless a test is about something else."""
import hashlib
import os
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest

from cgroups import cgroups_named
from docker_steps import document, end, output, step, warnings

HOST = "--rootfs host --network host"


def temp(name, **fields):
    return {"metadata": {"name": name}, "temp": fields}


def host(name, path):
    return {"metadata": {"name": name}, "host": {"path": str(path)}}


@pytest.fixture
def run(local):
    """run(document, flags): and nothing of the run may be left."""
    def call(doc, flags="", **kwargs):
        result = local(doc, f"{HOST} {flags}", **kwargs)
        assert leftovers(local) == [], result
        return result

    call.start = lambda doc, flags="", **kwargs: local.start(doc, f"{HOST} {flags}", **kwargs)
    call.local = local
    return call


def leftovers(local):
    """Folders of runs, and what is mounted below the store."""
    runs = local.store / "runs"
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if str(local.store) in line]
    return (sorted(p.name for p in runs.iterdir()) if runs.exists() else []) + mounts


def running(words):
    """The processes of this machine, in whatever namespace, that have WORDS in their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if words in (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace") \
                    and (folder / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
                found.append(folder.name)
        except OSError:
            pass
    return [pid for pid in found if pid != str(os.getpid())]


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def test_hello_world(run):
    result = run(document(step("hello", "echo hello world; echo oops >&2")))
    assert (result.code, output(result, "hello"), output(result, "hello", "stderr")) == (0, "hello world\n", "oops\n")


@pytest.mark.once
def test_steps_follow_one_another(run):
    result = run(document(*(step(f"s{i}", f"echo {i}") for i in range(10))))
    assert result.code == 0
    assert "".join(e["text"] for e in result.events if e["event"] == "output") == "".join(f"{i}\n" for i in range(10))


def test_what_a_step_writes_is_gone_for_the_next(run):
    result = run(document(step("a", "echo here >/left; cat /left"), step("b", "cat /left 2>&1 || true")))
    assert output(result, "a") == "here\n" and "No such file" in output(result, "b")
    assert not Path("/left").exists()


def test_output_is_byte_exact(run):
    result = run(document(step("a", r"printf '\000\001\377\n'; printf 'no newline'")))
    assert result.output("a") == b"\0\1\xff\nno newline"


@pytest.mark.once
def test_20_mb(run):
    script = "/usr/bin/python3 -c \"import sys, hashlib\nh = hashlib.sha256()\nfor i in range(20):\n" \
             " b = (str(i).rjust(1023) + '\\\\n').encode() * 1024\n h.update(b); sys.stdout.buffer.write(b)\n" \
             "print(h.hexdigest(), file=sys.stderr)\""
    result = run(document(step("big", script)), limit=280)
    data = result.output("big", "stdout")
    assert len(data) == 20 << 20
    assert hashlib.sha256(data).hexdigest() == output(result, "big", "stderr").strip()


@pytest.mark.parametrize("script, reason, code, number", [
    ("exit 3", "exit", 3, None), ("exit 255", "exit", 255, None), ("exit 137", "exit", 137, None),
    ("kill -9 $$", "signal", 137, 9), ("kill -TERM $$", "signal", 143, 15), ("kill -SEGV $$", "signal", 139, 11)])
def test_how_a_step_ends(run, script, reason, code, number):
    result = run(document(step("a", script)))
    got = end(result, "a")
    assert result.code == 1
    assert (got["reason"], got["exit_code"], got.get("signal")) == (reason, code, number)


def test_a_command_that_is_not_there_or_cannot_run(run):
    result = run(document(step("none", command=["nope"], ignore_err=True), step("dir", command=["/etc"], ignore_err=True)))
    assert (result.code, end(result, "none")["exit_code"], end(result, "dir")["exit_code"]) == (0, 127, 126)
    assert end(result, "none")["message"] == 'exec: "nope": executable file not found in $PATH'


def test_a_timeout_is_a_term_with_a_grace(run):
    """Both have set their traps when their time is over: they have a few seconds for that."""
    result = run(document(step("nice", "trap 'echo bye; exit 4' TERM; echo up; sleep 100 & wait", timeout="4s")), "--grace 1h")
    assert end(result, "nice")["reason"] == "timeout" and output(result, "nice") == "up\nbye\n", result
    result = run(document(step("deaf", "trap '' TERM; echo up; while :; do sleep 1; done", timeout="4s")), "--grace 1s")
    assert end(result, "deaf")["reason"] == "timeout" and result.seconds > 5, result


def test_cancel_while_it_runs(run):
    going = run.start(document(step("a", "trap 'echo term; exit 1' TERM; echo up; sleep 100 & wait"), step("b"),
                               step("always", "echo cleans", run_policy="always")))
    going.line("up\\n")
    going.signal(signal.SIGINT)
    result = going.finish()
    assert (result.code, end(result, "a")["reason"], end(result, "b")["reason"]) == (130, "cancelled", "skipped")
    assert output(result, "a") == "up\nterm\n" and output(result, "always") == "cleans\n"
    assert leftovers(run.local) == []


def test_a_second_cancel_kills(run):
    going = run.start(document(step("a", "trap '' TERM; echo up; while :; do sleep 1; done")))
    going.line("up\\n")
    going.signal(signal.SIGINT)
    going.line('"stopping"')
    going.signal(signal.SIGINT)
    assert going.finish().code == 130
    assert leftovers(run.local) == []


@pytest.mark.once
@pytest.mark.parametrize("delay", [0, 0.02, 0.05, 0.1, 0.2])
def test_cancel_at_any_time(run, delay):
    going = run.start(document(*(step(f"s{i}", "sleep 0.05") for i in range(20))))
    going.line("run-started")
    time.sleep(delay)
    going.signal(signal.SIGTERM)
    assert going.finish().code == 143
    assert leftovers(run.local) == []


def test_volumes(run):
    folder = run.local.home / "there"
    folder.mkdir()
    folder.chmod(0o777)
    mounts = [{"name": name, "path": f"/{name}"} for name in ("disk", "mem", "host")]
    result = run(document(step("w", "for v in disk mem host; do echo $v >/$v/f; done; grep -c ' /mem tmpfs' /proc/mounts", volumes=mounts),
                          step("r", "cat /disk/f /mem/f /host/f", volumes=mounts),
                          volumes=[temp("disk"), temp("mem", medium="memory", size_limit=1 << 20), host("host", folder)]))
    assert (result.code, output(result, "w"), output(result, "r")) == (0, "1\n", "disk\nmem\nhost\n"), result
    assert (folder / "f").read_text() == "host\n"


def test_a_missing_host_folder_is_made_and_said(run):
    there = run.local.home / "made" / "deep"
    run.local.home.chmod(0o777)
    doc = document(step("a", "echo hi >/h/f", volumes=[{"name": "h", "path": "/h"}]), volumes=[host("h", there)])
    result = run(doc)
    assert (result.code, (there / "f").read_text()) == (0, "hi\n"), result
    assert any(str(there) in text and "did not exist" in text for text in warnings(result))


def test_files_a_folder_and_a_user(run):
    user = {"user": "1000:5"} if run.local.user == "root" else {}
    doc = document(step("a", "stat -c '%a %u' /made/x /plain; od -An -tx1 /made/x | tr -d ' '; pwd; id -u", working_dir="/new/one",
                        docker=user, files=[{"name": "x", "path": "/made/x", "mode": 0o755}, {"name": "x", "path": "/plain"}]),
                   files=[{"metadata": {"name": "x"}, "data": "AAH/Cg=="}])
    result = run(doc)
    uid = 1000 if user else 0
    assert (result.code, output(result, "a")) == (0, f"755 {uid}\n644 {uid}\n0001ff0a\n/new/one\n{uid}\n"), result


@pytest.mark.once
def test_the_order_of_environments(run):
    """Host, document, secret, late: the later ones win."""
    doc = document(step("a", "echo $A $B $C; env | grep -c '^A='", environment={"A": "own", "C": "own"},
                        secrets=[{"name": "s", "env": "C"}]),
                   secrets=[{"metadata": {"name": "s"}, "data": "secret-word"}],
                   hooks={"always": [step("hook", "echo $PIPELINE_RESULT")]})
    result = run(doc, "--env A=host --env B=host")
    assert output(result, "a") == "own host ******\n1\n" or output(result, "a").startswith("own host *"), result
    assert output(result, "hook") == "passed\n"


def test_services_and_detached_steps(run):
    serve = step("late", "sleep 0.3; echo up; trap 'echo bye; exit 0' TERM; sleep 100 & wait", ready={"log": "up"})
    doc = document(step("bg", "trap 'exit 0' TERM; sleep 100 & wait", detach=True), step("a", "echo works"), services=[serve])
    result = run(doc)
    assert (result.code, output(result, "a")) == (0, "works\n"), result
    assert end(result, "late")["reason"] == end(result, "bg")["reason"] == "stopped"
    assert output(result, "late") == "up\nbye\n"
    kinds = [e.get("text") for e in result.events if e["event"] == "output"]
    assert kinds.index("up\n") < kinds.index("works\n")


def test_a_detached_command_is_pid_1_and_needs_no_grace(run):
    """Exec'd in place: signals reach it, and one that does not care for SIGTERM ends at once all the same."""
    catches = step("catches", "trap 'echo term $$; exit 3' TERM; echo up $$; sleep 100 & wait", detach=True, ready={"log": "up"})
    blocks = step("blocks", command=["/usr/bin/python3", "-c", "import signal\n"
                                     "signal.pthread_sigmask(signal.SIG_BLOCK, [15]); print('up', flush=True)\n"
                                     "print('got', signal.sigwait([15]).value)"], detach=True, ready={"log": "up"})
    sleeps = step("sleeps", command=["sleep", "100"], detach=True)
    result = run(document(catches, blocks, sleeps, step("a")), "--grace 1h")  # nobody waits for it
    assert result.code == 0, result
    assert (output(result, "catches"), output(result, "blocks")) == ("up 1\nterm 1\n", "up\ngot 15\n")
    ends = {name: (end(result, name)["reason"], end(result, name)["exit_code"]) for name in ("catches", "blocks", "sleeps")}
    assert ends == {"catches": ("stopped", 3), "blocks": ("stopped", 0), "sleeps": ("stopped", 137)}


def test_a_detached_command_that_is_not_there(run):
    result = run(document(step("none", command=["nope"], detach=True), step("a", "sleep 3")))
    got = end(result, "none")
    assert (result.code, got["exit_code"], got["message"]) == (1, 127, 'exec: "nope": executable file not found in $PATH'), result


@pytest.mark.once
@pytest.mark.parametrize("ready, good", [({"exec": ["/bin/true"]}, True), ({"exec": ["/bin/false"], "timeout": "1s"}, False),
                                         ({"tcp": 1, "timeout": "1s"}, False)])
def test_readiness(run, ready, good):
    serve = step("s", "trap 'exit 0' TERM; sleep 100 & wait", ready=ready)
    result = run(document(step("a"), services=[serve]))
    assert result.code == (0 if good else 1), result
    assert end(result, "s")["reason"] == ("stopped" if good else "not-ready")


def test_50_what_a_step_leaves_behind_ends_with_it(run):
    """A child of a child keeps stdout open and would outlive the step."""
    word = f"9{os.getpid()}.5"
    result = run(document(step("a", f"(setsid sleep {word} &) ; echo done"), step("b", "echo next")))
    assert (result.code, output(result, "b")) == (0, "next\n")
    assert running(f"sleep {word}") == []


def test_a_fork_bomb_meets_its_limit(run):
    script = "i=0; while [ $i -lt 100 ]; do sleep 30 & i=$((i+1)); done; echo went through"
    result = run(document(step("bomb", script, resources={"limits": {"pids": 50}}), step("after", "echo fine", run_policy="always")))
    assert output(result, "after") == "fine\n", result
    # Where nothing can hold it, that is said.
    if run.local.user == "root" or not any("pids" in text for text in warnings(result)):
        assert "went through" not in output(result, "bomb"), result


def test_oom_is_told_apart(run):
    eat = "/usr/bin/python3 -c 'x = bytearray(400 << 20)'"
    result = run(document(step("eats", eat, resources={"limits": {"memory": 64 << 20}})))
    got = end(result, "eats")
    if any("memory" in text for text in warnings(result)):
        assert run.local.user != "root", result
        return
    assert (result.code, got["reason"], got["oom"]) == (1, "oom", True), result


def test_the_use_of_resources_is_in_the_end(run):
    result = run(document(step("a", "/usr/bin/python3 -c 'x = bytearray(50 << 20); [i for i in range(10**6)]'")))
    usage = end(result, "a")["usage"]
    assert usage["cpu_user_us"] > 1000 and usage["memory_peak"] > 50 << 20


@pytest.mark.parametrize("delay", [0, 0.05, 0.1, 0.3, 1])
def test_kill_9_of_the_engine_leaves_nothing(run, delay):
    word = f"9{os.getpid()}.{int(delay * 100) + 100}"
    going = run.start(document(*(step(f"s{i}", "true") for i in range(3)), step("long", f"sleep {word}")))
    going.line("run-started")
    time.sleep(delay)
    going.kill()
    going.finish(check=False)
    wait_until(lambda: running(f"sleep {word}") == [] and running(str(run.local.store)) == [])
    run.local.command_line(["--backend", "local", "--store", run.local.store, "sweep"])
    assert leftovers(run.local) == []


def test_kill_9_of_the_sandbox_is_an_infrastructure_failure(run):
    going = run.start(document(step("a", "echo up; sleep 100")))
    going.line("up\\n")
    [folder] = (run.local.store / "runs").iterdir()
    os.kill(int(os.readlink(folder / "sandbox")), signal.SIGKILL)
    result = going.finish()
    assert (result.code, end(result, "a")["reason"]) == (3, "lost"), result
    assert leftovers(run.local) == []


def test_a_living_run_is_spared_by_a_sweep_and_ended_by_its_name(run):
    going = run.start(document(step("a", "echo up; sleep 100")))
    going.line("up\\n")
    [folder] = (run.local.store / "runs").iterdir()
    sweep = ["--backend", "local", "--store", run.local.store, "sweep"]
    assert "nothing to remove" in run.local.command_line(sweep).text
    assert folder.name in run.local.command_line([*sweep, "--run", folder.name]).text
    assert going.finish().code == 3
    assert leftovers(run.local) == []


def test_kept_on_failure(run):
    """What is printed works as it stands, for whoever ran the pipeline; nothing of it is a secret, and it can be removed."""
    doc = document(step("it fails", "echo look >/tmp/here; rm /etc/passwd; mkdir -m 700 /tmp/own; cat >/disk/f </made; exit 1",
                        volumes=[{"name": "disk", "path": "/disk"}, {"name": "mem", "path": "/mem"}], working_dir="/deep/down",
                        files=[{"name": "f", "path": "/made"}], secrets=[{"name": "s", "env": "S"}],
                        resources={"limits": {"pids": 50}}),
                   volumes=[temp("disk"), temp("mem", medium="memory")], files=[{"metadata": {"name": "f"}, "data": "ZmlsZQo="}],
                   secrets=[{"metadata": {"name": "s"}, "data": "secret-word"}])
    result = run.local(doc, f"{HOST} --keep-on-failure")
    assert result.code == 1 and "kept: folder" in result.stderr, result
    [folder] = (run.local.store / "runs").iterdir()
    kept = result.stderr.split("kept: folder")[1].splitlines()
    look, sweep = [shlex.split(line, comments=True) for line in kept if line.startswith("    ")]
    assert 'a shell in step "it fails"' in result.stderr and sweep[0] == "pipeline-runtime"

    script = b"pwd; cat /tmp/here /disk/f; ls -d /tmp/own /mem; cat /etc/passwd || echo no users; echo new >>/tmp/here\n" \
             b"tr '\\0' '\\n' </proc/1/environ; echo $$"
    for here in ("look\n", "look\nnew\n"):
        seen = subprocess.run([*run.local.command[:-1], *look], input=script, capture_output=True, timeout=60, cwd="/",
                              env=os.environ | run.local.own)
        text = seen.stdout.decode()
        assert (seen.returncode, text.startswith(f"/deep/down\n{here}file\n/mem\n/tmp/own\nno users\n")) == (0, True), (text, seen.stderr)
        assert "secret-word" not in text and text.endswith("\n1\n")
    assert all(b"secret-word" not in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for folders, groups in ((1, None), (0, [])):
        assert len(leftovers(run.local)) == folders
        assert groups is None or cgroups_named(f"plr-{folder.name}") == groups
        run.local.command_line(sweep[1:])


@pytest.mark.once
def test_all_that_is_wrong_is_said_at_once(run):
    doc = document(step("a", image="UPPER:case", docker={"networks": ["n"], "network": "bridge"},
                        files=[{"name": "x", "path": "/proc/x"}, {"name": "x", "path": "/m/x"}],
                        volumes=[{"name": "m", "path": "/m"}, {"name": "sock", "path": "/s"}]),
                   files=[{"metadata": {"name": "x"}, "data": ""}],
                   volumes=[temp("m", medium="memory"), host("sock", "/nowhere/docker.sock")], platform={"arch": "s390x"})
    result = run(doc)
    assert result.code == 2, result
    for word in ("UPPER", "only Docker has networks", "Docker's own", "/proc", "memory volume", "no socket", "s390x"):
        assert word in result.stderr, word


def test_privileged_is_refused_unless_allowed(run):
    doc = document(step("a", docker={"privileged": True}))
    assert (run(doc).code, "privileged" in run(doc).stderr) == (2, True)


@pytest.mark.once
def test_an_image_that_is_not_to_be_had(local):
    doc = document(step("a", "echo on the view", image="127.0.0.1:1/nothing:1"), step("b", "echo too", image="127.0.0.1:1/nothing:1"))
    result = local(doc, "--network host --rootfs auto")
    assert (result.code, output(result, "a"), output(result, "b")) == (0, "on the view\n", "too\n"), result
    assert len([text for text in warnings(result) if "copy-on-write view" in text]) == 1
    result = local(doc, "--network host --rootfs image")
    assert (result.code, end(result, "a")["reason"]) == (3, "infrastructure"), result
    never = document(step("a", image="nothing:1", docker={"pull_policy": "never"}))
    result = local(never, "--network host --rootfs auto")
    assert (result.code, end(result, "a")["reason"]) == (1, "image"), result


@pytest.mark.once
def test_without_docker_local_is_chosen_and_says_why(local):
    result = local.command_line(["--store", local.store, "--network", "host", "run", "-"], document=document(step("a", "echo hi")),
                                env={"DOCKER_HOST": None})
    assert "local backend:" in result.stderr and result.code in (0, 1), result
    result = local.command_line(["run", "-"], document=document(step("a")), env={"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    assert result.code == 3 and "local backend" not in result.stderr, result


def test_few_descriptors_are_an_error_and_no_hang(run):
    result = run(document(*(step(f"s{i}", "true") for i in range(30))), wrap=["prlimit", "--nofile=12:4096"])
    assert result.code == 3 and "Too many open files" in result.stderr, result


def test_too_few_descriptors_for_all_at_once(run):
    """Some run, and what would have helped is said."""
    many = [step(f"s{i}", "sleep 1", depends_on=["first"]) for i in range(40)]
    result = run(document(step("first"), *many), wrap=["prlimit", "--nofile=100:4096"])
    reasons = [end(result, f"s{i}")["reason"] for i in range(40)]
    assert result.code == 3 and {"exit", "infrastructure"} == set(reasons), result
    assert reasons.count("exit") >= 25, "it takes more than three for each"
    assert "this process may have 100 (ulimit -n), and each step takes three" in result.stderr, result
