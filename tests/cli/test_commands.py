# SPDX-License-Identifier: MIT
"""What each command says and ends with, on the fake backend."""
import json
import os
import re
import select
import signal
import subprocess
import time
from pathlib import Path

import jsonschema
import pytest
from conftest import TOP, pipeline, step

COMMANDS = ["run", "validate", "graph", "schema", "ps", "stop", "sweep", "image", "version", "completion"]
HANG = pipeline(step("wait", "out begun; hang"))


@pytest.mark.parametrize("command", COMMANDS)
def test_help(cli, command):
    """Each has help with an example, within 80 columns, by both ways to ask for it."""
    result = cli(f"{command} --help")
    assert result.code == 0 and result.stderr == ""
    assert result.text.startswith(f"Usage: pipeline-runtime {command}")
    assert f"\nExample:\n  pipeline-runtime {command}" in result.text
    assert "--help" in result.text
    assert max(len(line) for line in result.text.splitlines()) <= 80
    assert cli(f"help {command}").text == result.text


def test_overview(cli):
    result = cli("--help")
    assert result.code == 0
    listed = re.findall(r"^  (\w+) {2,}", result.text, re.M)
    assert listed == COMMANDS
    assert cli("").text == result.text


def test_version(cli):
    assert re.match(r"pipeline-runtime \d+\.\d+\.\d+\nbackends:.* fake", cli("--version").text)


@pytest.mark.parametrize("does, code", [
    ("exit 0", 0), ("exit 5", 1), ("signal 9", 1), ("oom", 1), ("lost", 3), ("evicted", 3),
    ("fail-start infrastructure the daemon is away", 3), ("fail-prepare image no such image", 1),
    ("fail-start configuration no such user", 1),
])
def test_exit_codes(fake, does, code):
    result = fake(pipeline(step("one", does)))
    assert result.code == code, result


def test_a_backend_that_is_not_there(cli, tmp_path):
    """Those that are there are named."""
    path = tmp_path / "p.json"
    path.write_text(json.dumps(pipeline(step("one", "exit 0"))))
    result = cli(f"--backend fakee {path}")
    assert result.code == 2 and re.search(r'no backend "fakee" in .*; there are .*fake', result.stderr), result


def test_a_file_is_run_without_a_command(cli, tmp_path):
    path = tmp_path / "p.json"
    path.write_text(json.dumps(pipeline(step("one", "out hello"))))
    for args in (f"--backend fake {path}", f"-b fake run {path}", f"run {path} --backend=fake", f"-timeout 1h {path} -b fake"):
        result = cli(args)
        assert (result.code, result.text) == (0, "one | hello\n"), result


@pytest.mark.parametrize("args, code, message", [
    ("run", 2, "run needs more: pipeline-runtime run [options] FILE"),
    ("run a b", 2, '"b" is one too many'),
    ("run nowhere.json", 2, "cannot open nowhere.json: No such file or directory"),
    ("vlidate", 2, 'there is no command and no file "vlidate"; did you mean validate?'),
    ("help vlidate", 2, 'there is no command "vlidate"; did you mean validate?'),
    ("help quite-another", 2, 'there is no command "quite-another"'),
    ("run --tiemout 1h x", 2, "there is no option --tiemout; did you mean --timeout?"),
    ("run --timeout soon x", 2, '--timeout is a duration like 1h30m, 90s or 250ms, not "soon"'),
    ("run --output loud x", 2, '--output is one of auto, plain, pretty, json, not "loud"'),
    ("run --forbid fun x", 2, "--forbid is one of privileged, host-network"),
    ("run --volume data x", 2, "--volume data needs a path: NAME=PATH"),
    ("run --volume data=/nowhere/at/all x", 2, "--volume: /nowhere/at/all: No such file"),
    ("run --env NOT_THERE x", 2, "--env NOT_THERE: there is no such variable here"),
    ("run --secret token=env:NOT_THERE x", 2, "--secret token: there is no variable NOT_THERE here"),
    ("stop nothing", 2, 'no run "nothing" is going on here'),
    ("completion tcsh", 2, "completion is for bash, zsh and fish"),
])
def test_mistakes(cli, args, code, message):
    result = cli(args)
    assert result.code == code and message in result.stderr and result.text == "", result


