"""What a GPU gives, in one table: ``python benchmarks/gpu.py speed repeat office31 --images ...``.

- speed: DAH's training step with random weights at the sizes of Office-Home (325 + 325 images of 65
  categories; VGG-F's are the paper's), for every trunk and precision: time, images per second,
  memory, how often the host waits in an epoch, seconds of the paper's 300 epochs.
- repeat: the same training twice; whether weights agree to the last bit, and what torch warns of.
- office31: the pipeline's own stages on the six tasks, all layers of a trunk learning: seconds,
  accuracy from codes, mAP. Needs the images (an archive or folder) and the trunks' weights.

benchmarks/gpu.sh runs all of it. Lines are printed as they are measured; ``--record`` keeps them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
import training
from ruamel.yaml import YAML

from dah.compute.devices import choose_device, make_repeatable, use_precision
from dah.evaluation.targets import target_figures
from dah.files.artifacts import read_codes
from dah.project.presets import apply_preset
from dah.tasks.lists import Labelled

ROOT = Path(__file__).parents[1]
LITE2 = "timm/tf_efficientnet_lite2"
TRUNKS = "vgg_f", "mobilenet_v2", "resnet50", LITE2
WAYS = (("fp32", False), ("tf32", False), ("bf16", False), ("bf16", True))
STORED = {LITE2: 292}  # side of the stored squares, pixels: the crops' times 256 / 224
Row = dict[str, Any]


def bench(trunk: str, precision: str, compiled: bool, device: torch.device) -> training.Bench:
    """A training on random images with a trunk of random weights."""
    p = training.preset("office_home")
    p = replace(
        p,
        backbone=replace(p.backbone, name=trunk),
        images=replace(p.images, size=STORED.get(trunk, p.images.size)),
        train=replace(p.train, precision=precision, compile=compiled),
    )
    use_precision(precision)
    return training.Bench(p, device)


def speeds(device: torch.device, given: argparse.Namespace) -> Iterator[Row]:
    """The cost of a step for every trunk and way."""
    for trunk in given.trunks:
        for precision, compiled in WAYS:
            if precision + "+compile" * compiled not in given.ways:
                continue
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            begin = perf_counter()
            run = bench(trunk, precision, compiled, device)
            seconds = training.step_seconds(run, 1)
            row = {
                "part": "speed",
                "trunk": trunk,
                "way": precision + "+compile" * compiled,
                "step_ms": 1e3 * seconds,
                "images_s": 2 * run.size / seconds,
                "peak_GiB": training.peak(device) / 2**10,
                "epochs_300_s": 300 * run.steps * seconds,
            }
            if device.type == "cuda" and not compiled:
                row["waits"] = training.synchronisations(run)
            yield row | {"measured_in_s": perf_counter() - begin}


def repeats(device: torch.device, given: argparse.Namespace) -> Iterator[Row]:
    """Whether a second training of one epoch is the first one, bit by bit."""
    for trunk in ("lenet", *given.trunks):
        ends, told = [], set()
        for _ in range(2):
            make_repeatable(device, 0)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                run = bench(trunk, "bf16", False, device)
                next(run.epochs(1))
            told |= {str(warning.message).split("(")[0][:120] for warning in caught}
            state = run.network.state_dict().values()
            ends.append(torch.cat([x.detach().double().flatten() for x in state]).cpu())
            torch.use_deterministic_algorithms(False)
        differing = int((ends[0] != ends[1]).sum())
        yield {"part": "repeat", "trunk": trunk, "differing": differing, "warnings": sorted(told)}


class Pipeline:
    """The stages of ``office31_mobilenet``, all layers of a trunk learning, without DVC."""

    def __init__(self, folder: Path, trunk: str, weights: Path, given: argparse.Namespace) -> None:
        self.folder, self.warnings = folder, 0
        folder.mkdir(parents=True)
        path = folder / "params.yaml"
        path.write_bytes((ROOT / "params.yaml").read_bytes())
        apply_preset("office31_mobilenet", ROOT / "presets", path)
        yaml = YAML()
        content = yaml.load(path)
        content["dataset"] |= {"name": given.dataset, "path": str(given.images.resolve())}
        content["backbone"] |= {"name": trunk, "weights": str(weights.resolve())}
        content["images"]["size"] = STORED.get(trunk, 256)
        content["train"] |= {"epochs": given.epochs, "finetune": "all", "precision": "bf16"}
        content["train"]["augment"]["flip"] = True
        content["methods"] = ["dah"]
        if given.tasks:
            content["tasks"] = given.tasks
        yaml.dump(content, path)
        self.domains, self.tasks = list(content["domains"]), list(content["tasks"])

    def stage(self, name: str, *arguments: str) -> float:
        """Run a stage; its seconds. Its warnings are counted."""
        begin = perf_counter()
        path = [str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        done = subprocess.run(
            [sys.executable, "-m", f"stages.{name}", *arguments],
            cwd=self.folder,
            env={"OMP_NUM_THREADS": "4", **os.environ, "PYTHONPATH": os.pathsep.join(path)},
            capture_output=True,
            text=True,
            check=False,
        )
        told = [line for line in done.stderr.splitlines() if "Warning" in line]
        self.warnings += len(told)
        for line in sorted(set(told)):
            print(f"{name} warns: {line[-300:]}", flush=True)
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stderr[-3000:]}")
        return perf_counter() - begin

    def prepare(self) -> Row:
        """Up to the trunk and its activations; the seconds of each stage."""
        spent: Row = {}

        def at_once(jobs: dict[str, list[str]]) -> None:
            """Stages that do not need each other."""
            with ThreadPoolExecutor(len(jobs)) as pool:
                done = pool.map(lambda job: self.stage(job[0].split()[0], *job[1]), jobs.items())
                spent.update(zip(jobs, done, strict=True))

        sums = ROOT / "data" / "checksums.txt"
        at_once(
            {
                "fetch": [
                    "--out=data/raw", "--downloads=data/downloads", f"--checksums={sums}",
                ],
                "backbone": ["--out=data/backbone.pt"],
            }
        )  # fmt: skip
        at_once(
            {
                f"resize {domain}": [
                    f"--domain={domain}", f"--archive=data/raw/{domain}.tar",
                    f"--images=data/images/{domain}.h5", f"--labels=data/labels/{domain}.csv",
                    f"--skipped=data/skipped/{domain}.csv",
                ]
                for domain in self.domains
            }
        )  # fmt: skip
        at_once(
            {
                f"features {domain}": [
                    f"--images=data/images/{domain}.h5", "--backbone=data/backbone.pt",
                    f"--out=data/features/{domain}.h5", f"--views=data/views/{domain}.h5",
                ]
                for domain in self.domains
            }
            | {
                f"split {task}": [
                    f"--task={task}", "--labels=data/labels", f"--lists=data/tasks/{task}",
                    f"--truth=data/truth/{task}.csv",
                ]
                for task in self.tasks
            }
        )  # fmt: skip
        return {name: seconds for name, seconds in spent.items() if "split" not in name}

    def train(self, task: str, seed: int, copy: str = "") -> Row:
        """Train and encode one task; what it took and how good its codes are."""
        place = f"{task}/{seed}{copy}"
        folders = (f"--{name}=data/{name}" for name in ("images", "features", "views"))
        inputs = [*folders, f"--lists=data/tasks/{task}"]
        named = [f"--task={task}", f"--seed={seed}", *inputs]
        model = f"data/models/{place}/dah.pt"
        trained = self.stage(
            "train", *named, "--method=dah", "--backbone=data/backbone.pt", f"--out={model}",
            f"--curves=metrics/training/{place}/plots", f"--checkpoint=data/checkpoints/{place}.pt",
        )  # fmt: skip
        encoded = self.stage(
            "encode", *named, f"--models=data/models/{place}", f"--out=data/codes/{place}/deep",
            f"--validation=metrics/validation/{place}.json",
        )  # fmt: skip
        codes = read_codes(self.folder / f"data/codes/{place}/deep/dah.h5")
        data = self.folder / "data"
        truth = data / "truth" / f"{task}.csv"
        labels = Labelled(data / "tasks" / task, truth).of(codes.source_ids, codes.target_ids)
        figures, _ = target_figures(codes, labels)
        kept = {name: figures[name] for name in ("accuracy", "map", "map_cross")}
        return {"task": task, "seed": seed, "train_s": trained, "encode_s": encoded, **kept}


def office31(given: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """The six tasks with each trunk whose weights are given, several at once."""
    for trunk, weights in (("mobilenet_v2", given.mobilenet), (LITE2, given.lite2)):
        if weights is None:
            continue
        begin = perf_counter()
        place = folder / Path(trunk).name
        run = Pipeline(place, trunk, weights, given)
        title = {"part": "office31", "trunk": trunk}
        yield title | {"stages_s": run.prepare()}
        jobs = [(task, seed) for seed in given.seeds for task in run.tasks]
        with ThreadPoolExecutor(given.at_once) as pool:
            rows = []
            for row in as_completed(pool.submit(run.train, *job) for job in jobs):
                rows.append(row.result())
                yield title | rows[-1]
        first = min(rows, key=lambda row: row["train_s"])
        again = run.train(first["task"], first["seed"], "-again")
        kept = ("accuracy", "map", "map_cross")
        yield title | {
            "mean": {name: float(np.mean([row[name] for row in rows])) for name in kept},
            "again_equal": all(again[name] == first[name] for name in kept),
            "warnings": run.warnings,
            "measured_in_s": perf_counter() - begin,
        }


def shown(row: Row) -> str:
    """A row as one line, numbers to four digits."""

    def value(x: Any) -> str:
        if isinstance(x, dict):
            return "{" + ", ".join(f"{key} {value(of)}" for key, of in x.items()) + "}"
        return f"{x:.4g}" if isinstance(x, float) else str(x)

    return "  ".join(f"{name} {value(of)}" for name, of in row.items() if name != "part")


def table(record: Path) -> str:
    """The kept lines as one Markdown table: what was measured of which trunk, and where."""
    rows = [json.loads(line) for line in record.read_text().splitlines()]
    lines = ["| part | trunk | measured | on |", "|---|---|---|---|"]
    for row in rows:
        part, trunk, place = (row.pop(name) for name in ("part", "trunk", "place"))
        lines.append(f"| {part} | {trunk} | {shown(row)} | {place} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="+", choices=["speed", "repeat", "office31", "table"])
    ways = [precision + "+compile" * compiled for precision, compiled in WAYS]
    parser.add_argument("--trunks", nargs="+", default=TRUNKS)
    parser.add_argument("--ways", nargs="+", default=ways, choices=ways)
    parser.add_argument("--tasks", nargs="+", help="of Office-31, if not all six")
    parser.add_argument("--images", type=Path, help="Office-31, an archive or folder")
    parser.add_argument("--dataset", default="office31", help="folder: as few images as you like")
    parser.add_argument("--mobilenet", type=Path, help="weights of mobilenet_v2")
    parser.add_argument("--lite2", type=Path, help="weights of tf_efficientnet_lite2")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--at-once", type=int, default=3, help="trainings that share the GPU")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--folder", type=Path, help="where the stages' files go and stay")
    parser.add_argument("--record", type=Path, help="a file for the lines, as JSON")
    given = parser.parse_args()
    if "office31" in given.parts and given.images is None:
        parser.error("office31 needs --images")
    if given.parts == ["table"]:
        print(table(given.record))
        return
    device = choose_device(given.device)
    place = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    print(f"{place}, torch {torch.__version__}", flush=True)
    with tempfile.TemporaryDirectory() as folder, suppress(BrokenPipeError):
        parts = {
            "speed": lambda: speeds(device, given),
            "repeat": lambda: repeats(device, given),
            "office31": lambda: office31(given, given.folder or Path(folder)),
        }
        for part in given.parts:
            for row in parts[part]():
                print(shown(row), flush=True)
                if given.record:
                    with given.record.open("a") as record:
                        record.write(json.dumps({"place": place, **row}) + "\n")


if __name__ == "__main__":
    main()
