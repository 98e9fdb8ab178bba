"""Codes by all GPUs or cores of a cluster of Ray, which may lose some of them meanwhile.

This process lists the images, deals them out in parts and alone writes: a part is a shard once all
its codes have come, so that a worker that is lost has left nothing, and another makes its part.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch

from dah.compute.inference import batch_size
from dah.encoder.dealt import Deal, Part, Reader, parts_of
from dah.encoder.encoder import Encoder, assemble
from dah.encoder.file import EncoderParts
from dah.encoder.imagerows import Header, Rows
from dah.encoder.inputs import Place
from dah.encoder.shards import SHARD, Done, next_number, rows_of, write_shard
from dah.errors import UserError

MOST_LOSSES = 5  # of workers at one part, and of workers one after another that never began


class Coded(NamedTuple):
    """A part that is written: the names of its images, and reasons by the names of failures."""

    names: list[str]
    failures: dict[str, str]


class Share(NamedTuple):
    """What a worker has of the cluster, and how many of them there are."""

    device: str
    cpus: int
    gpus: int
    workers: int


class Worker:
    """An encoder in a process of its own, somewhere in the cluster."""

    def __init__(self, parts: EncoderParts, model: Path, device: str, threads: int) -> None:
        self._made = parts, model, device
        self._threads = threads
        self._reader = Reader()

    def ready(self) -> str:
        """Assemble the encoder; its fingerprint."""
        self._encoder = assemble(*self._made, engine="torch")
        return self._encoder.fingerprint

    def encode(self, part: Part) -> tuple[list[Rows], dict[str, str]]:
        """The rows of a part's images, and why the others cannot be read."""
        rows, failures = [], {}
        for batch in self._encoder.batches(self._reader.members(part), self._threads):
            rows.append(rows_of(batch, part.origin))
            failures.update(batch.failures)
        return rows, failures


def ray() -> Any:
    """The module; raises ``UserError`` where it is not installed."""
    try:
        import ray as module  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UserError(
            "--ray needs Ray, which is not installed: pip install 'dah[ray]', the same on each"
            " machine of the cluster"
        ) from error
    return module


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """The cluster at an address; without one, that of this machine, begun where there is none."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    client = ray()
    try:
        client.init(address or None, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"--ray {address}: no cluster answers there: {reason}") from error
    try:
        yield client
    finally:
        client.shutdown()


def share_of(nodes: Sequence[dict[str, Any]], device: str) -> Share:
    """One worker for each GPU of the cluster, or for each core where it has none.

    `nodes` as of ``ray.nodes()``; `device` auto, cpu or cuda. Raises ``UserError`` where there is
    no such thing.
    """
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    cores = sum(int(of.get("CPU", 0)) for of in alive)
    with_gpus = [of for of in alive if of.get("GPU", 0) >= 1]
    if with_gpus and device != "cpu":
        cpus = min(int(of.get("CPU", 0)) // int(of["GPU"]) for of in with_gpus)
        return Share("cuda", max(1, cpus), 1, sum(int(of["GPU"]) for of in with_gpus))
    if device == "cuda" or not cores:
        raise UserError(
            f"the cluster has {cores} cores and no GPU; expected some of what --device {device}"
            " asks for"
        )
    return Share("cpu", 1, 0, cores)


def encode_on_cluster(
    encoder: Encoder,
    found: Sequence[Place],
    out: Path,
    header: Header,
    done: Done,
    address: str = "",
    device: str = "auto",
) -> Iterator[tuple[Place, Coded]]:
    """Encode all images but those done as ``encode_rest`` does, on a cluster of Ray.

    `encoder` is this process's own, of which the workers get the parts. Codes and their order are
    those of one process on the same kind of processor. Yields each part when its shard is written.
    Raises ``UserError`` where a part's workers were lost ``MOST_LOSSES`` times.
    """
    listed = [
        (origin, [name for name in origin.listed() if name not in done.get(origin.place, ())])
        for origin in found
    ]
    with connected(address) as client:
        share = share_of(client.nodes(), device)
        batch = batch_size(torch.device(share.device), encoder.network.input_size)
        parts = parts_of(listed, next_number(out), batch, SHARD, share.workers)
        weights = client.put(encoder.parts)
        options = {"num_cpus": share.cpus, "num_gpus": share.gpus, "max_restarts": 0}
        kind = client.remote(**options)(Worker)

        def start() -> Any:
            return kind.remote(weights, Path(header.model), share.device, share.cpus)

        workers = min(share.workers, len(parts))
        for part, (rows, failures) in _all_made(client, parts, start, workers, header):
            made = [batch for batch in rows if batch.names]
            if made:
                write_shard(out, part.number, header, made)
            yield part.origin, Coded([name for batch in made for name in batch.names], failures)


def _all_made(
    client: Any, parts: Sequence[Part], start: Any, workers: int, header: Header
) -> Iterator[tuple[Part, tuple[list[Rows], dict[str, str]]]]:
    """What the workers make of each part, in the order in which they finish."""
    deal, losses = Deal(parts), Counter[int]()
    left = len(parts)
    idle: list[tuple[Any, Part | None]] = []
    running: dict[Any, tuple[Any, Part | None]] = {}

    def begin() -> None:
        worker = start()
        running[worker.ready.remote()] = worker, None

    def hand_out(worker: Any, last: Part | None) -> None:
        part = deal.next(last)
        if part is None:
            idle.append((worker, last))
        else:
            running[worker.encode.remote(part)] = worker, part

    for _ in range(workers):
        begin()
    while left:
        (ref, *_), _ = client.wait(list(running))
        worker, part = running.pop(ref)
        try:
            made = client.get(ref)
        except (client.exceptions.RayActorError, client.exceptions.OutOfMemoryError) as error:
            number = -1 if part is None else part.number
            losses[number] += 1
            if losses[number] > MOST_LOSSES:
                raise _lost(part) from error
            begin()
            if part is not None:
                deal.give_back(part)
                if idle:
                    hand_out(*idle.pop())
            continue
        except client.exceptions.RayError as error:
            raise _failed(part, error) from error
        losses[-1] = 0
        if part is not None:
            left -= 1
            yield part, made
        elif made != header.fingerprint:
            raise UserError(
                f"a worker made the model {made} of {header.fingerprint}: install the same version"
                " of dah on all machines of the cluster"
            )
        hand_out(worker, part)


def _failed(part: Part | None, error: Exception) -> UserError:
    cause = getattr(error, "cause", None)
    if isinstance(cause, UserError):
        return cause
    reason = " ".join(str(cause or error).split())[-300:]
    place = "a worker" if part is None else f"{part.origin.place}, from {part.names[0]!r} on"
    return UserError(f"{place}: {type(cause or error).__name__}: {reason}")


def _lost(part: Part | None) -> UserError:
    if part is None:
        return UserError(
            f"{MOST_LOSSES + 1} workers ended before they began; look into Ray's logs: ray status,"
            " /tmp/ray/session_latest/logs"
        )
    return UserError(
        f"{part.origin.place}: {MOST_LOSSES + 1} workers were lost at the images {part.names[0]!r}"
        f" ... {part.names[-1]!r}: give each more memory, or encode these in one process; what is"
        " finished is kept"
    )
