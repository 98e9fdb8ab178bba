"""A small model of every kind that timm has, with random weights, through all that a trunk does.

    python benchmarks/trunks.py --out trunks.csv                # all kinds, those in the file kept
    python benchmarks/trunks.py --out trunks.csv --kinds convnext vision_transformer

A kind is a module of timm; its model is the one with the fewest weights among those that look
smallest by their names. Each goes through ``features`` (two images), a step of ``train`` with the
head alone and with all layers, the cut below its last block, where it is a chain, and ``encode``
with its batch norms folded. A line of the file says what went, or why not.
"""

import csv
import gc
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import torch
from torch import nn
from torch.testing import assert_close

from dah.compute.inference import settled
from dah.networks.build import build_trunk
from dah.networks.cuts import block_names, cut
from dah.networks.heads import Network, build_network

SMALL = (
    *("femto", "atto", "pico", "nano", "test", "xxs", "xs", "tiny", "_t", "mini", "small", "_s"),
    *("018", "18", "050", "_b0", "lite0"),
)
LOOKED_AT = 4  # models of a kind whose weights are counted
LARGEST = 150  # millions of weights; training more takes minutes and more than 10 GB
IMAGES, BITS, WIDTH = 2, 8, 16
STEPS = "features", "head", "all", "blocks", "encode"
COLUMNS = "kind", "model", "millions", "pixels", *STEPS, "seconds"


def smallest(timm, kind: str) -> tuple[str, float]:
    """The name of a small model of a kind, and its weights in millions."""
    names = sorted(timm.list_models(module=kind), key=lambda n: (not hinted(n), len(n), n))
    sizes = {}
    for name in names[:LOOKED_AT]:
        with torch.device("meta"):
            try:
                model = timm.create_model(name)
            except Exception:  # one that cannot be built without memory
                continue
        sizes[name] = sum(p.numel() for p in model.parameters()) / 1e6
    name = min(sizes, key=sizes.get, default=names[0])
    return name, sizes.get(name, float("nan"))


def hinted(name: str) -> bool:
    return any(hint in name for hint in SMALL)


def steps(trunk: nn.Module) -> Iterator[tuple[str, Callable[[], str]]]:
    """What a trunk goes through, by name."""
    draw = torch.Generator().manual_seed(0)
    side = trunk.input_size
    images = torch.rand(IMAGES, 3, side, side, generator=draw)

    def features() -> str:
        with torch.inference_mode():
            (x,) = trunk.eval()(images)
        assert x.shape == (IMAGES, *trunk.widths), f"{tuple(x.shape)}, expected {trunk.widths}"
        assert x.isfinite().all(), "not finite"
        return "yes"

    def head() -> str:
        network = build_network(trunk, BITS, WIDTH, "head")
        with torch.no_grad():
            (x,) = trunk.eval()(images)
        network.learner("head").train()(x).u.square().sum().backward()
        return "yes"

    def everything() -> str:
        network = build_network(trunk, BITS, WIDTH, "all").train()
        network(images).u.square().sum().backward()
        without = [n for n, p in network.named_parameters() if p.grad is None]
        return f"no gradient: {len(without)}, {without[0]}" if without else "yes"

    def blocks() -> str:
        names = block_names(trunk.eval())
        if not names:
            return "no chain"
        parts = cut(trunk, 1)
        with torch.inference_mode():
            (whole,) = trunk(images)
            (found,) = parts.upper(parts.lower(images))
        assert_close(found, whole, rtol=1e-3, atol=1e-3 * float(whole.abs().max()))
        return f"{len(names)}, last {names[-1]}"

    def encode() -> str:
        network: Network = build_network(trunk, BITS, WIDTH, "all").eval()
        with torch.inference_mode():
            whole = network(images).u
            u = settled(network, torch.device("cpu"))(images).u
        assert_close(u, whole, rtol=0, atol=1e-2)
        return "yes"

    yield from zip(STEPS, (features, head, everything, blocks, encode), strict=True)


def tried(timm, kind: str) -> dict[str, str]:
    """A line of the table."""
    start = time.perf_counter()
    name, millions = smallest(timm, kind)
    row = {"kind": kind, "model": name, "millions": f"{millions:.1f}"}
    if millions > LARGEST:
        return row | {"features": f"not tried: more than {LARGEST} million weights"}
    try:
        trunk = build_trunk(f"timm/{name}")
    except Exception as error:
        return row | {"features": reason(error)}
    row["pixels"] = str(trunk.input_size)
    for step, work in steps(trunk):
        try:
            row[step] = work()
        except Exception as error:
            row[step] = reason(error)
        trunk.zero_grad()
    return row | {"seconds": f"{time.perf_counter() - start:.1f}"}


def reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"


def main() -> None:
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kinds", nargs="*")
    given = parser.parse_args()
    import_module("dah.vision")  # timm imports torchvision
    timm = import_module("timm")

    rows = {}
    if given.out.exists():
        with given.out.open(encoding="utf-8", newline="") as file:
            rows = {row["kind"]: row for row in csv.DictReader(file)}
    for kind in given.kinds or timm.list_modules():
        if (kind in rows and not given.kinds) or not timm.list_models(module=kind):
            continue
        torch.manual_seed(0)
        rows[kind] = tried(timm, kind)
        print(*rows[kind].values(), sep=" | ", file=sys.stderr, flush=True)
        with given.out.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
            table.writeheader()
            table.writerows(rows[of] for of in sorted(rows))
        gc.collect()


if __name__ == "__main__":
    main()
