# SPDX-License-Identifier: MIT
"""The JSON Schema against the reader, with a validator that is not ours.

    schema.py PRINT SAMPLE...

The schema takes every sample and, of thousands of samples with something changed, all that the reader takes. What
it refuses of the rest is counted: typos must be among it.
"""
import copy
import json
import random
import subprocess
import sys

import jsonschema

EXTRA = [
    {"steps": [{"metadata": {"uid": "a"}, "working_dir": "", "timeout": "", "docker": {"pull_policy": ""}}]},
    {"steps": [{"metadata": {"name": "a"}, "secrets": None, "docker": None, "environment": {"A": None}}]},
    {"steps": [{"metadata": {"name": "a"}, "timeout": "1.5s", "retry": {"attempts": 2, "on": ["lost"], "backoff": "0"}}],
     "files": [{"name": "f", "data": "aGVs\r\nbG8"}, {"metadata": {"name": "g"}, "data": "aGk="}],
     "services": [{"metadata": {"name": "s"}, "ready": {"http": ":80/x", "timeout": "1m"}}],
     "qemu": {"image": "q"}, "fusion": None, "platform": {"os": "linux"}, "timeout": "1h30m"},
]

# What a schema must find: a document, and where in it the error is.
TYPOS = [
    ({"stepz": []}, []),
    ({"steps": []}, ["steps"]),
    ({"steps": [{"metadata": {"name": "a"}, "imag": 1}]}, ["steps", 0]),
    ({"steps": [{"docker": {"imagee": "x"}}]}, ["steps", 0, "docker"]),
    ({"steps": [{"docker": {"image": 1}}]}, ["steps", 0, "docker", "image"]),
    ({"steps": [{"run_policy": "on-failur"}]}, ["steps", 0, "run_policy"]),
    ({"steps": [None]}, ["steps", 0]),
    ({"steps": [{"working_dir": "src"}]}, ["steps", 0, "working_dir"]),
    ({"steps": [{"timeout": "5 minutes"}]}, ["steps", 0, "timeout"]),
    ({"steps": [{"environment": {"A=": "x"}}]}, ["steps", 0, "environment"]),
    ({"steps": [{"environment": {"PIPELINE_X": "x"}}]}, ["steps", 0, "environment"]),
    ({"steps": [{"docker": {"ports": [{"port": 70000}]}}]}, ["steps", 0, "docker", "ports", 0, "port"]),
    ({"steps": [{"files": [{"name": "f", "path": "/f", "mode": 4096}]}]}, ["steps", 0, "files", 0, "mode"]),
    ({"steps": [{}], "services": [{"detach": True}]}, ["services", 0]),
    ({"steps": [{}], "hooks": {"always": [{"ready": {"tcp": 1}}]}}, ["hooks", "always", 0]),
    ({"steps": [{"volumes": [{"name": "v"}]}]}, ["steps", 0, "volumes", 0]),
]


def deepest(error):
    """The error furthest in: those of an anyOf are about its branches."""
    leaves = [deepest(e) for e in error.context or []]
    return max([error] + leaves, key=lambda e: len(e.absolute_path))


def places(value, path=()):
    """Every place in a document: a container and what to find in it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from places(inner, path + (key,))


VALUES = [None, True, 0, 1, -1, 5000, 1.5, 10**30, "", "x", "/x", "1s", "always", [], ["x"], [None], {}, {"name": "x"}]
KEYS = ["name", "metadata", "docker", "image", "ready", "depends_on", "detach", "data", "path", "x", "temp", "host"]


def changed(rng, sample):
    document = copy.deepcopy(sample)
    for _ in range(rng.randint(1, 2)):
        container, key = rng.choice(list(places(document)))
        kind = rng.randint(0, 3)
        if kind == 0:
            container[key] = copy.deepcopy(rng.choice(VALUES))
        elif kind == 1:
            del container[key]
        elif isinstance(container, dict):
            container[rng.choice(KEYS) if kind == 2 else key + "s"] = copy.deepcopy(rng.choice(VALUES))
        if not document:
            break
    return document


def main():
    printer, *samples = sys.argv[1:]
    schema = json.loads(subprocess.check_output([printer, "schema"]))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    documents = [json.load(open(sample)) for sample in samples] + EXTRA
    for name, document in zip(samples + ["of the test"] * len(EXTRA), documents):
        for error in validator.iter_errors(document):
            sys.exit(f"{name}: {error.message} at {list(error.absolute_path)}")
    for document, path in TYPOS:
        found = [list(deepest(e).absolute_path) for e in validator.iter_errors(document)]
        if path not in found:
            sys.exit(f"{document}: expected an error at {path}, found {found}")
    rng = random.Random(3)
    many = documents + [changed(rng, rng.choice(documents)) for _ in range(4000)]
    text = b"".join(json.dumps(document).encode() + b"\0" for document in many)
    answers = subprocess.run([printer, "read"], input=text, stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()
    assert len(answers) == len(many)
    taken = refused = 0
    for document, answer in zip(many, answers):
        error = jsonschema.exceptions.best_match(validator.iter_errors(document))
        if answer == "0" and error:
            sys.exit(f"the reader takes {json.dumps(document)}, the schema does not: {error.message}")
        taken += answer == "0"
        refused += error is not None
    if not (all(answer == "0" for answer in answers[:len(documents)]) and taken > 500 and refused > 1000):
        sys.exit(f"the test is not what it was: {taken} taken by the reader, {refused} refused by the schema")
    print(f"{len(many)} documents: the reader takes {taken}, the schema refuses {refused}, no contradiction")


main()