def test_a_backend_that_is_not_there(cli):
    result = cli("run --backend nonsense -", pipeline(step("one", "exit 0")))
    assert result.code == 2 and "nonsense" in result.stderr, result


@pytest.mark.parametrize("given", ["token=hunter2", "token=", "token", "token=ENV:X"])
def test_a_secret_on_the_command_line_is_refused(cli, given):
    result = cli(["run", "--secret", given, "-"], HANG)
    assert result.code == 2 and "token=env:VARIABLE or token=file:PATH" in result.stderr, result
    assert "hunter2" not in result.stderr


def test_secrets(fake, tmp_path):
    """They reach the step, and no output shows them."""
    (tmp_path / "key").write_text("from-a-file\n")
    document = pipeline(step("one", "env A; env B", secrets=[{"name": "a", "env": "A"}, {"name": "b", "env": "B"}]))
    result = fake(document, f"--secret a=env:TOKEN --secret b=file:{tmp_path}/key", env={"TOKEN": "from-the-env"})
    assert result.code == 0, result
    assert "from-" not in result.text + result.stderr
    assert len(result.text.splitlines()) == 2
    result = fake(document, "--secret a=env:TOKEN", env={"TOKEN": "x"})
    assert result.code == 2 and '"b"' in result.stderr, result


def test_environment(fake):
    document = pipeline(step("one", "env A; env B"))
    assert fake(document, "--env A=1=2 -e B", env={"B": "b"}).text == "one | 1=2\none | b\n"


def test_invalid_document(cli, tmp_path):
    """All errors at once, each with its place, and nothing is started."""
    path = tmp_path / "p.json"
    path.write_text('{\n  "steps": [\n    {"metadata": {"name": "a"}, "docker": {"imagee": "x"}},\n'
                    '    {"metadata": {"name": "b"}, "depends_on": ["c"], "docker": {"image": "x"}}\n  ]\n}\n')
    for command in ("validate", "run --backend fake", "graph"):
        result = cli(f"{command} {path}")
        assert result.code == 2 and result.text == "", result
        assert re.search(rf'^{path}:3:\d+: error: .*imagee.*did you mean "image"\?', result.stderr, re.M)
        assert re.search(rf"^{path}:4:\d+: error: .*\[/steps/1/depends_on/0\]$", result.stderr, re.M)
        assert "2 errors" in result.stderr


def test_validate(cli, tmp_path):
    (tmp_path / "good.json").write_text(json.dumps(pipeline(step("a", ""), step("b", ""))))
    (tmp_path / "bad.json").write_text("{")
    result = cli("validate good.json bad.json")
    assert result.code == 2 and result.text == "good.json: valid (2 steps)\n", result
    assert cli("validate good.json").code == 0
    assert cli("validate -q good.json").text == ""


def test_validate_knows_secrets_to_come(cli):
    document = pipeline(step("a", "", secrets=[{"name": "token", "env": "TOKEN"}]))
    assert cli("validate -", document).code == 2
    assert cli("validate --secret token -", document).code == 0
    assert cli("validate --any-secret -", document).code == 0


def test_lenient(cli):
    document = pipeline(step("a", ""), later=1)
    result = cli("validate -", document)
    assert result.code == 2
    result = cli("validate --lenient -", document)
    assert result.code == 0 and "warning:" in result.stderr, result


@pytest.mark.parametrize("form", ["text", "dot", "mermaid", "json"])
def test_graph(cli, form):
    result = cli(f"graph --format {form} -", pipeline(step("first", ""), step("second", "")))
    assert result.code == 0 and "first" in result.text and "second" in result.text, result
    if form == "json":
        json.loads(result.text)


def test_schema(cli):
    schema = json.loads(cli("schema").text)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert "steps" in schema["properties"]
    assert cli("schema --markdown").text.startswith("#")


