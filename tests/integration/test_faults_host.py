# SPDX-License-Identifier: MIT
"""Faults on our own side of a real daemon: a host that takes no output, an engine that is interrupted or killed in
the worst moment, descriptors, disk and clock. The numbers are those of the list of faults."""
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from docker_steps import document, end, output, step
from peer import HOLD

DEAF = "trap '' TERM; echo up; while :; do sleep 0.1; done"


def wait_for(what, seconds=60):
    """Looks until WHAT is true, and gives it back."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
    return found


def sweep(pipeline_runtime, docker, *flags, **kwargs):
    return pipeline_runtime(["sweep", "--backend", "docker", "--docker-host", docker.host, *flags], **kwargs)


@pytest.fixture
def start_host(docker, pipeline_runtime):
    """start_host(document, "keep=3"): the host of host.c on the daemon."""
    program = pipeline_runtime.program.parent / "tests/integration/host"
    hosts = []

    def start(doc, *options):
        host = subprocess.Popen([program, docker.host, *options], env=pipeline_runtime.environment(), text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        hosts.append(host)
        host.stdin.write(json.dumps(doc))
        host.stdin.close()
        host.stdin = None  # communicate() would write there
        return host

    yield start
    for host in hosts:
        host.kill()
        host.wait()
        host.stdout.close()
        host.stderr.close()


def run_id(docker):
    [found] = {c["Labels"]["io.pipeline-runtime.run"] for c in docker.containers("io.pipeline-runtime.run")}
    return found


@pytest.mark.daemon("docker-20.10")
def test_18_a_reader_that_stalls_stops_the_step_and_loses_nothing(run, tmp_path):
    """Its own writes tell how far the step has come while nobody reads: a small way, of 32 MiB."""
    blocks = 500
    script = (f"i=0; while [ $i -lt {blocks} ]; do i=$((i+1)); echo $i >/h/n; "
              "head -c 65535 /dev/zero | tr '\\0' x; echo; done")
    doc = document(step("a", script, volumes=[{"name": "h", "path": "/h"}]),
                   volumes=[{"metadata": {"name": "h"}, "host": {"path": str(tmp_path)}}])
    args, env = run.command()
    running = subprocess.Popen(args, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    running.stdin.write(json.dumps(doc).encode())
    running.stdin.close()
    seen = []

    def stands():
        time.sleep(0.3)
        seen.append((tmp_path / "n").read_text() if (tmp_path / "n").exists() else "")
        return len(seen) > 4 and seen[-1] != "" and len(set(seen[-4:])) == 1

    wait_for(stands)
    assert int(seen[-1]) < blocks / 2, "the step was not stopped"
    data = running.stdout.read()
    assert running.wait(60) == 0
    text = "".join(e["text"] for e in map(json.loads, data.splitlines()) if e["event"] == "output")
    assert text == ("x" * 65535 + "\n") * blocks


@pytest.mark.daemon("moby-today")
def test_18_a_sink_that_stalls_for_ever_ends_the_run(start_host):
    host = start_host(document(step("a", "seq 1 100000000")), "stall=1500")
    stdout, stderr = host.communicate(timeout=120)
    events = [json.loads(line) for line in stdout.splitlines()]
    [first] = [e for e in events if e["event"] == "output"]
    ended = events[-1]
    assert (ended["event"], ended["exit_code"]) == ("run-ended", 3), stdout[-2000:] + stderr
    assert "nobody took the output in time" in ended["message"]


@pytest.mark.daemon("docker-20.10")
def test_19_a_log_that_rotates_all_the_time_loses_nothing(docker, peer, pipeline_runtime):
    """Output comes by attach: what the daemon's log driver keeps is no matter."""
    there = peer(docker)

    def tiny_log(body):
        create = json.loads(body)
        create["HostConfig"]["LogConfig"] = {"Type": "json-file", "Config": {"max-size": "10k", "max-file": "2"}}
        return json.dumps(create).encode().ljust(len(body) + 1)

    there.change("POST", "/containers/create", tiny_log)
    running = pipeline_runtime.start(f"--backend docker --docker-host {there.host} --output json run -",
                                     document(step("a", "seq 1 100000; echo up; sleep 1; seq 1 100000")))
    running.line('"up\\n"')
    [container] = docker.containers("io.pipeline-runtime.step")
    log = docker.inspect(container["Id"])["HostConfig"]["LogConfig"]
    assert log == {"Type": "json-file", "Config": {"max-size": "10k", "max-file": "2"}}
    result = running.finish()
    numbers = "".join(f"{n}\n" for n in range(1, 100001))
    assert (result.code, output(result, "a")) == (0, numbers + "up\n" + numbers)
    assert not any(e.get("gap") for e in result.events)


