# SPDX-License-Identifier: MIT
"""Documents for the scenarios on Docker, and what is asked of their events."""

IMAGE = "alpine:3.6"


def step(name, script="true", image=IMAGE, command=None, **fields):
    """A step that runs SCRIPT in a shell; `docker` among FIELDS adds to the image and the command."""
    docker = {"image": image, "command": ["/bin/sh"] if command is None else command}
    if command is None:
        docker["args"] = ["-c", script]
    docker.update(fields.pop("docker", {}))
    return {"metadata": {"name": name}, "docker": docker, **fields}


def document(*steps, **fields):
    return {"steps": list(steps), **fields}


def end(result, name):
    """How the last attempt of a step ended."""
    ends = [e["end"] for e in result.events if e["event"] == "step" and e.get("step") == name and "end" in e]
    assert ends, f"{name} has no end\n{result}"
    return ends[-1]


def output(result, name, stream="stdout"):
    return "".join(e.get("text", "") for e in result.events
                   if e["event"] == "output" and e.get("step") == name and e["stream"] == stream)


def warnings(result):
    return [e["message"] for e in result.events if e["event"] in ("warning", "notice")]