def test_json_lines(fake):
    """Each line is an event as docs/events.schema.json says; sequence numbers have no gap."""
    validator = jsonschema.Draft202012Validator(json.loads((TOP / "docs/events.schema.json").read_text()))
    document = pipeline(
        step("one", "out hello; err \\xff; part x; exit 0"),
        step("two", "@1 exit 1; exit 0", retry={"attempts": 2}),
        step("three", "signal 9", ignore_err=True),
        step("four", "oom"), step("five", "exit 0"),
        services=[step("service", "out ready; hang")], hooks={"always": [step("hook", "exit 0")]})
    result = fake(document, "--output json")
    assert result.code == 1, result
    events = result.events
    for event in events:
        validator.validate(event)
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["event"] == "run-started" and events[-1]["event"] == "run-ended"
    assert [one["name"] for one in events[0]["steps"]] == ["service", "one", "two", "three", "four", "five", "hook"]
    assert "four: its last lines" not in result.stderr and "1 failed" in result.stderr


def test_summary_in_every_mode(fake):
    document = pipeline(step("good", "exit 0"), step("bad", "out why; exit 4"), step("rest", "exit 0"))
    for options in ("", "--output plain", "--output json", "-q", "-v"):
        result = fake(document, options)
        assert result.code == 1
        assert re.search(r"^  passed +good ", result.stderr, re.M), result
        assert re.search(r"^  failed +bad .* exit code 4$", result.stderr, re.M), result
        assert re.search(r"^  skipped +rest +a step before it failed$", result.stderr, re.M), result
        assert "bad: its last lines were\n    why\n" in result.stderr
        assert "1 passed, 1 failed, 1 skipped" in result.stderr


def test_quiet_and_verbose(fake):
    document = pipeline(step("one", "exit 0"))
    quiet, normal, verbose = (fake(document, options).stderr for options in ("-q", "", "-v"))
    assert "> one" not in quiet and "backend" not in quiet
    assert "> one: running" in normal and "preparing" not in normal
    assert "> one: preparing" in verbose


def test_timestamps(fake):
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z one \| x\n",
                        fake(pipeline(step("one", "out x")), "--timestamps").text)


def test_selection(fake):
    document = pipeline(step("a", "out a"), step("b", "out b"), step("c", "out c"))
    assert fake(document, "--only b").text == "b | b\n"
    assert fake(document, "--only a --only c").text == "a | a\nc | c\n"
    said = fake(document, "--only b").stderr
    assert said.count("not selected") == 1 and "skipped   2 steps not selected" in said, said
    assert fake(document, "--only b -v").stderr.count("not selected") == 3
    assert fake(document, "--from b").text == "b | b\nc | c\n"
    result = fake(document, "--from d")
    assert result.code == 2 and '"d"' in result.stderr, result


def test_log_dir(fake, tmp_path):
    """A file for each attempt, byte for byte."""
    result = fake(pipeline(step("a/b", "@1 out one; @1 exit 1; @2 out two", retry={"attempts": 2}), step("c", "part x")),
                  "--log-dir logs")
    assert result.code == 0, result
    logs = {path.name: path.read_text() for path in (tmp_path / "logs").iterdir()}
    assert logs == {"001-a_b.log": "one\n", "001-a_b.2.log": "two\n", "002-c.log": "x"}


def test_dry_run(fake):
    result = fake(pipeline(step("one", "out must not run")), "--dry-run")
    assert result.code == 0 and "one" in result.text and "one | must not run" not in result.text, result


def test_policy(fake):
    document = pipeline(step("one", "exit 0", docker={"image": "evil/image", "privileged": True}))
    assert fake(document).code == 0
    result = fake(document, "--forbid privileged")
    assert result.code == 2 and "privileged" in result.stderr, result
    assert fake(document, "--allow-image good/*").code == 2
    assert fake(document, "--allow-image evil/*").code == 0