@pytest.mark.daemon("moby-today")
def test_41_third_interrupt_leaves_and_a_sweep_finds_all(docker, peer, pipeline_runtime):
    there = peer(docker)
    there.play("DELETE", "/", HOLD)  # nothing can be removed: two interrupts are not enough
    running = pipeline_runtime.start(f"--backend docker --docker-host {there.host} run --grace 1h -", document(step("a", DEAF)))
    running.line("up")
    for said in ("once more kills them", "once more leaves it behind", "given up: what is left goes with"):
        running.signal(signal.SIGINT)
        running.line(said, stream="stderr")
        if "leaves" in said:
            wait_for(lambda: there.seen("DELETE", "/"))
    result = running.finish()
    assert result.code == 130, result
    left = run_id(docker)
    assert f"sweep --run {left}" in result.stderr, result
    assert sweep(pipeline_runtime, docker, "--run", left).code == 0
    assert docker.leftovers() == []
    assert sweep(pipeline_runtime, docker, "--run", left).code == 0, "and once more, with nothing to do"


def killed(running):
    running.kill()
    running.finish(check=False)


@pytest.mark.once
def test_42_killed_while_it_pulls(docker, bad_registry, run, pipeline_runtime):
    bad_registry.play("GET|HEAD", "/v2/alpine/manifests/", HOLD)
    image = f"127.0.0.1:{bad_registry.port}/alpine:3.6"
    running = run.start(document(step("a", image=image, docker={"pull_policy": "always"}),
                                 volumes=[{"metadata": {"name": "v"}, "temp": {}}]), "--network isolated")
    wait_for(lambda: bad_registry.seen("GET|HEAD", "/v2/alpine/manifests/"))
    assert docker.leftovers() != []
    killed(running)
    bad_registry.behave()
    assert sweep(pipeline_runtime, docker).code == 0
    assert docker.leftovers() == []


@pytest.mark.once
def test_42_killed_while_it_tears_down(docker, peer, pipeline_runtime):
    there = peer(docker)
    there.play("DELETE", "/", HOLD)
    running = pipeline_runtime.start(f"--backend docker --docker-host {there.host} run --network shared -",
                                     document(step("a"), step("b"), volumes=[{"metadata": {"name": "v"}, "temp": {}}]))
    wait_for(lambda: len(there.seen("DELETE", "/")) >= 2)
    killed(running)
    assert docker.leftovers() != []
    assert sweep(pipeline_runtime, docker).code == 0
    assert docker.leftovers() == []


@pytest.mark.daemon("docker-20.10")
def test_43_descriptors_run_out(docker, run, pipeline_runtime):
    """From too few to begin with up to enough: each time a clean word, and what it could not remove a sweep does. The
    shell by which a command that is not installed is started needs eleven itself."""
    codes, words = {}, ""
    for limit in range(12, 40, 2):
        result = run(document(step("a", "echo out"), step("b", "echo put")), wrap=["prlimit", f"--nofile={limit}:{limit}", "--"])
        codes[limit] = result.code
        words += result.stderr
        assert result.code in (0, 1, 3, 127), result
        assert sweep(pipeline_runtime, docker).code == 0
        assert docker.leftovers() == [], result
    assert codes[38] == 0 and 3 in codes.values(), codes
    assert "Too many open files" in words


def on_a_tiny_disk(size, folder):
    """A command that becomes another one in which FOLDER is a file system of SIZE."""
    return ["unshare", "-m", "sh", "-c", f'mount -t tmpfs -o size={size},mode=755 none {folder} && exec "$@"', "sh"]


@pytest.mark.daemon("moby-today")
def test_43_no_room_for_the_folder_of_plr_init(run, pipeline_runtime):
    result = run(document(step("a")), wrap=on_a_tiny_disk("4k", pipeline_runtime.temporary))
    assert result.code == 3, result
    assert "No space left on device" in end(result, "a")["message"], result


@pytest.mark.daemon("moby-today")
def test_43_no_room_for_the_log(run, tmp_path):
    doc = document(step("a", "seq 1 100000; sleep 1000"), step("b", "echo cleaned", run_policy="always"))
    result = run(doc, f"--log-dir {tmp_path} --grace 1s", wrap=on_a_tiny_disk("64k", tmp_path))
    assert result.code == 3 or result.code == 143, result
    assert "No space left on device" in result.stderr, result
    assert end(result, "a")["reason"] == "cancelled", result


@pytest.fixture(scope="session")
def wrong_clock(tmp_path_factory):
    """clock.c: (environment of a command that is told the wrong time, the file that says by how many seconds)."""
    folder = tmp_path_factory.mktemp("clock")
    subprocess.run([os.environ.get("CC", "gcc"), "-shared", "-fPIC", "-O2", "-D_GNU_SOURCE", "-o", folder / "clock.so",
                    Path(__file__).parent / "clock.c"], check=True)
    file = folder / "shift"
    file.write_text("0")
    # The sanitizer wants to be first, but for this.
    asan = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
    return {"LD_PRELOAD": str(folder / "clock.so"), "CLOCK_FILE": str(file), "ASAN_OPTIONS": asan}, file


