"""Images per second of networks that have stopped learning, before the work on it and now.

    python benchmarks/inference.py [--weights mobilenet_v2_features.pth]

Each line is measured in a process of its own, one after another: torch as it was (batches of 32,
norms not folded, malloc and OpenMP as they come), ours with torch and with ONNX Runtime, the latter
alone on the folded graph (`bare`), and torch in bfloat16; then `encode` whole, from JPEG files of
400 x 300 pixels in a tar, with decoding, codes and categories. Of each: its speed, as a multiple of
`before`, the peak memory, and which bits differ from those before, at which values of u.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path

import numpy as np

COUNT = {"mobilenet_v2": 64, "resnet50": 32}  # squares that a network sees
JPEGS = {"mobilenet_v2": 192, "resnet50": 64}
STORED, BITS = 256, 64
OLD_BATCH = 32
NETWORK = ("before", "torch", "onnx", "bare", "bf16")
WHOLE = ("encode before", "encode torch", "encode onnx")
SECONDS = 2  # of a measurement, at least
OURS = ("OMP_WAIT_POLICY", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")


def prepare(folder: Path, name: str, weights: Path | None) -> None:
    """An encoder of random weights, or of pretrained ones, and photographs for it."""
    import torch  # noqa: PLC0415 - a child sets up its process first
    from PIL import Image  # noqa: PLC0415

    from dah.compute.augment import centre_crop  # noqa: PLC0415
    from dah.encoder.file import EncoderParts, write_encoder  # noqa: PLC0415
    from dah.images.archives import write_tar  # noqa: PLC0415
    from dah.images.decode import decode  # noqa: PLC0415
    from dah.networks.build import build_trunk  # noqa: PLC0415
    from dah.networks.heads import build_network  # noqa: PLC0415
    from dah.networks.weights import load_weights  # noqa: PLC0415

    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    trunk = build_trunk(name)
    if weights is not None:
        load_weights(trunk, name, weights)
    files = []
    for number in range(JPEGS[name]):
        coarse, file = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8), BytesIO()
        large = Image.fromarray(coarse).resize((400, 300), Image.Resampling.BICUBIC)
        large.save(file, "JPEG", quality=90)
        files.append((f"{number:04}.jpg", file.getvalue()))
    write_tar(folder / "photographs.tar", files)
    squares = np.stack([decode(data, STORED) for _, data in files[: COUNT[name]]])
    np.save(folder / "squares.npy", squares)
    network = build_network(trunk, BITS, 0, "head").eval()
    with torch.no_grad():
        fc7 = trunk(centre_crop(torch.from_numpy(squares[:16]), trunk.input_size))[-1]
        torch.nn.init.normal_(network.head.fc8.weight)
        y = network.head.fc8(fc7)  # bits of both signs, some of them near zero
    network.head.norm.running_mean.copy_(y.mean(dim=0))
    network.head.norm.running_var.copy_(y.var(dim=0))
    source = np.packbits(rng.integers(0, 2, (31, BITS), np.uint8), axis=1)
    shape = {"trunk": name, **network.shape}
    labels, categories = np.arange(31), [str(label) for label in range(31)]
    parts = EncoderParts(network.state_dict(), shape, STORED, categories, source, labels, 10.0)
    write_encoder(folder / "encoder.pt", parts)


def measure(folder: Path, what: str, threads: int) -> dict[str, float]:
    """What a child finds: images per second, processor seconds an image, peak MiB."""
    now = "before" not in what
    if now:
        from dah.process import settle  # noqa: PLC0415 - before torch

        settle()
    work, count, see = encoding(folder, what) if what in WHOLE else looking(folder, what, threads)
    np.save(folder / f"{what}.{threads}.npy", see())
    times: list[float] = []
    busy = resource.getrusage(resource.RUSAGE_SELF)
    while not times or sum(times) < SECONDS:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    after = resource.getrusage(resource.RUSAGE_SELF)
    images, faults = count * len(times), after.ru_minflt - busy.ru_minflt
    return {
        "images/s": count / float(np.median(times)),
        "ms of processor": 1000
        * (after.ru_utime + after.ru_stime - busy.ru_utime - busy.ru_stime)
        / images,
        "faults": faults / images,
        "MiB": after.ru_maxrss / 1024,
    }


def looking(folder: Path, what: str, threads: int) -> tuple[Callable, int, Callable]:
    """The network alone on squares in memory: work, images, and u of them."""
    import torch  # noqa: PLC0415

    from dah.compute.augment import centre_crop  # noqa: PLC0415
    from dah.compute.graphs import place_of, session_of  # noqa: PLC0415
    from dah.encoder.encoder import load_encoder  # noqa: PLC0415
    from dah.encoder.file import read_encoder  # noqa: PLC0415

    squares, model = np.load(folder / "squares.npy"), folder / "encoder.pt"
    if what == "bare":
        session = session_of(place_of(read_encoder(model).fingerprint()), threads, spinning=True)
        see = by_batches(lambda part: session.run(None, {"image": part})[0], squares, 4)
    elif what == "before":
        plain = read_encoder(model).network(model).to(memory_format=torch.channels_last)

        def one(part: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                return plain(centre_crop(torch.from_numpy(part), plain.input_size)).u.numpy()

        see = by_batches(one, squares, OLD_BATCH)
    else:
        encoder = load_encoder(model, "cpu", "onnx" if what == "onnx" else "torch")
        half = torch.autocast("cpu", torch.bfloat16) if what == "bf16" else nullcontext()

        def see() -> np.ndarray:
            with half:
                return by_batches(encoder.outputs, squares, encoder.batch)()

    return see, len(squares), see


def by_batches(one: Callable, squares: np.ndarray, size: int) -> Callable[[], np.ndarray]:
    """A function of all squares, so many at a time."""
    parts = [squares[start : start + size] for start in range(0, len(squares), size)]
    return lambda: np.concatenate([one(part) for part in parts])


def encoding(folder: Path, what: str) -> tuple[Callable, int, Callable]:
    """All of ``encode`` but its file."""
    from dah.compute import inference  # noqa: PLC0415
    from dah.encoder.encoder import load_encoder  # noqa: PLC0415

    if what == "encode before":  # norms were folded there already
        inference.PIXELS["cpu"] = OLD_BATCH * 224**2
    encoder = load_encoder(folder / "encoder.pt", "cpu", what.split()[1].replace("before", "torch"))
    found = encoder.encode(folder / "photographs.tar")

    def see() -> np.ndarray:
        return found.outputs.astype(np.float32)

    return lambda: encoder.encode(folder / "photographs.tar"), len(found.names), see


def child(folder: Path, what: str, threads: int) -> dict[str, float]:
    """Measure in a process of its own, with so many threads, on as many cores."""
    environment = {name: value for name, value in os.environ.items() if name not in OURS}
    environment |= {"OMP_NUM_THREADS": str(threads), "XDG_CACHE_HOME": str(folder)}
    command = [sys.executable, __file__, "--child", what, str(threads), str(folder)]
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[:threads]))
    done = subprocess.run(
        ["taskset", "-c", cores, *command],
        env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--trunks", nargs="+", default=list(COUNT), choices=list(COUNT))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--weights", type=Path, help="of mobilenet_v2; random ones without")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        what, threads, folder = given.child
        print(json.dumps(measure(Path(folder), what, int(threads))))
        return
    print("trunk, threads, what: images/s (x before), ms of processor, faults, MiB; bits, at |u|")
    for trunk in given.trunks:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            prepare(folder, trunk, given.weights if trunk == "mobilenet_v2" else None)
            child(folder, "onnx", 1)  # makes the graph
            for threads in given.threads:
                for base, *others in (NETWORK, WHOLE):
                    first = child(folder, base, threads)
                    for what in (base, *others):
                        found = first if what == base else child(folder, what, threads)
                        print(line(folder, trunk, threads, what, base, found, first), flush=True)


def line(
    folder: Path, trunk: str, threads: int, what: str, base: str, found: dict, first: dict
) -> str:
    """A row: the figures, and the bits that differ from those of `base`."""
    u, v = (np.load(folder / f"{which}.{threads}.npy") for which in (what, base))
    differ = (u >= 0) != (v >= 0)
    where = float(np.abs(v[differ]).max()) if differ.any() else 0.0
    alone = folder / f"{what}.1.npy"
    same = " as with one thread" * (threads > 1 and np.array_equal(u, np.load(alone)))
    return (
        f"{trunk}, {threads}, {what}: {found['images/s']:.1f}"
        f" ({found['images/s'] / first['images/s']:.2f}), {found['ms of processor']:.1f},"
        f" {found['faults']:.0f}, {found['MiB']:.0f}; {differ.sum()} of {differ.size},"
        f" {where:.1g}{same}"
    )


if __name__ == "__main__":
    main()