def test_findings_of_a_backend_have_a_place(fake, cli, tmp_path):
    document = tmp_path / "p.json"
    document.write_text('{"steps":[{"metadata":{"name":"a"},\n  "Docker":{"Image":"i:1"}}]}')
    for dry_run in "", "--dry-run":
        result = cli(["run", "--backend", "fake", *dry_run.split(), "--env",
                      "FAKE_CHECK=find /steps/0/docker/image no such thing;find /steps/7 gone", str(document)])
        assert result.code == 2, result
        assert f"{document}:2:21: error: no such thing [/steps/0/docker/image]\n" in result.stderr
        assert f"{document}:1:10: error: gone [/steps/7]\n" in result.stderr


def test_commands_of_backends(cli):
    assert "fake-words" in cli("--help").text
    result = cli("fake-words")
    assert (result.code, "\nsleep\n" in result.text) == (0, True)
    assert cli("fake-words --fake-seed 3").code == 0
    result = cli("fake-words more")
    assert (result.code, '"more" is one too many' in result.stderr) == (2, True)
    result = cli("fake-words --help")
    assert result.text.startswith("Usage: pipeline-runtime fake-words") and "List the words" in result.text
    for shell in "bash", "zsh", "fish":
        assert "fake-words" in cli(f"completion {shell}").text
    assert "did you mean fake-words?" in cli("fake-word").stderr


def test_privileged(fake):
    document = pipeline({**step("a", "out here"), "docker": {"image": "none", "privileged": True}})
    assert fake(document, "--allow-privileged").code == 0
    assert fake(document, "--forbid devices").code == 0
    result = fake(document, "--allow-privileged --forbid privileged")
    assert (result.code, "at once" in result.stderr) == (2, True)


def test_log_limits(fake):
    result = fake(pipeline(step("a", "flood 3000")), "--log-head 1k --log-tail 250")
    assert result.stdout.count(b"....\n") == 12  # ten lines of 100 bytes, and two
    assert b"bytes are left out here" in result.stdout
    result = fake(pipeline(step("a", "")), "--log-head 1x")
    assert (result.code, "4096, 64k, 10M or 1G" in result.stderr) == (2, True)


def test_timeout(fake):
    result = fake(pipeline(step("one", "hang")), "-timeout 100ms --grace 0")
    assert result.code == 1 and "timed out" in result.stderr, result


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupt(cli, number, code):
    """Once is graceful: a hook still runs."""
    running = cli.start("run -b fake -", {**HANG, "hooks": {"always": [step("hook", "out cleaned")]}})
    running.line("begun")
    running.signal(number)
    result = running.finish()
    assert result.code == code and "hook | cleaned" in result.text, result
    assert "once more kills them" in result.stderr and "cancelled after" in result.stderr


def test_interrupt_twice(cli):
    running = cli.start("run -b fake --grace 1h -", pipeline(step("deaf", "ignore-term; out begun; hang")))
    running.line("begun")
    running.signal()
    running.line("once more kills", "stderr")
    running.signal()
    result = running.finish()
    assert result.code == 130 and "interrupted again" in result.stderr, result