@pytest.mark.daemon("docker-20.10")
@pytest.mark.parametrize("jump", [86400, -86400], ids=["tomorrow", "yesterday"])
def test_44_the_clock_is_set_while_a_step_runs(run, wrong_clock, jump):
    env, file = wrong_clock
    file.write_text("0")
    doc = document(step("a", "echo up; sleep 1; echo down", timeout="10m"), step("slow", "sleep 60", timeout="1s"), timeout="1h")
    running = run.start(doc, env=env)
    running.line('"up\\n"')
    file.write_text(str(jump))
    result = running.finish()
    times = [e["time"][:10] for e in result.events]
    assert times[0] != times[-1], "the clock was not wrong"
    monotonic = [e["monotonic_ns"] for e in result.events]
    assert monotonic == sorted(monotonic)
    assert (end(result, "a")["reason"], end(result, "slow")["reason"], result.code) == ("exit", "timeout", 1), result
    assert 2e9 < result.ended["duration_ns"] < 3600e9


def test_a_run_that_is_kept_outlives_its_engine(docker, start_host, pipeline_runtime, wrong_clock):
    """on_loss=keep: the step goes on and ends by itself; a sweep spares it until its deadline."""
    host = start_host(document(step("a", "echo up; sleep 2; exit 7"), step("b")), "keep=60")
    while '"output"' not in (line := host.stdout.readline()):
        assert line, host.stderr.read()
    host.send_signal(signal.SIGKILL)
    host.wait()
    [container] = docker.containers("io.pipeline-runtime.step=a")
    assert sweep(pipeline_runtime, docker).code == 0
    assert wait_for(lambda: docker.inspect(container["Id"])["State"]["Status"] == "exited")
    assert docker.inspect(container["Id"])["State"]["ExitCode"] == 7, "it ended by itself"
    assert b"up" in docker.get(f"/containers/{container['Id']}/logs", stdout="1")
    assert sweep(pipeline_runtime, docker).code == 0
    assert docker.containers("io.pipeline-runtime.step=a") != []

    env, file = wrong_clock
    # That of the next step, which may have been made by then, is later.
    deadline = max(int(one["Labels"]["io.pipeline-runtime.deadline"]) for one in docker.containers("io.pipeline-runtime.deadline"))
    file.write_text(str(int(deadline - time.time()) - 60))
    assert sweep(pipeline_runtime, docker, env=env).code == 0
    assert docker.containers("io.pipeline-runtime.step=a") != [], "its deadline is in a minute"
    file.write_text(str(int(deadline - time.time()) + 2))
    assert sweep(pipeline_runtime, docker, env=env).code == 0
    assert docker.leftovers() == []


@pytest.mark.daemon("docker-20.10")
def test_a_run_that_is_kept_ends_when_its_time_is_over(docker, start_host, pipeline_runtime):
    host = start_host(document(step("a", "trap 'echo told; exit 9' TERM; echo up; while :; do sleep 0.1; done"), step("b")), "keep=3")
    while '"output"' not in (line := host.stdout.readline()):
        assert line, host.stderr.read()
    began = time.monotonic()
    host.send_signal(signal.SIGKILL)
    host.wait()
    [container] = docker.containers("io.pipeline-runtime.step=a")
    wait_for(lambda: docker.inspect(container["Id"])["State"]["Status"] == "exited")
    assert time.monotonic() - began > 2.5
    assert docker.inspect(container["Id"])["State"]["ExitCode"] == 9
    assert sweep(pipeline_runtime, docker, "--run", container["Labels"]["io.pipeline-runtime.run"]).code == 0
    assert docker.leftovers() == []


REFUSED = {"docker-20.10": {"nowhere": "no such file"}, "moby-today": {"climbing": "escapes from parent"}}


@pytest.mark.parametrize("kind, link, where", [("absolute", "/there", "/there"), ("climbing", "../../../../../there", "/there"),
                                               ("nowhere", "/nowhere", "/nowhere")])
def test_12_a_files_path_through_a_link_stays_inside(docker, run, kind, link, where):
    """A folder of the image that is a link: the file lies where the link leads to inside the container's root, and
    nowhere on the machine. What a daemon refuses (they differ) is the document's fault, in the daemon's words."""
    name = f"plr-test-{os.getpid()}-marker"
    made = docker.cli("run", "-d", "alpine:3.6", "/bin/sh", "-c", f"mkdir /there; ln -s {link} /link").strip()
    docker.cli("wait", made)
    docker.cli("commit", made, "plr-test-link:1")
    docker.delete(f"/containers/{made}")
    doc = document(step("a", f"cat /link/{name}; ls {where}/{name}", image="plr-test-link:1",
                        files=[{"name": "x", "path": f"/link/{name}"}]),
                   files=[{"metadata": {"name": "x"}, "data": "aGkK"}])
    try:
        result = run(doc)
    finally:
        docker.delete("/images/plr-test-link:1", force="1")
    assert not any((Path(folder) / name).exists() for folder in ("/there", "/nowhere", "/link"))
    if words := REFUSED[docker.name].get(kind):
        assert (end(result, "a")["reason"], result.code) == ("configuration", 1), result
        assert words in end(result, "a")["message"], result
    else:
        assert (result.code, output(result, "a")) == (0, f"hi\n{where}/{name}\n"), result
