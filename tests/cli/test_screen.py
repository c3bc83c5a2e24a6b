# SPDX-License-Identifier: MIT
"""The live view on a real pseudo-terminal, read back through a model of its screen."""
import re

from conftest import pipeline, step
from screen import Screen

GRAPH = pipeline(
    step("prepare", "out getting ready; sleep 300ms"),
    step("build", "out compiling; sleep 500ms; out done compiling", depends_on=["prepare"]),
    step("test", "out " + "a long line of output " * 12 + "; sleep 400ms; exit 3", depends_on=["prepare"]),
    step("deploy-to-production", "out never", depends_on=["build", "test"]))


def test_live_view(terminal):
    """While it runs the steps are shown with states; afterwards output and summary are all that is left."""
    view = terminal(GRAPH)
    view.wait_for("running")
    code, seen = view.finish()
    assert code == 1
    assert "\x1b[J" in seen and re.search(r"waiting", seen)
    screen = Screen(80, 24).feed(seen).text
    assert "prepare              | getting ready\n" in screen
    assert "build                | done compiling\n" in screen
    assert "waiting" not in screen and "running" not in screen
    assert re.search(r"^  failed +test .* exit code 3$", screen, re.M)
    assert screen.count("getting ready") == 1


def test_every_line_of_a_flood_is_there_once(terminal):
    view = terminal(pipeline(step("one", "flood 3000; sleep 200ms; out last")), columns=200)
    code, seen = view.finish()
    screen = Screen(200, 24).feed(seen).text
    assert code == 0
    assert len(re.findall(r"^one \| ", screen, re.M)) == 3001


def test_narrow_and_low(terminal):
    """Forty columns and ten rows: the table stays inside."""
    view = terminal(GRAPH, columns=40, rows=10)
    code, seen = view.finish()
    screen = Screen(40, 10).feed(seen)
    assert code == 1 and 0 < screen.tallest < 10
    assert "1 failed" in screen.text


def test_two_hundred_columns(terminal):
    view = terminal(GRAPH, columns=200, rows=50)
    code, seen = view.finish()
    assert code == 1 and "1 failed" in Screen(200, 50).feed(seen).text


def test_resize(terminal):
    """The table is cut to the new width from the next frame on."""
    line = " ".join(str(n) for n in range(100, 200))
    wide, narrow = line[:112] + "~", line[:32] + "~"
    view = terminal(pipeline(step("one", f"out {line}; hang")), columns=120, rows=40)
    view.wait_for(wide)
    view.resize(40, 20)
    view.wait_for(narrow)
    view.type(b"\x03")
    code, seen = view.finish()
    frames = [frame.split(" ended  ")[1] for frame in seen.split("\x1b[J") if "0 of 1 ended" in frame]
    first = next(i for i, frame in enumerate(frames) if narrow in frame)
    rows = [re.sub(r"\x1b\[[0-9;]*m", "", row) for frame in frames[first:] for row in frame.splitlines()[1:]]
    assert code == 130 and max(len(row) for row in rows) < 40


def test_escape_sequences_of_steps_do_not_break_it(terminal):
    evil = "\x1b[2J\x1b[H\x1b]owned\x07\x1b[31mred\x1b[0m\x1b[5A\x1b[?1049h"
    view = terminal(pipeline(step("evil", f"out {evil}; sleep 300ms; out {evil}")))
    code, seen = view.finish()
    screen = Screen(80, 24).feed(seen)  # fails on any of them
    assert code == 0 and "owned" not in seen and "\x1b[31mred" in seen
    assert screen.text.count("evil | red") == 2


def test_interrupt_by_key(terminal):
    view = terminal(pipeline(step("wait", "out begun; hang")))
    view.wait_for("begun")
    view.type(b"\x03")
    code, seen = view.finish()
    screen = Screen(80, 24).feed(seen).text
    assert code == 130
    assert "interrupted: the steps are being stopped" in screen and "cancelled after" in screen
    assert "^C" not in screen.split("interrupted")[1]


def test_no_color(terminal):
    view = terminal(GRAPH, env={"NO_COLOR": "1"})
    code, seen = view.finish()
    assert code == 1 and not re.search(r"\x1b\[[0-9;]*m", seen)


def test_dumb_terminal(terminal):
    view = terminal(GRAPH, env={"TERM": "dumb"})
    code, seen = view.finish()
    assert code == 1 and "\x1b" not in seen
    assert "> build: running" in seen


def test_plain_on_a_terminal(terminal):
    view = terminal(GRAPH, "--output plain")
    code, seen = view.finish()
    assert code == 1 and "\x1b[J" not in seen and "\x1b[3" in seen


def test_stdout_elsewhere(cli, fake):
    """--output pretty without a terminal says so, and is plain."""
    result = fake(GRAPH, "--output pretty")
    assert result.code == 1 and "--output pretty needs a terminal" in result.stderr, result
    assert "\x1b" not in result.text + result.stderr


def test_caret_on_a_terminal(terminal):
    view = terminal({"steps": [{"metadata": {"name": "a"}, "dockerr": {}}]})
    code, seen = view.finish()
    assert code == 2
    lines = re.sub(r"\x1b\[[0-9;]*m", "", seen).replace("\r", "").splitlines()
    caret = next(i for i, line in enumerate(lines) if line.strip(" |") == "^")
    assert lines[caret - 1][lines[caret].index("^"):].startswith('"dockerr"')