def test_closed_stdout(cli):
    """It is told, the run ends gracefully, and the exit code is not that of a success."""
    process = subprocess.Popen([str(cli.program), "run", "-b", "fake", "-"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=cli.environment())
    process.stdout.close()
    document = pipeline(step("one", "out hello; hang"), hooks={"always": [step("hook", "exit 0")]})
    process.stdin.write(json.dumps(document).encode())
    process.stdin.close()
    stderr = process.stderr.read().decode()
    assert process.wait(60) == 3, stderr
    assert "cannot write to stdout: Broken pipe; the run is cancelled" in stderr
    assert re.search(r"^  passed +hook", stderr, re.M)


@pytest.mark.parametrize("output", ["plain", "json"])
def test_full_disk(cli, output):
    with open("/dev/full", "wb") as full:
        process = subprocess.run([str(cli.program), "run", "-b", "fake", "-o", output, "-"], stdout=full, timeout=60,
                                 input=json.dumps(pipeline(step("one", "out x"))).encode(), stderr=subprocess.PIPE,
                                 env=cli.environment())
    assert process.returncode == 3, process.stderr
    assert b"cannot write to stdout: No space left on device" in process.stderr


def test_stdout_that_was_closed_before(cli, tmp_path):
    """Nothing else takes its place, and the run is no success."""
    (tmp_path / "p.json").write_text(json.dumps(pipeline(step("one", "out x"))))
    for command in (f"run -b fake {tmp_path}/p.json", "schema"):
        process = subprocess.run(["sh", "-c", f"exec {cli.program} {command} >&-"], timeout=60, stderr=subprocess.PIPE,
                                 env=cli.environment())
        assert process.returncode == 3 and b"cannot write to stdout: Bad file descriptor" in process.stderr, process


@pytest.mark.parametrize("command", ["schema", "version", "--help"])
def test_full_disk_of_other_commands(cli, command):
    with open("/dev/full", "wb") as full:
        process = subprocess.run([str(cli.program), command], stdout=full, stderr=subprocess.PIPE, timeout=60,
                                 env=cli.environment())
    assert process.returncode == 3 and b"No space left" in process.stderr


def wait_until_stuck(process, writer):
    """Until the pipe has no room and the process sleeps, look after look."""
    asleep, deadline = 0, time.monotonic() + 60
    while asleep < 10:
        assert process.poll() is None and time.monotonic() < deadline
        state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        full = not select.select([], [writer], [], 0.01)[1]
        asleep = asleep + 1 if full and state == "S" else 0
        time.sleep(0.005)


def test_stalled_reader_loses_nothing(cli, tmp_path):
    """The run waits for the reader, who then gets every line; stdout's own flags stay as they were."""
    reader, writer = os.pipe()
    process = subprocess.Popen([str(cli.program), "run", "-b", "fake", "--log-dir", str(tmp_path / "logs"), "-"],
                               stdin=subprocess.PIPE, stdout=writer, stderr=subprocess.PIPE, env=cli.environment())
    process.stdin.write(json.dumps(pipeline(step("one", "flood 50000"))).encode())
    process.stdin.close()
    wait_until_stuck(process, writer)
    size = (tmp_path / "logs" / "001-one.log").stat().st_size
    assert 0 < size < 500_000, "the engine went on without the reader"
    assert os.get_blocking(writer)
    os.close(writer)
    lines = open(reader, "rb").read().splitlines()
    stderr = process.stderr.read().decode()
    assert process.wait(60) == 0, stderr
    assert len(lines) == 50000 and all(line.startswith(b"one | ") for line in lines)


def test_stalled_reader_can_be_interrupted(cli):
    reader, writer = os.pipe()
    process = subprocess.Popen([str(cli.program), "run", "-b", "fake", "-"], stdin=subprocess.PIPE, stdout=writer,
                               stderr=subprocess.PIPE, env=cli.environment())
    process.stdin.write(json.dumps(pipeline(step("one", "flood 50000; hang"))).encode())
    process.stdin.close()
    wait_until_stuck(process, writer)
    os.close(writer)
    process.send_signal(signal.SIGINT)
    assert b"interrupted" in process.stderr.readline() + process.stderr.readline() + process.stderr.readline() + \
        process.stderr.readline()
    open(reader, "rb").read()
    assert process.wait(60) == 130


def runs(cli):
    return [line.split() for line in cli("ps").text.splitlines()[1:]]


def test_ps_and_stop(cli):
    running = cli.start("run -b fake -", HANG)
    running.line("begun")
    [[run, pid, _, backend, document]] = runs(cli)
    assert int(pid) == running.pid and (backend, document) == ("fake", "-")
    result = cli(f"stop {run[:6]}")
    assert result.code == 0 and f"run {run} has ended" in result.text, result
    assert running.finish().code == 143
    assert runs(cli) == []
    assert cli(f"stop {run}").code == 2


def test_stop_waits_no_longer_than_told_and_insists(cli):
    running = cli.start("run -b fake --grace 1h -", pipeline(step("deaf", "ignore-term; out begun; hang")))
    running.line("begun")
    [[run, *_]] = runs(cli)
    result = cli(f"stop --timeout 200ms {run}")
    assert result.code == 3 and "has not ended yet" in result.stderr, result
    running.line("once more kills", "stderr")  # two signals that come at once are one
    assert cli(f"stop {run}").code == 0
    assert running.finish().code == 143


def test_stale_runs_are_removed_and_never_signalled(cli, tmp_path):
    """A file of a run that was killed; its pid may belong to another process by now."""
    running = cli.start("run -b fake -", HANG)
    running.line("begun")
    [[run, *_]] = runs(cli)
    path = tmp_path / "runtime" / "pipeline-runtime" / run
    text = path.read_text()
    running.kill()
    running.finish()
    assert path.exists()
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        path.write_text(re.sub(r"^pid .*", f"pid {bystander.pid}", text, flags=re.M))
        assert cli(f"stop {run}").code == 2
        assert not path.exists() and bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_folder_of_somebody_else_is_not_trusted(cli, tmp_path):
    folder = tmp_path / "runtime" / "pipeline-runtime"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    result = cli("ps")
    assert result.code == 3 and "others may write it" in result.stderr, result
    assert cli("run -b fake -", pipeline(step("one", "exit 0"))).code == 0
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script(cli, shell, tmp_path):
    script = cli(f"completion {shell}").text
    path = tmp_path / "script"
    path.write_text(script)
    subprocess.run([shell, "-n", str(path)], check=True, timeout=60)
    for command in COMMANDS:
        assert command in script
    assert "fake-seed" in script and "max-parallel" in script


@pytest.mark.parametrize("line, wanted, unwanted", [
    ("va", ["validate"], ["--lenient"]),
    ("--net", ["--network"], []),
    ("run --output ", ["plain", "pretty", "json"], ["--env"]),
    ("graph --", ["--format", "--help"], ["--env"]),
    ("graph p", ["pipeline.json"], []),
    ("run --fake-s", ["--fake-seed"], []),
])
def test_bash_completes(cli, tmp_path, line, wanted, unwanted):
    (tmp_path / "script").write_text(cli("completion bash").text)
    (tmp_path / "pipeline.json").write_text("")
    words = ["pipeline-runtime", *line.split(" ")]
    program = "\n".join([". ./script", f"COMP_WORDS=({' '.join(repr(word) for word in words)})",
                         f"COMP_CWORD={len(words) - 1}", "_pipeline_runtime", 'printf "%s\\n" "${COMPREPLY[@]}"'])
    done = subprocess.run(["bash", "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    got = done.stdout.split()
    assert set(wanted) <= set(got) and not set(unwanted) & set(got), done


@pytest.mark.parametrize("line, wanted, unwanted", [
    ("va", ["validate"], ["graph"]),
    ("run --output ", ["json", "plain"], []),
    ("graph --f", ["--format"], ["--env"]),
    ("--fake-s", ["--fake-seed"], []),
])
def test_fish_completes(cli, tmp_path, line, wanted, unwanted):
    (tmp_path / "script").write_text(cli("completion fish").text)
    done = subprocess.run(["fish", "-c", f"source script; complete -C 'pipeline-runtime {line}'"], cwd=tmp_path,
                          capture_output=True, text=True, timeout=60, env=cli.environment())
    got = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert set(wanted) <= set(got) and not set(unwanted) & set(got), done


def test_ten_thousand_steps(fake):
    """Neither time nor memory runs away."""
    document = pipeline(*(step(f"s{i}", "out x", depends_on=[f"s{i // 2}"] if i else []) for i in range(10000)))
    before = sum(os.times()[2:4])
    result = fake(document, "-q")
    assert result.code == 0 and len(result.text.splitlines()) == 10000, result
    assert sum(os.times()[2:4]) - before < 20, "of a processor: others may be busy, too"


def test_sweep_finds_nothing(cli):
    result = cli("sweep --backend fake --older-than 1h --dry-run")
    assert (result.code, result.text) == (0, "nothing to remove\n"), result
