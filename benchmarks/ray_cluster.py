"""`encode --ray` on nodes of this machine: what is lost in kills, and what a second node gains.

``python benchmarks/ray_cluster.py kills --kills 10`` encodes generated images by one process, then
on two nodes of one core each, in which the process of a worker is killed at random moments, every
fifth time together with the process of ``encode`` itself, which is then called again. Every row
must be there once, with the same bits.

``python benchmarks/ray_cluster.py speed`` encodes on one node and on two, each on a core of its
own; images a second from the first finished part to the last, and of the whole run with its start.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from ray.cluster_utils import Cluster

from dah.encoder.cluster import encode_on_cluster
from dah.encoder.encoder import load_encoder
from dah.encoder.file import EncoderParts, write_encoder
from dah.encoder.imagecodes import read_rows
from dah.encoder.inputs import origins
from dah.encoder.shards import finish, header_of
from dah.images.archives import write_tar
from dah.networks.build import build_trunk
from dah.networks.heads import build_network

BITS = 64


def encoder(path: Path, trunk: str, size: int) -> Path:
    """An encoder of random weights."""
    torch.manual_seed(0)
    network = build_network(build_trunk(trunk), BITS, 64, "head")
    torch.nn.init.normal_(network.head.fc8.weight)
    codes = np.random.default_rng(0).integers(0, 256, (20, BITS // 8), np.uint8)
    shape = {"trunk": trunk, **network.shape}
    labels = np.arange(20) % 10
    categories = [str(label) for label in range(10)]
    write_encoder(
        path, EncoderParts(network.state_dict(), shape, size, categories, codes, labels, 10.0)
    )
    return path


def images(path: Path, count: int, side: int) -> Path:
    """An archive of JPEG of coarse noise."""

    def members():
        rng = np.random.default_rng(0)
        for number in range(count):
            stored = BytesIO()
            pixels = rng.integers(0, 256, (8, 8, 3), np.uint8)
            Image.fromarray(pixels).resize((side, side)).save(stored, "JPEG")
            yield f"{number:07}.jpg", stored.getvalue()

    write_tar(path, members())
    return path


def nodes(count: int, pinned: bool) -> Cluster:
    """Nodes of one core each, where `pinned` each on a core of its own."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    cluster, cores = Cluster(), sorted(os.sched_getaffinity(0))
    for number in range(count):
        if pinned:
            os.sched_setaffinity(0, {cores[number % len(cores)]})
        cluster.add_node(num_cpus=1)
    os.sched_setaffinity(0, cores)
    return cluster


def workers() -> list[int]:
    """The processes of this machine that are our workers."""
    found = []
    for path in Path("/proc").iterdir():
        try:
            if path.name.isdecimal() and (path / "cmdline").read_bytes().startswith(b"ray::Worker"):
                found.append(int(path.name))
        except OSError:  # it has ended
            continue
    return found


def kills(folder: Path, count: int, images_each: int, pause: float) -> None:
    """Kill, go on, compare."""
    model = encoder(folder / "encoder.pt", "lenet", 32)
    archives = [images(folder / f"{name}.tar", images_each, 64) for name in "ab"]
    command = [sys.executable, "-m", "dah", "encode", str(model), *map(str, archives), "--outputs"]
    subprocess.run([*command, "--device", "cpu", "-o", folder / "one.h5"], check=True)
    one = sorted_rows(folder / "one.h5")
    cluster, out, rng = nodes(2, pinned=False), folder / "two.h5", random.Random(0)
    again = [*command, "-o", str(out), "--ray", cluster.address]
    done = driver = rounds = 0
    begun = time.perf_counter()
    while done < count:
        rounds += 1
        process = subprocess.Popen(again)
        while process.poll() != 0:
            time.sleep(pause * rng.uniform(0.5, 1.5))
            if process.poll() not in {None, 0}:
                process = subprocess.Popen(again)
            elif process.poll() is None and done < count and (found := workers()):
                done += 1
                os.kill(rng.choice(found), signal.SIGKILL)
                if done % 5 == 0:
                    driver += 1
                    process.kill()
                    process.wait()
        two = sorted_rows(out)
        same = all(a.tobytes() == b.tobytes() for a, b in zip(one, two, strict=True))
        print(
            f"{done} workers killed, {driver} times encode too, in {rounds} runs and"
            f" {time.perf_counter() - begun:.0f} s: {len(one[0])} images by one process,"
            f" {len(two[0])} on the cluster, {len(np.unique(two[0]))} of them different; codes,"
            f" outputs, categories: {'the same bits' if same else 'DIFFERENT'}",
            flush=True,
        )
        out.unlink()
    cluster.shutdown()


def sorted_rows(path: Path) -> list[np.ndarray]:
    """All columns of a file of codes, in the order of the images' full names."""
    chunks = list(read_rows(path))
    names = [f"{o}/{n}" for rows in chunks for o, n in zip(rows.origins, rows.names, strict=True)]
    columns = (np.concatenate([rows[place] for rows in chunks]) for place in range(2, 7))
    order = np.argsort(names, kind="stable")
    return [np.array(names)[order], *(column[order] for column in columns)]


def speed(folder: Path, count: int, trunk: str, size: int) -> None:
    """The same archive on one node and on two."""
    model = encoder(folder / "encoder.pt", trunk, size)
    found = origins([str(images(folder / "set.tar", count, size))])
    made = load_encoder(model, "cpu")
    header, rates = header_of(made, model), []
    for number in (1, 2):
        cluster, out = nodes(number, pinned=True), folder / f"{number}.h5"
        begun, times, sizes = time.perf_counter(), [], []
        for _, part in encode_on_cluster(made, found, out, header, {}, cluster.address):
            times.append(time.perf_counter())
            sizes.append(len(part.names))
        cluster.shutdown()
        finish(out, header)
        skipped = sizes[:number]  # under way when the clock starts
        rates.append((sum(sizes) - sum(skipped)) / (times[-1] - times[number - 1]))
        print(
            f"{number} node(s): {rates[-1]:.1f} images/s, {count / (times[-1] - begun):.1f} with"
            f" the start of {times[0] - begun:.0f} s",
            flush=True,
        )
    print(f"two nodes: {rates[1] / rates[0]:.2f} times one")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("kills", "speed"))
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--count", type=int, default=1000, help="images, of kills in each archive")
    parser.add_argument("--pause", type=float, default=12.0, help="seconds between two kills")
    parser.add_argument("--trunk", default="mobilenet_v2")
    parser.add_argument("--size", type=int, default=256)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if given.what == "kills":
            kills(Path(name), given.kills, given.count, given.pause)
        else:
            speed(Path(name), given.count, given.trunk, given.size)
