#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An image of 100 MB, pulled and unpacked by plr-image and by podman in turn, from one registry on loopback.

    bench/image.py BUILD [ROUNDS]

The files are this machine's own, in four layers; the pages that a round leaves dirty are written before the next."""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "integration"))
from images import File, Image, Layer, Registry  # noqa: E402

LAYERS, SIZE = 4, 25 << 20


def files():
    for folder, _, names in sorted(os.walk("/usr/lib")):
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path) < 4 << 20:
                yield path


def image():
    source, layers = files(), []
    for _ in range(LAYERS):
        entries, size = [], 0
        while size < SIZE:
            data = Path(path := next(source)).read_bytes()
            entries.append(File(path.lstrip("/"), data))
            size += len(data)
        layers.append(Layer(entries))
    return Image(layers, {"Cmd": ["/bin/true"]})


def seconds(call):
    os.sync()
    began = time.monotonic()
    call()
    return time.monotonic() - began


def ours(build, name, folder):
    request = json.dumps({"command": "pull", "image": name, "store": str(folder / "store")})
    process = subprocess.Popen([build / "libexec" / "plr-image"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdin.write(request.encode() + b"\n")
    process.stdin.flush()
    last = process.stdout.read().splitlines()[-1]
    process.stdin.close()
    process.wait()
    assert b'"done"' in last, last


def podman(name, folder):
    subprocess.run(["podman", "--root", folder / "root", "--runroot", folder / "run", "pull", "-q", "--tls-verify=false",
                    name], check=True, stdout=subprocess.DEVNULL)


def main():
    build, rounds = Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory(prefix="plr-bench-") as folder:
        folder = Path(folder)
        registry = Registry(folder / "registry")
        times = {"plr-image": [], "podman": []}
        try:
            made = image()
            made.push(registry.address, "bench/image", "1")
            name = f"{registry.address}/bench/image:1"
            for i in range(rounds):
                for who, call in (("plr-image", lambda p: ours(build, name, p)), ("podman", lambda p: podman(name, p))):
                    place = folder / f"{who}-{i}"
                    place.mkdir()
                    times[who].append(seconds(lambda: call(place)))  # noqa: B023
                    shutil.rmtree(place)
        finally:
            registry.close()
        sizes = sum(l.size for l in made.layers) >> 20, sum(len(l.tar) for l in made.layers) >> 20
    a, b = (statistics.median(times[who]) for who in ("plr-image", "podman"))
    print(f"pull of {sizes[1]} MiB ({sizes[0]} compressed, {LAYERS} layers): plr-image {a:.2f} s, podman {b:.2f} s, "
          f"{a / b:.2f}x (median of {rounds}, load {os.getloadavg()[0]:.0f})")
    print("  each: " + "; ".join(f"{who} {' '.join(f'{t:.2f}' for t in all)}" for who, all in times.items()))


main()
