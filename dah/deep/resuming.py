"""A training that goes on where a killed one was: its state in a file, written beside the steps."""

import hashlib
import platform
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from dah.compute.distributed import from_first, is_first, processes
from dah.errors import UserError
from dah.files.tensors import load_tensors, save_tensors

CODE = Path(__file__).parents[1]


class Resumable(Protocol):
    """A computation whose state between two steps can be read and set."""

    def mark(self) -> str: ...

    def state(self) -> dict[str, Any]: ...

    def resume(self, state: dict[str, Any]) -> None: ...


@contextmanager
def keeping(training: Resumable, path: Path | None) -> Iterator[Callable[[], None]]:
    """Resume a training from a file and keep its state there; the block calls what it is given.

    A state is copied between two steps and written by a thread meanwhile; while one is being
    written, none is begun. A file of other parameters, data, code or software is left aside with a
    line that says so. The file goes when the block ends well. None for `path`: nothing is kept.
    """
    if path is None:
        yield lambda: None
        return
    mark = training.mark()
    found = from_first(read_state(path, mark) if is_first() else None)
    if found is not None:
        training.resume(found)
        if is_first():
            print(f"{path}: resumed", file=sys.stderr)
    waiting: list[Future] = []
    with ThreadPoolExecutor(1) as writer:

        def keep() -> None:
            if not is_first() or (waiting and not waiting[-1].done()):
                return
            while waiting:
                waiting.pop().result()
            content = {"mark": mark, "state": copied(training.state())}
            waiting.append(writer.submit(save_tensors, path, content))

        yield keep
    if is_first():
        path.unlink(missing_ok=True)


def fingerprint(values: Sequence[Any], tensors: Sequence[Tensor]) -> str:
    """A digest of plain values and tensors, of this project's code, and of the software below."""
    software = torch.__version__, platform.machine(), processes(), str(tensors[0].device)
    digest = hashlib.sha256(repr((values, software)).encode())
    for path in sorted(CODE.rglob("*.py")):
        digest.update(path.read_bytes())
    for tensor in tensors:
        digest.update(repr((tensor.dtype, tuple(tensor.shape), _checksum(tensor))).encode())
    return digest.hexdigest()


def read_state(path: Path, mark: str) -> dict[str, Any] | None:
    """The state in a file that ``keeping`` wrote for the same `mark`; else None."""
    if not path.exists():
        return None
    try:
        content = load_tensors(path, "a state of training")
        if isinstance(content, dict) and content.get("mark") == mark:
            return content["state"]
        reason = "it is of other parameters, data or code"
    except UserError as error:
        reason = str(error)
    print(f"{path}: not resumed: {reason}; training starts anew", file=sys.stderr)
    return None


def copied(value: Any) -> Any:
    """Nested lists and mappings with copies of their tensors, on the CPU."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


def _checksum(tensor: Tensor) -> int:
    return zlib.crc32(tensor.detach().cpu().contiguous().numpy())
